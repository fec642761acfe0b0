"""`manage.py notify`: tell people something from a shell."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.notifications.addressing import customer_named, role_named, user_named
from core.notifications.audience import Audience
from core.notifications.content import BadNotification
from core.notifications.models import Level
from core.notifications.services.telling import notify


class Command(BaseCommand):
    """Tell a user, a customer's people, a role or everyone something, and print the notification's id."""

    help = "Tell a user, a customer's people, a role or everyone something; prints the notification's id."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whom to tell, and what."""
        to = parser.add_mutually_exclusive_group(required=True)
        to.add_argument("--user", metavar="NAME", help="one user, by username")
        to.add_argument("--customer", metavar="NAME", help="all who buy for a customer, by name or number")
        to.add_argument("--role", metavar="NAME", help="all in a group of that name; `staff`: all who work here")
        to.add_argument("--everyone", action="store_true", help="all who can sign in")
        parser.add_argument("title", help="what it is, in a line")
        parser.add_argument("--body", default="", help="more about it")
        parser.add_argument("--level", default=Level.INFO.value, help=f"{', '.join(Level.values)} (default: info)")
        parser.add_argument("--link", default="", help="a path of this site, or an https URL")

    def handle(self, *_: Any, **options: Any) -> None:
        """Tell them; CommandError says what is wrong."""
        try:
            told = notify(
                _audience(options),
                options["title"],
                body=options["body"],
                level=options["level"],
                link=options["link"],
            )
        except BadNotification as error:
            raise CommandError(str(error)) from error
        self.stdout.write(str(told.pk))


def _audience(options: dict[str, Any]) -> Audience:
    for name, find in {"user": user_named, "customer": customer_named, "role": role_named}.items():
        if options[name] is not None:
            return find(options[name])
    return Audience.everyone()
