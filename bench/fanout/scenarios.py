"""How subjects are driven, and what is noted of each run.

A run opens all subscribers, publishes for a warm-up and then for a window, and waits for what is still on its way.
CPU, deliveries and delays are those of the window. Every delivery of the whole run is checked, and all that was
published must have come at the end: `behind` is what had not, `lost` what was passed over.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.cpu import Meter
from bench.fanout.load import Load
from bench.fanout.subjects import Change, Subject, running
from bench.report import Record

SUBSCRIBERS = 1000
TOPICS = 2000
OUTSTANDING = 16

WARM_UP_SECONDS = 1.0
QUIET_SECONDS = 2.0
PATIENCE_SECONDS = 4.0
"""At the end: so long without any delivery and nothing more will come; after so long it is called behind."""


@dataclass(frozen=True)
class Plan:
    """One way to drive a subject. `rate`: changes per second; 0 keeps OUTSTANDING changes on their way."""

    name: str
    title: str
    connections: int
    rate: float
    keyed: bool = False


STEADY = Plan("steady", f"Steady: {SUBSCRIBERS:,} subscribers, 20 changes/s", SUBSCRIBERS, 20)
SATURATED = Plan("saturated", f"Saturated: {SUBSCRIBERS:,} subscribers, {OUTSTANDING} outstanding", SUBSCRIBERS, 0)
KEYED = Plan("keyed", f"Each its own: {TOPICS:,} topics with one subscriber, 1,000 changes/s", TOPICS, 1000, keyed=True)
PLANS = {plan.name: plan for plan in (STEADY, SATURATED, KEYED)}


class Publisher:
    """Publishes for a while, and knows how far it is."""

    def __init__(self, subject: Subject, plan: Plan, load: Load) -> None:
        self._subject = subject
        self._plan = plan
        self._load = load
        self.published = 0

    def run(self, seconds: float) -> None:
        """Publish for so long."""
        if self._plan.rate:
            self._at_rate(seconds)
        else:
            self._keep_outstanding(seconds)

    def complete(self) -> None:
        """Give each key the same number of changes, so that one number says what all have reached."""
        if self._plan.keyed:
            self._publish(-self.published % self._plan.connections)

    @property
    def number(self) -> int:
        """The number that every subscriber gets to at last."""
        return self.published // self._plan.connections if self._plan.keyed else self.published

    def _publish(self, count: int) -> None:
        if count:
            self._subject.publish([self._change(self.published + each) for each in range(count)])
            self.published += count

    def _change(self, index: int) -> Change:
        if self._plan.keyed:
            number, key = divmod(index, self._plan.connections)
            return Change(number + 1, key)
        return Change(index + 1)

    def _at_rate(self, seconds: float) -> None:
        start, before = time.monotonic(), self.published
        while (passed := time.monotonic() - start) < seconds:
            self._publish(int(passed * self._plan.rate) + 1 - (self.published - before))
            due = start + (self.published - before) / self._plan.rate
            time.sleep(max(0.0, due - time.monotonic()))

    def _keep_outstanding(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            reached = max(self._load.reached, 0)
            if free := OUTSTANDING - (self.published - reached):
                self._publish(free)
            else:
                self._load.wait_beyond(reached, left)


def run(make: Callable[[], Subject], plan: Plan, seconds: float) -> Record:
    """Return the record of one run."""
    subject = make()
    if reason := subject.missing():
        return {"scenario": plan.name, "subject": subject.name, "missing": reason}
    with (
        running(subject, keyed=plan.connections if plan.keyed else 0),
        Load(subject.audience(plan.connections)) as load,
    ):
        opened = load.connect()
        publisher = Publisher(subject, plan, load)
        publisher.run(WARM_UP_SECONDS)
        roles = subject.roles()
        meter = Meter(
            {"server": roles.servers, "redis": roles.broker, "relay": roles.relay, "postgresql": roles.database}
        )
        parts = [load.measure()]
        before = publisher.published
        meter.reset()
        publisher.run(seconds)
        used = meter.seconds()
        parts.append(load.measure())
        changes = publisher.published - before
        publisher.complete()
        _settle(load, publisher.number)
        parts.append(load.report(publisher.number))
        return {
            "scenario": plan.name,
            "subject": subject.name,
            **_costs(parts[1], used, changes),
            **_faults(parts, refused=opened["failed"], closed=len(load.closed)),
        }


def _costs(window: dict[str, Any], used: dict[str, float], changes: int) -> Record:
    """Return what the window cost; None for what can't be said, where nothing was delivered in it."""

    def each(amount: float, count: int) -> float | None:
        return amount / count if count else None

    deliveries = window["deliveries"]
    return {
        "cpu_us_per_delivery": each((used["server"] + used["redis"]) * 1e6, deliveries),
        "server_us": each(used["server"] * 1e6, deliveries),
        "redis_us": each(used["redis"] * 1e6, deliveries),
        "relay_us_per_change": each(used["relay"] * 1e6, changes),
        "postgresql_us_per_change": each(used["postgresql"] * 1e6, changes),
        "deliveries_per_second": deliveries / window["seconds"],
        "changes_per_second": changes / window["seconds"],
        "frames_per_delivery": each(window["frames"], deliveries),
        "reads_per_delivery": each(window["reads"], deliveries),
        "p50_ms": window["p50_ms"],
        "p99_ms": window["p99_ms"],
        "max_ms": window["max_ms"],
    }


def _faults(parts: list[dict[str, Any]], *, refused: int, closed: int) -> Record:
    """Sum what was wrong over the whole run, warm-up and end included."""
    total = {name: sum(part[name] for part in parts) for name in ("lost", "doubled", "reordered")}
    return {
        "lost": total["lost"],
        "behind": parts[-1]["missing"],
        "doubled": total["doubled"],
        "reordered": total["reordered"],
        "refused": refused,
        "closed": closed,
    }


def _settle(load: Load, number: int) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while load.reached < number and (left := end - time.monotonic()) > 0:
        if not load.wait_beyond(load.reached, min(left, QUIET_SECONDS)):
            return
