"""The handshake: which subprotocol is spoken, and whom we close at once.

A refusal is delivered as a close code after accepting, also of a subprotocol that we don't speak: before that, a
browser would see 1006 whatever the reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from consumers import origin
from realtime import SUBPROTOCOL

FOREIGN_ORIGIN = 4503
NOT_SPOKEN = 4509


@dataclass(frozen=True, slots=True)
class Handshake:
    """How to accept a connection; with `code`, it is closed at once."""

    subprotocol: str | None
    code: int | None = None
    reason: str = ""


def shake_hands(scope: Mapping[str, object]) -> Handshake:
    """Decide about a connection by its offer of subprotocols and its origin."""
    offered = cast("Sequence[str]", scope.get("subprotocols") or ())
    if not origin.permitted(scope):
        return Handshake(_spoken(offered), FOREIGN_ORIGIN, "this page may not connect")
    if SUBPROTOCOL not in offered:
        return Handshake(_spoken(offered), NOT_SPOKEN, f"offer the subprotocol {SUBPROTOCOL}")
    return Handshake(SUBPROTOCOL)


def _spoken(offered: Sequence[str]) -> str | None:
    return SUBPROTOCOL if SUBPROTOCOL in offered else next((each for each in offered if each), None)
