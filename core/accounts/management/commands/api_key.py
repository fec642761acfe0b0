"""`manage.py api_key`: make, list and revoke the keys of tools."""

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.accounts.keys import SCOPES, BadKey, make_key, revoke_key
from core.accounts.models import ApiKey


class Command(BaseCommand):
    """Keys for the HTTP API."""

    help = "Make, list and revoke API keys."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add one subcommand for each thing that can be done."""
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a key and print its token, once")
        create.add_argument("name", help="name of the tool that will use it")
        create.add_argument(
            "--scope",
            action="append",
            required=True,
            dest="scopes",
            metavar="SCOPE",
            help=f"what it may do; can be given several times; there are: {', '.join(sorted(SCOPES))}",
        )
        actions.add_parser("list", help="show the keys there are and were, without their secrets")
        revoke = actions.add_parser("revoke", help="end a key at once")
        revoke.add_argument("name", help="name of a key in force")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what was asked; CommandError says why it can't be done."""
        try:
            match options["action"]:
                case "create":
                    self._create(options["name"], options["scopes"])
                case "list":
                    self._list()
                case _:
                    key = revoke_key(options["name"])
                    self.stdout.write(f"{key.name} opens nothing any more")
        except BadKey as error:
            raise CommandError(str(error)) from error

    def _create(self, name: str, scopes: list[str]) -> None:
        key, token = make_key(name, scopes)
        self.stdout.write(token)
        self.stderr.write(f"This is the key of {key.name}, for {', '.join(key.scopes)}. It is shown only now.")

    def _list(self) -> None:
        rows = [["name", "starts with", "scopes", "made", "last used", "revoked"]]
        for key in ApiKey.objects.all():
            times = (key.created_at, key.last_used_at, key.revoked_at)
            rows.append([key.name, f"tl_{key.prefix}_", ", ".join(key.scopes), *map(_minute, times)])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            self.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _minute(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M") if at else "-"
