"""Choices out of one number, so that a step of a schedule is its name and that number, and nothing else.

A step means something whatever was left out before it: it chooses among what there is when it is taken. That is
what makes a schedule something that can be shrunk, kept in a file and run again.
"""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

BITS = 48
"""Enough for the choices of any step; once they are used up, the first of all possibilities is taken."""


class Dice:
    """The choices of one step."""

    __slots__ = ("_left",)

    def __init__(self, number: int) -> None:
        self._left = number

    def below(self, count: int) -> int:
        """Return a number from 0 to `count` - 1."""
        self._left, chosen = divmod(self._left, count)
        return chosen

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options; there must be some."""
        self._left, chosen = divmod(self._left, len(options))
        return options[chosen]

    def chance(self, percent: int) -> bool:
        """Return true in so many of a hundred cases; never for the number 0."""
        return self.below(100) >= 100 - percent
