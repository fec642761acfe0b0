"""The peers of the benchmarks: what they send, and what they say when they can't be had."""

from pathlib import Path

import pytest

from bench.fanout.subjects import Change
from bench.peers import SUBJECTS, installing
from bench.peers.mosquitto import PUBLISH, Mosquitto, packet
from bench.peers.peer import Peer
from bench.peers.redis import command


@pytest.mark.parametrize(("size", "spelled"), [(0, [0]), (127, [127]), (128, [0x80, 1]), (16384, [0x80, 0x80, 1])])
def test_an_mqtt_packet_says_its_size(size: int, spelled: list[int]) -> None:
    """The size comes in groups of seven bits, the lowest first."""
    assert packet(PUBLISH, bytes(size)) == bytes([PUBLISH, *spelled]) + bytes(size)


def test_a_redis_command_says_its_sizes() -> None:
    """Words go as bulk strings."""
    assert command(b"PUBLISH", b"all", b"{}") == b"*3\r\n$7\r\nPUBLISH\r\n$3\r\nall\r\n$2\r\n{}\r\n"


@pytest.mark.parametrize("key", [0, 1999, 99_999])
def test_a_change_goes_to_the_topic_that_its_subscriber_asked_for(tmp_path: Path, key: int) -> None:
    """What the load client makes of the script's topic is what changes are published to, and of one length."""
    peer = Peer(tmp_path)
    assert peer.subscribed == peer.topic(Change(1))
    peer.keyed = 2000
    assert peer.subscribed.replace("{i:06}", f"{key:06}") == peer.topic(Change(1, key))
    assert len(peer.topic(Change(1, key))) == len(peer.topic(Change(1, 0)))


def test_mosquittos_subscription_has_the_size_of_every_topic(tmp_path: Path) -> None:
    """The sizes before the topic hold whatever the connection's number is."""
    peer = Mosquitto(tmp_path)
    peer.keyed = 2000
    line = peer.audience(2000).script[2]
    assert line == r"binary \x82\x0f\x00\x01\x00\x0aown-{i:06}\x00"


@pytest.mark.parametrize("make", SUBJECTS)
def test_a_peer_that_cant_be_had_says_so_in_one_line(
    make: type[Peer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It raises nothing, and the others can run."""
    monkeypatch.setattr(installing, "FOLDER", tmp_path / "build")
    monkeypatch.setattr(installing, "uv_path", lambda: tmp_path / "uv")
    monkeypatch.setenv("PATH", str(tmp_path))
    reason = make(tmp_path).missing()
    assert reason and "\n" not in reason
    assert not list(tmp_path.glob("build/*")), "nothing half-made is left"
