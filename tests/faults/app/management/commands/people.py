"""Makes customers, buyers and staff, each with what a session of theirs holds; prints them as JSON."""

import json
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.management.base import BaseCommand, CommandParser

from core.accounts.models import Customer, User


class Command(BaseCommand):
    """`people --customers 4 --buyers 4 --staff 3`: so many buyers for each customer."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Say how many."""
        parser.add_argument("--customers", type=int, required=True)
        parser.add_argument("--buyers", type=int, required=True)
        parser.add_argument("--staff", type=int, required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        """Make them."""
        customers = [Customer.objects.create(name=f"Customer {number}") for number in range(options["customers"])]
        buyers = [
            User.objects.create(username=f"buyer-{customer.pk}-{number}", password="!", customer=customer)
            for customer in customers
            for number in range(options["buyers"])
        ]
        staff = [
            User.objects.create(username=f"staff-{number}", password="!", is_staff=True)
            for number in range(options["staff"])
        ]
        people = [
            {"name": user.username, "pk": user.pk, "customer": user.customer_id, "session": session_of(user)}
            for user in [*buyers, *staff]
        ]
        self.stdout.write(json.dumps({"customers": [customer.pk for customer in customers], "people": people}))


def session_of(user: User) -> str:
    """Return what a session of the user holds: the same, whatever its key."""
    content = {
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[-1],
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }
    return SessionStore().encode(content)
