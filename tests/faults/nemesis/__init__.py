"""The faults, by the part that they hurt; the catalogue is every one of them, by name.

May import: the stage and everything that plays on it. Nothing here judges: that is the checker's.
"""

from collections.abc import Mapping

from realtime.drivers.relay import Step
from tests.faults.history import Reads
from tests.faults.nemesis.clients import BadClients, ReconnectStorm
from tests.faults.nemesis.clocks import clock_faults
from tests.faults.nemesis.disk import DiskFull
from tests.faults.nemesis.fault import PAUSES, Fault
from tests.faults.nemesis.freezes import PostgresFrozen, RedisFrozen, RelayFrozenAt, UnitFrozen
from tests.faults.nemesis.kills import BackendKilled, UnitKilled, WriterKilled
from tests.faults.nemesis.network import LINKS, link_faults
from tests.faults.nemesis.operations import RetentionPasses, RollingRestart
from tests.faults.nemesis.postgres import BackendsTerminated, PostgresStopped
from tests.faults.nemesis.redis import (
    RedisBufferTiny,
    RedisClientsKilled,
    RedisFlushed,
    RedisKilled,
    RedisRestarted,
)
from tests.faults.nemesis.restores import Restored
from tests.faults.nemesis.rights import right_faults
from tests.faults.nemesis.writes import write_faults
from tests.faults.scene import Scene

__all__ = ["Fault", "Scene", "catalogue", "short_catalogue"]

BRIEF = (1.0, 7.0)


def catalogue() -> Mapping[str, Fault]:
    """Return every fault by its name, in the order of the table."""
    links = [fault for link in LINKS for fault in link_faults([link], BRIEF, PAUSES)]
    return _named([*_processes(), *_stores(), *links, *_clients(), *clock_faults(together=False), *_rest()])


def short_catalogue() -> Mapping[str, Fault]:
    """Return the same for the short round: links, and jumps of a clock, take turns in one fault of each kind."""
    links = link_faults(LINKS, (2.5,), (2.5,))
    return _named([*_processes(), *_stores(), *links, *_clients(), *clock_faults(together=True), *_rest()])


def _named(faults: list[Fault]) -> Mapping[str, Fault]:
    named = {fault.name: fault for fault in faults}
    assert len(named) == len(faults), "two faults have one name"
    return named


def _processes() -> list[Fault]:
    return [
        UnitKilled("server"),
        UnitKilled("relay"),
        UnitKilled("relay", count=2),
        BackendKilled(),
        WriterKilled(),
        UnitFrozen("server"),
        UnitFrozen("relay"),
        UnitFrozen("relay", count=2),
        RelayFrozenAt(
            Step.ASSIGNED, "relay_frozen_in_assignment", "SIGSTOP of a relay that has numbered and not committed"
        ),
        RelayFrozenAt(
            Step.COMMITTED, "relay_frozen_before_publish", "SIGSTOP of a relay exactly between assign and publish"
        ),
    ]


def _stores() -> list[Fault]:
    return [
        RedisKilled(),
        RedisFrozen(),
        RedisRestarted(with_data=True),
        RedisRestarted(with_data=False),
        RedisFlushed(),
        RedisClientsKilled(),
        RedisBufferTiny(),
        PostgresStopped(),
        PostgresFrozen(),
        BackendsTerminated(),
        Restored("restored", "an older copy of the database takes its place; positions go back"),
        Restored(
            "restored_overtaken", "the same, and the copy has overtaken the old head before anyone sees it",
            overtaken=True,
        ),
        Restored(
            "restored_forgotten", "the same, and no relay remembers the old log", overtaken=True, forgotten=True
        ),
        DiskFull("disk_full", "the database's disk is full: tables can't grow", log_too=False),
        DiskFull("disk_full_log", "the disk is full for PostgreSQL's log too, and it goes down", log_too=True),
    ]  # fmt: skip


def _clients() -> list[Fault]:
    return [
        BadClients(Reads.NOTHING, "clients_read_nothing", "clients who read nothing, beside the others"),
        BadClients(Reads.SLOWLY, "clients_read_slowly", "clients who read 1 KB/s, beside the others"),
        BadClients(Reads.HALF_OPEN, "clients_half_open", "clients who are gone without a word, beside the others"),
        ReconnectStorm(),
    ]


def _rest() -> list[Fault]:
    return [*write_faults(), RollingRestart(), *right_faults(), RetentionPasses()]
