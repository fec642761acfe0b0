"""The frames that clients send nearly always, read without a parser's steps: whole, unfragmented, masked, short.

Everything else (a frame in parts, a ping, a close, a broken one) is left to autobahn, untouched.
"""

TEXT, BINARY, PONG = 0x81, 0x82, 0x8A
"""First byte of a frame that is a whole message, or a pong."""

EMPTY_PONG_BYTES = 6
"""A pong without payload: two bytes and the mask."""


def plain_frame(data: bytes, at: int, max_bytes: int) -> tuple[int, bytes, int] | None:
    """Return first byte, payload and end of the frame that begins at `at`; None when autobahn has to look at it."""
    size = len(data) - at
    if size < EMPTY_PONG_BYTES:
        return None
    first, length = data[at], data[at + 1] - 0x80
    if first not in (TEXT, BINARY, PONG) or length < 0:
        return None
    start = at + 2
    if length > 125:
        if length == 127 or first == PONG:
            return None
        length = int.from_bytes(data[start : start + 2], "big")
        start += 2
        if length < 126:
            return None
    end = start + 4 + length
    if length > max_bytes or end > len(data):
        return None
    return first, unmasked(data[start : start + 4], data[start + 4 : end]), end


def unmasked(mask: bytes, payload: bytes) -> bytes:
    """Return what was masked (RFC 6455, section 5.3)."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
