"""What the server uses of Daphne, autobahn and Twisted is there in the installed versions, and is what it was."""

from realtime.server.parts import PARTS


def test_the_parts_are_there() -> None:
    """Every attribute of a class that is overridden or used exists."""
    missing = [(owner.__name__, name) for owner, names in PARTS for name in names if not hasattr(owner, name)]
    assert missing == []
