"""The people of a stage: customers, those who buy for them, and staff; they sign in and out and are moved.

Signing in copies the session that Django made of the user to a new key: its content does not depend on the key.
"""

import json
import secrets
import subprocess
import time
from dataclasses import dataclass, replace
from typing import Any

from tests.faults.place import Place
from tests.faults.rights import Right, Rights
from tests.support.processes import CHECKOUT, manage

CUSTOMERS, BUYERS, STAFF = 4, 4, 3
"""So many customers, so many buyers for each of them, and so many who work here."""

ADD_SESSION = """
INSERT INTO django_session (session_key, session_data, expire_date) VALUES (%s, %s, now() + interval '40 days')
"""
"""A wall clock that is days ahead must not end it."""

END_SESSIONS = "DELETE FROM django_session WHERE session_key = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Person:
    """A user: `customer` is the one that they buy for at first, None for staff. `content` is what a session holds."""

    name: str
    pk: int
    customer: int | None
    content: str

    @property
    def staff(self) -> bool:
        """Tell whether they work here."""
        return self.customer is None


class People:
    """Everyone, their sessions, and what became of their rights; what writes returns the time after its commit."""

    def __init__(self, place: Place, customers: list[int], everyone: list[Person]) -> None:
        now = time.monotonic()
        self.customers = customers
        self.buyers = [person for person in everyone if not person.staff]
        self.staff = [person for person in everyone if person.staff]
        self._place = place
        self._rights = {
            person.name: [Right(now, staff=person.staff, customer=person.customer, active=True)] for person in everyone
        }
        self._ended: dict[str, float] = {}
        self._cookies: dict[str, list[str]] = {person.name: [] for person in everyone}

    def of(self, customer: int) -> list[Person]:
        """Return those who bought for a customer at first."""
        return [person for person in self.buyers if person.customer == customer]

    def cookie(self, person: Person) -> str:
        """Return the cookie of the person's latest session that has not ended; sign in if there is none."""
        live = [cookie for cookie in self._cookies[person.name] if cookie not in self._ended]
        return live[-1] if live else self.sign_in(person)

    def sign_in(self, person: Person) -> str:
        """Make a new session and return its cookie."""
        key = secrets.token_hex(16)
        self._write(ADD_SESSION, key, person.content)
        cookie = f"sessionid={key}"
        self._cookies[person.name].append(cookie)
        return cookie

    def sign_out(self, person: Person) -> float:
        """End all sessions of the person."""
        cookies = self._cookies[person.name]
        at = self._write(END_SESSIONS, [cookie.partition("=")[2] for cookie in cookies])
        for cookie in cookies:
            self._ended.setdefault(cookie, at)
        return at

    def deactivate(self, person: Person) -> float:
        """Let the person be somebody who may not sign in."""
        return self._change(person, "UPDATE accounts_user SET is_active = false WHERE id = %s", active=False)

    def reinstate(self, person: Person) -> float:
        """Make the person what they were at first; sessions that ended stay ended."""
        statement = "UPDATE accounts_user SET is_active = true, customer_id = %s WHERE id = %s"
        return self._change(person, statement, person.customer, active=True, customer=person.customer)

    def move(self, person: Person, customer: int) -> float:
        """Let the person buy for another customer."""
        return self._change(
            person, "UPDATE accounts_user SET customer_id = %s WHERE id = %s", customer, customer=customer
        )

    def permitted(self) -> Rights:
        """Return who was allowed what so far, for the checker."""
        return Rights({name: tuple(rights) for name, rights in self._rights.items()}, dict(self._ended))

    def _change(self, person: Person, statement: str, *values: Any, **right: Any) -> float:
        since = time.monotonic()
        until = self._write(statement, *values, person.pk)
        rights = self._rights[person.name]
        last = rights[-1]
        rights[-1] = replace(last, until=until)
        rights.append(replace(last, since=since, **right))
        return until

    def _write(self, statement: str, *values: Any) -> float:
        with self._place.connect() as connection:
            connection.execute(statement.encode(), values)
            return time.monotonic()


def make_people(place: Place) -> People:
    """Make everyone, in a process of the product's."""
    counts = ["--customers", str(CUSTOMERS), "--buyers", str(BUYERS), "--staff", str(STAFF)]
    made = subprocess.run(
        manage("people", *counts), cwd=CHECKOUT, env=place.environment(), check=True,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    told = json.loads(made.stdout)
    everyone = [Person(each["name"], each["pk"], each["customer"], each["session"]) for each in told["people"]]
    return People(place, told["customers"], everyone)
