"""What one transaction writes: keys, canaries, and the note of each row change as it is made."""

from decimal import Decimal
from random import Random

Written = list[str | int | None]

FIRST_VERSION = 1


class Keys:
    """Keys that no other writer gives out, in any branch: each writer has ten million of its own."""

    def __init__(self, writer: int) -> None:
        self._last = writer * 10_000_000

    def new(self) -> int:
        """Return a key that was never used."""
        self._last += 1
        return self._last

    def range(self, count: int) -> tuple[int, int]:
        """Return the first and last of so many keys."""
        first = self._last + 1
        self._last += count
        return first, self._last


class Hand:
    """One transaction in the making: `token` goes into every row, `written` into the journal."""

    def __init__(self, token: str, keys: Keys, customers: list[int], random: Random) -> None:
        self.token = token
        self.keys = keys
        self.customers = customers
        self.random = random
        self.written: list[Written] = []

    def customer(self) -> int:
        """Return anybody."""
        return self.random.choice(self.customers)

    def amount(self) -> Decimal:
        """Return a number above zero, with two decimals."""
        return Decimal(self.random.randrange(1, 10**6)).scaleb(-2)

    def inserted(self, kind: str, key: int) -> None:
        """Note a new row, in its first version."""
        self.written.append([kind, str(key), None, FIRST_VERSION])

    def updated(self, kind: str, key: int, version: int) -> None:
        """Note a row that has this version now, and had the one before."""
        self.written.append([kind, str(key), version - 1, version])

    def corrected(self, key: int, version: int) -> None:
        """Note a line that the table's own trigger wrote once more: the update is logged as what came of it."""
        self.written.append(["line", str(key), version - 1, version])
        self.written.append(["line", str(key), version - 2, version])

    def deleted(self, kind: str, key: int, version: int) -> None:
        """Note a row that was deleted in this version."""
        self.written.append([kind, str(key), version, None])


def canary(owner: int, key: int) -> str:
    """Return what must stand in no frame to anybody but the owner and staff."""
    return f"canary-of-{owner}-{key}"


PASS_DOC = "UPDATE proof_doc SET version = version + 1, token = %s, owner_id = %s WHERE id = %s RETURNING version"

PASS_LINES = """
UPDATE proof_line SET version = version + 1, token = %s, owner_id = %s, canary = 'canary-of-' || %s || '-' || id
WHERE doc_id = %s RETURNING id, version
"""
