"""Publishing through Redis as its clients put it on the wire."""

from bench.peers.peer import Publisher
from core.demo.embedded import ValkeyServer


def command(*words: bytes) -> bytes:
    """Return a command in the Redis protocol."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def publisher_to(valkey: ValkeyServer) -> Publisher:
    """Return a connection that may publish."""
    assert valkey.port is not None, "not started"
    return Publisher(valkey.port, command(b"AUTH", valkey.password.encode()))
