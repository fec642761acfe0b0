"""What can happen: each step of a schedule is one of these, with a number for its choices.

An action returns what it did, for the reader of a failing schedule; None where there was nothing to do.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from realtime.pure.changes import Batch, RowKey
from tests.simulation.clients import Client
from tests.simulation.database import random_key
from tests.simulation.dice import Dice
from tests.simulation.processes import Process
from tests.simulation.topics import CUSTOMERS, KEYS, NOTE, STREAM, Rights, make_row

if TYPE_CHECKING:
    from tests.simulation.schedules import Schedule

Action = Callable[["Schedule", Dice], object]


# Writers.


def write(run: "Schedule", dice: Dice) -> object:
    """Let a transaction write some rows: one that is open, or another; and perhaps commit it."""
    store = run.world.store
    new = not store.open or (len(store.open) < 3 and dice.chance(40))
    mine = store.begin() if new else dice.pick(store.open)
    commits, done = dice.below(5) < 2, [str(mine.xid)]
    for _ in range(1 + dice.below(3)):
        what = dice.below(10)
        if what >= 7:
            kind = NOTE if what == 9 else "event"
            done.append(f"appends {store.append(mine, kind, dice)}")
        elif store.write(mine, key := random_key(dice), dice):
            done.append(f"writes {key} {mine.written[key]}")
    if commits:
        store.commit(mine)
        done.append("commits")
    return ", ".join(done)


def commit(run: "Schedule", dice: Dice) -> object:
    """Commit a transaction."""
    if not run.world.store.open:
        return None
    mine = dice.pick(run.world.store.open)
    run.world.store.commit(mine)
    return mine.xid


def roll_back(run: "Schedule", dice: Dice) -> object:
    """Roll a transaction back."""
    if not run.world.store.open:
        return None
    mine = dice.pick(run.world.store.open)
    run.world.store.roll_back(mine)
    return mine.xid


def truncate(run: "Schedule", dice: Dice) -> object:
    """Empty a table, and perhaps load it anew."""
    kind = dice.pick(tuple(KEYS))
    return kind if run.world.store.truncate(kind, dice.below(3), dice) else None


def reassign(run: "Schedule", dice: Dice) -> object:
    """Give a document to another customer, alone or there and back in one transaction."""
    store = run.world.store
    key = RowKey("doc", str(dice.below(2)))
    if any(key in other.written for other in store.open):
        return None
    mine = store.begin()
    for _ in range(1 + dice.below(2)):
        old = mine.written.get(key, store.db.rows.get(key))
        row = make_row("doc", key.key, store.db.last_id + 1, dice)
        owner = 8 if old is not None and old["owner"] == 7 else 7
        store.log(mine, key, {**row, "owner": owner}, old)
    store.commit(mine)
    return key


# Relays and the wire.


def relay(run: "Schedule", dice: Dice) -> object:
    """Let a relay give positions; what it publishes waits."""
    one = dice.pick(run.world.relays)
    return None if one.frozen else (one.name, "assigns", one.work(dice), "up to", run.world.store.db.head)


def stop_relay(run: "Schedule", dice: Dice) -> object:
    """Freeze a relay, let it go on, or kill it."""
    one, what = dice.pick(run.world.relays), dice.below(3)
    if what == 2:
        one.killed()
    else:
        one.frozen = not one.frozen
    return one.name, "is killed" if what == 2 else "is frozen" if one.frozen else "goes on"


def lose(run: "Schedule", dice: Dice) -> object:
    """Lose what waits on the wire of a process, or the next of it."""
    process = dice.pick(run.processes)
    count = len(process.wire) if dice.chance(30) else min(1, len(process.wire))
    for _ in range(count):
        process.wire.popleft()
    return (process.name, count) if count else None


def double(run: "Schedule", dice: Dice) -> object:
    """Bring a batch that will come once more."""
    process = dice.pick(run.processes)
    if not process.wire or process.frozen:
        return None
    process.receive_again()
    return process.name


def reorder(run: "Schedule", dice: Dice) -> object:
    """Bring a batch before those that were published earlier."""
    process = dice.pick(run.processes)
    if len(process.wire) < 2 or process.frozen:
        return None
    process.receive(dice.below(len(process.wire)))
    return process.name


def stray(run: "Schedule", dice: Dice) -> object:
    """Bring a batch of a foreign epoch."""
    process, head = dice.pick(run.processes), dice.below(20)
    process.wire.appendleft(Batch(STREAM, "foreign", head, "?", head + 3, "?", None))
    return process.name


# Outages, operators and time.


def outage(run: "Schedule", dice: Dice) -> object:
    """Let a question about the log fail, or the identity check."""
    process = dice.pick(run.processes)
    if dice.chance(25):
        process.checking = None
        return process.name, "identity check fails"
    return process.name if not process.frozen and process.outage(dice.below(30)) else None


def unresolved(run: "Schedule", dice: Dice) -> object:
    """Let no topic be resolved from now on, or again."""
    run.world.resolver_is_down = not run.world.resolver_is_down
    return "resolutions fail" if run.world.resolver_is_down else "resolutions are answered"


def prune(run: "Schedule", dice: Dice) -> object:
    """Let retention raise the floor, but not over what only the process has seen and nobody has verified yet."""
    if run.setup.oblivious and not run.processes[0].has_seen_all:
        return None
    return "floor", run.world.store.prune(dice)


def back_up(run: "Schedule", dice: Dice) -> object:
    """Take a copy of the database."""
    run.world.store.copies.append(run.world.store.db.copy())
    return run.world.store.db.head


def restore(run: "Schedule", dice: Dice) -> object:
    """Replace the database by an older copy."""
    return run.restore(dice)


def advance(run: "Schedule", dice: Dice) -> object:
    """Let time pass."""
    seconds = dice.pick((0.05, 0.3, 0.3, 1.0, 1.0, 1.0, 1.7, 2.5, 6.0, 16.0, 130.0 if dice.chance(10) else 1.0))
    run.advance(seconds)
    return seconds


def freeze(run: "Schedule", dice: Dice) -> object:
    """Freeze a process, or let it go on."""
    process = dice.pick(run.processes)
    process.frozen = not process.frozen
    return process.name, "is frozen" if process.frozen else "goes on"


def kill(run: "Schedule", dice: Dice) -> object:
    """Kill a process and start another; its clients are away."""
    if run.setup.oblivious:
        return None
    return run.replace_process(dice.below(len(run.processes)))


def go_on(run: "Schedule", dice: Dice) -> object:
    """Let some of what is under way happen."""
    for _ in range(1 + dice.below(6)):
        pending = run.pending()
        if not pending:
            break
        dice.pick(pending)()
        run.world.raise_found()
    return "with what is under way"


# People and clients.


def sign_out(run: "Schedule", dice: Dice) -> object:
    """End a client's sign-in: it signs out, it expires, or the user is deactivated."""
    client = _client(run, dice)
    if client.key is None:
        return None
    sign_in = run.world.people.sign_ins[client.key]
    if sign_in.ended_at is None:
        sign_in.ended_at = run.world.time.now
    return client.name


def move(run: "Schedule", dice: Dice) -> object:
    """Let a user buy for another customer, or become one who works here, or no longer."""
    user = dice.pick(run.world.people.users)
    staff = user.now.staff != dice.chance(40)
    user.rights.append((run.world.time.now, Rights(known=True, staff=staff, customer=dice.pick(CUSTOMERS))))
    return user.name, user.now


def come(run: "Schedule", dice: Dice) -> object:
    """Let a client connect, with its cursors, with older ones, or as somebody else."""
    client = _client(run, dice)
    if client.socket is not None:
        return None
    older, other = dice.chance(30), dice.chance(4)
    for held in client.topics.values():
        if older and held.saved and held.epoch:
            saved = dice.pick(held.saved)
            if saved.epoch == held.epoch:
                held.position, held.rows = saved.position, dict(saved.rows)
    if other and client.user is not None:
        client.user = dice.pick(run.world.people.users)
        client.key = run.world.people.sign_in(client.user)
    process = dice.pick(run.processes)
    client.connect(process)
    return client.name, "at", process.name


def go(run: "Schedule", dice: Dice) -> object:
    """Let a client's connection break."""
    client = _client(run, dice)
    if client.socket is None:
        return None
    client.leave()
    return client.name


def stall(run: "Schedule", dice: Dice) -> object:
    """Let a client read nothing for a while, or go on reading."""
    client = _client(run, dice)
    if client.socket is None:
        return None
    client.socket.stalled = not client.socket.stalled
    return client.name, "reads nothing" if client.socket.stalled else "reads on"


def ask(run: "Schedule", dice: Dice) -> object:
    """Let a client ask for a topic that it has not, give up one that it has or waits for, or ping."""
    client = _client(run, dice)
    if client.socket is None:
        return None
    held = dice.pick(list(client.topics.values()))
    if dice.chance(15):
        client.ping()
        return client.name, "pings"
    if held.live or held.asked is not None:
        client.unsubscribe(held)
        return client.name, "gives up", held.topic
    client.subscribe(held)
    return client.name, "asks for", held.topic


def _client(run: "Schedule", dice: Dice) -> Client:
    return dice.pick(run.clients)


def of_process(run: "Schedule", process: Process) -> list[Client]:
    """Return the clients of a process."""
    return [client for client in run.clients if client.process is process]


ACTIONS: dict[str, tuple[Action, float]] = {
    action.__name__: (action, weight)
    for action, weight in [
        (go_on, 50), (write, 18), (commit, 11), (roll_back, 1), (truncate, 0.5), (reassign, 2), (relay, 12),
        (stop_relay, 1), (lose, 2), (double, 1.5), (reorder, 1.5), (stray, 0.4), (outage, 1), (unresolved, 0.8),
        (prune, 0.5), (back_up, 1), (restore, 0.7), (advance, 8), (freeze, 0.6), (kill, 0.4), (sign_out, 0.7),
        (move, 1.2), (come, 11), (go, 3), (stall, 3), (ask, 2.5),
    ]
}  # fmt: skip
"""By name: what to do, and how often."""

FAULTS = ("stop_relay", "lose", "double", "reorder", "outage", "unresolved", "prune", "restore", "freeze", "kill",
          "sign_out", "move", "truncate", "reassign", "stall", "roll_back", "go")  # fmt: skip
"""What some schedules have none of, and others much."""
