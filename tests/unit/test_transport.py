"""The server's transport on real sockets: order, congestion, the budget, and its end."""

import socket
from collections.abc import Callable, Iterator

import pytest
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from realtime.server.budget import Budget
from realtime.server.extension import TEXT, Prepared, frame_of
from realtime.server.transport import TCP_NOTSENT_LOWAT, UNSENT_BYTES, SocketTransport, bound_kernel
from tests.support.wires import Wire

CONNECTION_BYTES = 20_000
PROCESS_BYTES = 50_000


@pytest.fixture
def budget() -> Budget:
    """A budget that a few frames spend."""
    return Budget(connection_bytes=CONNECTION_BYTES, process_bytes=PROCESS_BYTES)


@pytest.fixture
def wires(budget: Budget) -> Iterator[Callable[[], Wire]]:
    """Make wires that share the budget."""
    made: list[Wire] = []

    def make() -> Wire:
        made.append(Wire(budget))
        return made[-1]

    yield make
    for wire in made:
        wire.clean_up()


@pytest.fixture
def wire(wires: Callable[[], Wire]) -> Wire:
    """One wire."""
    return wires()


def numbered(n: int) -> bytes:
    """Return the nth payload that `Wire.fill` writes."""
    return b"%06d" % n + b"x" * 994


def test_a_write_is_with_the_kernel_at_once(wire: Wire) -> None:
    """Nothing waits for the loop; prepared frames leave together."""
    wire.transport.write(b"one")
    wire.transport.write_prepared(Prepared([b"two", b"three"]))
    wire.transport.ping()
    assert wire.reactor.writers == set()
    assert wire.read() == frame_of(TEXT, b"one") + frame_of(TEXT, b"two") + frame_of(TEXT, b"three") + b"\x89\x00"


def test_order_is_kept_across_partial_sends(wire: Wire) -> None:
    """What the kernel takes a part of, what waits behind it and what is written later arrive in order, whole."""
    written = wire.fill()
    assert 0 < wire.transport.queued_bytes() <= 1004
    for n in range(written, written + 5):
        wire.transport.write_prepared(Prepared([numbered(n)]))
    begun = wire.read()
    wire.transport.write(numbered(written + 5))
    assert begun + wire.read_all() == b"".join(frame_of(TEXT, numbered(n)) for n in range(written + 6))
    wire.transport.write(b"direct again")
    assert wire.reactor.writers == set()
    assert wire.read() == frame_of(TEXT, b"direct again")


def test_nothing_overtakes_what_waits(wire: Wire) -> None:
    """A write while the kernel has room again, but the queue has not left, goes behind the queue."""
    written = wire.fill()
    begun = wire.read()
    wire.transport.ping()
    wire.transport.write(b"last")
    expected = b"".join(frame_of(TEXT, numbered(n)) for n in range(written)) + b"\x89\x00" + frame_of(TEXT, b"last")
    assert begun + wire.read_all() == expected


def test_drained_bytes_are_those_that_the_kernel_took(wire: Wire) -> None:
    """They stand still while nothing is taken, and reach all that was written."""
    written = wire.fill()
    taken = wire.transport.drained_bytes()
    assert taken == written * 1004 - wire.transport.queued_bytes()
    wire.transport.write(b"x" * 5000)
    wire.reactor.turn()
    assert wire.transport.drained_bytes() == taken
    total = len(wire.read_all())
    assert (wire.transport.drained_bytes(), wire.transport.queued_bytes()) == (total, 0)


def test_congestion_is_told_once_and_its_end_once(wire: Wire, budget: Budget) -> None:
    """Above the bound of the connection it is congested, until nothing waits any more; the budget gets all back."""
    wire.fill()
    assert wire.listener.told == []
    for _ in range(3):
        wire.transport.write(b"y" * CONNECTION_BYTES)
    assert wire.listener.told == ["congested"]
    assert budget.queued_bytes == wire.transport.queued_bytes() > 3 * CONNECTION_BYTES
    while wire.transport.queued_bytes() > 1000:
        assert wire.transport.congested
        wire.read()
        wire.reactor.turn()
    wire.read_all()
    assert wire.listener.told == ["congested", "drained"]
    assert (wire.transport.congested, budget.queued_bytes) == (False, 0)


def test_a_queue_below_the_bound_is_no_congestion(wire: Wire, budget: Budget) -> None:
    """It leaves unnoticed."""
    wire.fill()
    wire.transport.write(b"y" * (CONNECTION_BYTES // 2))
    wire.read_all()
    assert wire.listener.told == []
    assert budget.queued_bytes == 0


def test_who_never_is_empty_pays_for_what_waits_alone(wire: Wire, budget: Budget) -> None:
    """A client that always has something queued, and takes it, is not charged for what it took."""
    wire.fill()
    for _ in range(200):
        wire.transport.write(b"y" * 3000)
        wire.read()
        wire.reactor.turn()
    assert budget.queued_bytes <= CONNECTION_BYTES


def test_a_spent_budget_congests_all_who_have_a_queue(wires: Callable[[], Wire], budget: Budget) -> None:
    """Then little is enough for those that queue something; those that take all are untouched."""
    hungry, stalled = wires(), [wires() for _ in range(6)]
    for each in stalled:
        each.fill()
        each.transport.write(b"y" * (CONNECTION_BYTES - 2000))
    assert budget.queued_bytes > PROCESS_BYTES
    assert [each.transport.congested for each in stalled] == [False, False, True, True, True, True]
    stalled[0].transport.write(b"z")
    assert stalled[0].transport.congested
    hungry.transport.write(b"still direct")
    assert (hungry.listener.told, hungry.read()) == ([], frame_of(TEXT, b"still direct"))
    for each in stalled:
        each.read_all()
    assert budget.queued_bytes == 0


def test_a_listener_may_write_when_it_is_told(wire: Wire) -> None:
    """What it writes when congestion ends goes out at once; what it writes at its begin goes behind the queue."""
    wire.listener.on_congested = lambda: wire.transport.write(b"behind")
    wire.listener.on_drained = lambda: wire.transport.write(b"again")
    wire.fill()
    wire.transport.write(b"y" * (CONNECTION_BYTES + 1))
    received = wire.read_all()
    assert received.endswith(frame_of(TEXT, b"behind") + frame_of(TEXT, b"again"))
    assert wire.listener.told == ["congested", "drained"]


def test_a_listener_that_congests_again_is_told_again(wire: Wire) -> None:
    """Writing too much when told of the drain begins the next congestion, which ends like the first."""
    wire.fill()
    wire.listener.on_drained = lambda: wire.transport.write(b"y" * 200_000) if len(wire.listener.told) == 2 else None
    wire.transport.write(b"y" * (CONNECTION_BYTES + 1))
    wire.read_all()
    assert wire.listener.told == ["congested", "drained"] * 2


def test_a_broken_socket_is_for_twisted_to_find(wire: Wire) -> None:
    """A write to a client that is gone raises nothing; Twisted finds the loss at the next turn, and tells it."""
    wire.client.close()
    wire.transport.write(b"into the void")
    (found,) = wire.reactor.turn()
    assert isinstance(found, Exception)


def test_a_lost_transport_takes_all_calls(wire: Wire, budget: Budget) -> None:
    """Once the socket is gone nothing raises, nothing is kept, and the budget has everything back."""
    wire.fill()
    wire.transport.write(b"y" * (CONNECTION_BYTES + 1))
    wire.stream.connectionLost(Failure(ConnectionLost()))
    wire.transport.lost()
    drained = wire.transport.drained_bytes()
    wire.transport.write(b"late")
    wire.transport.write_prepared(Prepared([b"late"]))
    wire.transport.ping()
    wire.transport.close(4000, "late")
    wire.transport.abort()
    assert wire.transport.drained_bytes() == drained
    assert budget.queued_bytes == 0
    assert wire.listener.told == ["congested"]


def test_after_the_end_nothing_is_written(wire: Wire, budget: Budget) -> None:
    """Behind the close frame nothing follows; what was queued before still leaves, and nobody is told."""
    wire.fill()
    wire.transport.write(b"y" * (CONNECTION_BYTES + 1))
    wire.transport.end()
    wire.transport.write(b"late")
    assert wire.read_all().endswith(b"y")
    assert wire.listener.told == ["congested"]
    assert budget.queued_bytes == 0


def test_tls_is_refused(wire: Wire, budget: Budget) -> None:
    """Writing past TLS would send in the clear."""
    wire.stream.TLS = True
    with pytest.raises(RuntimeError, match="proxy"):
        SocketTransport(wire.transport, wire.stream, budget)  # type: ignore[arg-type]


def test_the_kernel_is_bounded_on_every_accepted_socket() -> None:
    """Sockets inherit the bound of what the kernel takes from the one that listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bound_kernel(listener)
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT) == UNSENT_BYTES
