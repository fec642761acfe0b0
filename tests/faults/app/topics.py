"""What is live: the stream `proof` and its topics."""

from typing import Any

from core.accounts.policies import is_customer, is_staff, is_staff_or_customer
from realtime import Row, Rows, Stream, Watch
from tests.faults.app.models import Bulk, Doc, Event, Item, Line

ITEM = ["id", "version", "token", "owner", "amount", "canary"]
DOC = ["id", "version", "token", "owner"]
LINE = ["id", "version", "token", "owner", "doc", "amount", "canary"]
EVENT = ["id", "version", "token", "owner", "text"]
BULK = ["id", "version", "token"]

proof = Stream(
    "proof",
    watch=[
        Watch(Item, columns=ITEM),
        Watch(Doc, columns=DOC),
        Watch(Line, columns=LINE),
        Watch(Event, columns=EVENT),
        Watch(Bulk, columns=BULK),
    ],
)


def shown(row: Row) -> dict[str, Any]:
    """Every column but the key, numbers with decimals as strings."""
    return {
        name.removesuffix("_id"): str(value) if name == "amount" else value
        for name, value in row.items()
        if name != "id"
    }


@proof.topic("proof/items", policy=is_staff)
def items(user: Any) -> list[Rows]:
    """All items and events, for the people who work here."""
    return [Rows(Item, project=shown), Rows(Event, project=shown)]


@proof.topic("proof/mine", policy=is_customer)
def mine(user: Any) -> list[Rows]:
    """The items and events of the customer that the user buys for."""
    theirs = {"owner": user.customer_id}
    return [Rows(Item, where=theirs, project=shown), Rows(Event, where=theirs, project=shown)]


@proof.topic("proof/doc/<int:id>", policy=is_staff_or_customer)
def document(user: Any, id: int) -> list[Rows]:  # noqa: A002 - the parameter's name in the pattern
    """One document with its lines: for staff, and for the customer as long as it is theirs."""
    theirs = {} if is_staff(user) else {"owner": user.customer_id}
    found = Doc._default_manager.only("pk").get(pk=id, **theirs)
    return [
        Rows(Doc, where={"id": found.pk, **theirs}, project=shown, anchor=True),
        Rows(Line, where={"doc": found.pk}, project=shown),
    ]
