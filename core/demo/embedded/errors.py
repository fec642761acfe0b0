"""What can go wrong with an embedded server; each message is one line that says what to do."""


class EmbeddedError(Exception):
    """An embedded server can't be found, started or stopped."""


class MissingBinary(EmbeddedError):
    """No binary of this server in the wheels, on PATH or in the usual folders."""
