"""What a notification may say, and the errors that say why one may not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from core.errors import ShopError
from core.notifications.models import ABOUT_LENGTH, BODY_LENGTH, LINK, LINK_LENGTH, TITLE_LENGTH, Level

UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
UNPRINTABLE_IN_LINES = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
"""A body has lines and tabs."""

LONGEST = {"title": TITLE_LENGTH, "body": BODY_LENGTH, "link": LINK_LENGTH, "about": ABOUT_LENGTH}

LONGEST = {"title": TITLE_LENGTH, "body": BODY_LENGTH, "link": LINK_LENGTH, "about": ABOUT_LENGTH}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field of a notification."""

    field: str
    message: str


class BadNotification(ShopError):
    """A notification that can't be: to nobody who exists, without a title, or with something unsafe in it."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.message}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Content:
    """What a notification says."""

    title: str
    body: str = ""
    level: str = Level.INFO
    link: str = ""
    about: str = ""

    def check(self) -> None:
        """Raise BadNotification with all that is wrong."""
        if faults := tuple(self._faults()):
            raise BadNotification(*faults)

    def _faults(self) -> Iterator[Fault]:
        if not self.title.strip():
            yield Fault("title", "must say something")
        for name, longest in LONGEST.items():
            text = getattr(self, name)
            if len(text) > longest:
                yield Fault(name, f"has {len(text)} characters; {longest:,} are the most")
        for name in ("title", "body", "about"):
            if (UNPRINTABLE_IN_LINES if name == "body" else UNPRINTABLE).search(getattr(self, name)):
                yield Fault(name, "must not hold control characters or half of a surrogate pair")
        if self.level not in Level.values:
            yield Fault("level", f"is {self.level!r}; it must be one of {', '.join(Level.values)}")
        if self.link and (UNPRINTABLE.search(self.link) or not re.search(LINK, self.link)):
            yield Fault("link", "must be a path that begins with one '/' or an https:// URL, without spaces or '\\'")
