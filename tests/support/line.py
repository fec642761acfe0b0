"""WebSocket frames as they stand on the line (RFC 6455), for clients that count or record what they are sent."""


def next_frame(buffer: bytearray) -> tuple[int, bytes] | None:
    """Take one whole frame of a server off the buffer: its opcode and payload. None where there is none yet."""
    if len(buffer) < 2:
        return None
    length, start = buffer[1] & 0x7F, 2
    if length >= 126:
        start = 4 if length == 126 else 10
        if len(buffer) < start:
            return None
        length = int.from_bytes(buffer[2:start], "big")
    if len(buffer) < start + length:
        return None
    opcode, payload = buffer[0] & 0x0F, bytes(buffer[start : start + length])
    del buffer[: start + length]
    return opcode, payload


def client_frame(opcode: int, payload: bytes) -> bytes:
    """Return a frame of a client, of less than 64 KiB. The mask of zeros is a mask: the payload goes out as it is."""
    size = len(payload)
    extended = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
    return bytes([0x80 | opcode]) + extended + bytes(4) + payload
