"""What a schedule can find: a promise that did not hold."""


class Violation(AssertionError):
    """An invariant of the list below that did not hold; `sign` is its number.

    I1 every committed change is in the log exactly once, and no other. I2 positions are 1..n. I3 versions of a row
    never go down in the log. I4 a transaction's changes are contiguous and reach a topic together. I5, I6 at every
    position that a client is told it is complete to, its rows are the permitted projection of the log up to there.
    I7 on a connection positions never fall, and what is repeated had changed. I8 canaries of others never occur in
    raw frames. I9 nothing of a right that ended is written later than 2 s after. I10 when everything is mended,
    every client is complete. I12 every subscribe is answered; a failed resume is a snapshot. P: the protocol.
    """

    def __init__(self, sign: str, text: str) -> None:
        super().__init__(f"{sign}: {text}")
        self.sign = sign


def sign_of(error: BaseException) -> str:
    """Return what is compared when a schedule is shrunk: the invariant, or the kind of exception."""
    return error.sign if isinstance(error, Violation) else type(error).__name__
