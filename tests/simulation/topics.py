"""What is sold here: kinds of rows, who may see which, and the topics that show them, with the plain truth of each.

Every row shown carries a canary that names its owner, so that a row in the wrong hands is seen in the raw bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from realtime.errors import Forbidden, UnknownTopic
from realtime.pure.changes import Row, RowKey
from realtime.pure.selection import Derivation, Part, Projection, Selection
from tests.simulation.dice import Dice

STREAM, OTHER_STREAM = "shop", "elsewhere"
KEYS = {"item": 6, "doc": 2, "line": 4}
"""Kinds whose keys come again, with the number of those; the keys of an `event` never do."""

NOTE = "note"
"""A kind of the other stream, which nobody watches: it shares inbox and transactions with the first."""

CUSTOMERS = (7, 8, None)
Rows = dict[RowKey, Row]
Shown = dict[RowKey, Any]


def canary(owner: int | None) -> str:
    """Return what must not be seen by anyone but the owner and staff."""
    return f"canary-of-{owner}"


CANARIES = {owner: f'"{canary(owner)}"'.encode() for owner in CUSTOMERS}


def make_row(kind: str, key: str, version: int, dice: Dice) -> Row:
    """Return a row of a kind; what selections filter on changes often. Versions rise with every write of a row."""
    row: dict[str, Any] = {"id": int(key), "version": version}
    if kind == "item":
        row |= {"value": dice.below(3), "secret": dice.below(3), "group": dice.pick([1, 2, None])}
        row |= {"flag": dice.below(2) == 0, "owner": dice.pick(CUSTOMERS)}
    elif kind == "doc":
        row |= {"owner": dice.pick([7, 7, 8])}
    elif kind == "line":
        row |= {"doc": dice.below(2), "owner": dice.pick([7, 8])}
    elif kind == "event":
        row |= {"owner": dice.pick([7, 8])}
    return row


def plain(row: Row) -> dict[str, Any]:
    """Project an item: neither its secret nor its version is shown, so that a change may change nothing shown."""
    return {"id": row["id"], "value": row["value"], "canary": canary(row["owner"])}


def versioned(row: Row) -> dict[str, Any]:
    """Project any other row with its version."""
    return {"id": row["id"], "version": row["version"], "canary": canary(row["owner"])}


def count_values(
    sources: Mapping[str, Mapping[str, Row]], parameters: Mapping[str, Any]
) -> dict[RowKey, dict[str, Any]]:
    """Derive: one row for each value, with the number of items that have it."""
    counts: dict[int, int] = {}
    for row in sources["item"].values():
        counts[row["value"]] = counts.get(row["value"], 0) + 1
    return {RowKey("total", str(value)): {"count": count} for value, count in counts.items()}


PLAIN, VERSIONED = Projection("plain", "1", plain), Projection("versioned", "1", versioned)
TOTALS = Derivation("totals", "1", (), count_values)


def part(kind: str, *alternatives: dict[str, Any], anchor: bool = False) -> Part:
    """Return a part of some alternatives (none given: every row)."""
    pairs = tuple(tuple(sorted(alternative.items())) for alternative in alternatives) or ((),)
    return Part(kind, pairs, PLAIN if kind == "item" else VERSIONED, anchor)


@dataclass(frozen=True, slots=True)
class Rights:
    """On what rights rest: whether someone is signed in, works here, and for which customer they buy."""

    known: bool
    staff: bool
    customer: int | None

    def may_see(self, owner: int | None) -> bool:
        """Tell whether rows of an owner may ever be shown to someone with these rights."""
        return self.staff or (self.customer is not None and owner == self.customer)


NOBODY = Rights(known=False, staff=False, customer=None)
TOPICS = ("items", "groups", "mine", "doc/0", "doc/1", "totals")


@cache
def selection_of(topic: str, rights: Rights) -> Selection | None:
    """Return what a topic selects for someone with these rights; None when it is not for them."""
    own = {"owner": rights.customer}
    if topic == "totals":
        return Selection(STREAM, (part("item", {"flag": True}),), TOTALS)
    if topic == "mine" and rights.known:
        return Selection(STREAM, (part("item", own), part("event", own)))
    if topic == "items" and rights.staff:
        return Selection(STREAM, (part("item"), part("line"), part("event")))
    if topic == "groups" and rights.staff:
        return Selection(STREAM, (part("item", {"group": 2, "flag": True}, {"group": 1}, {"value": 0}),))
    if topic.startswith("doc/") and (rights.staff or rights.customer is not None):
        number = int(topic[4:])
        own = {} if rights.staff else own
        anchor = part("doc", {"id": number, **own}, anchor=True)
        return Selection(STREAM, (anchor, part("line", {"doc": number, **own})))
    return None


def resolve(topic: str, rights: Rights, rows: Rows) -> Selection:
    """Return what a topic selects for someone now; raise Forbidden or UnknownTopic, as a topic function does."""
    selection = selection_of(topic, rights)
    if selection is not None and anchored(selection, rows):
        return selection
    raise UnknownTopic("there is no such topic") if topic.startswith("doc/") else Forbidden("it is not for you")


def anchored(selection: Selection, rows: Rows) -> bool:
    """Tell whether the rows that the selection's permission rests on exist."""
    anchors = [part for part in selection.parts if part.anchor]
    return all(any(key.kind == part.kind and selects(part, row) for key, row in rows.items()) for part in anchors)


def selects(part: Part, row: Row) -> bool:
    """Tell whether a part has a row: written down once more, so that a bug of the product's own does not hide."""
    for alternative in part.alternatives:
        for column, value in alternative:
            if value is None or row[column] != value:
                break
        else:
            return True
    return False


def expected(selection: Selection, rows: Rows) -> Shown:
    """Return what a client of a selection must show, computed the plain way."""
    parts = selection.part_of
    chosen = {key: row for key, row in rows.items() if key.kind in parts and selects(parts[key.kind], row)}
    if selection.derivation is None:
        return {key: parts[key.kind].projection.project(row) for key, row in chosen.items()}
    sources: dict[str, dict[str, Any]] = {part.kind: {} for part in selection.parts}
    for key, row in chosen.items():
        sources[key.kind][key.key] = row
    return {key: dict(row) for key, row in selection.derivation.derive(sources, {}).items()}


def concerns(selection: Selection, kind: str, old: Row | None, new: Row | None) -> bool:
    """Tell whether a change touches what a selection shows."""
    found = selection.part_of.get(kind)
    return found is not None and any(row is not None and selects(found, row) for row in (old, new))
