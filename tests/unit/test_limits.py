"""A client is held to its rate, and told before it is closed."""

from realtime.pure.limits import Allowance, Verdict


def allowance(**options: float) -> Allowance:
    """Return an allowance of two commands per second, five at once."""
    given = {"per_second": 2.0, "burst": 5, "bad_frames": 3, "now": 0.0, **options}
    return Allowance(**given)  # type: ignore[arg-type]


def test_a_burst_is_taken_then_refused_then_closed() -> None:
    """The burst passes; another burst is answered with errors; who goes on even then is closed."""
    verdicts = [allowance_.spend(0.0) for allowance_ in [allowance()] for _ in range(10)]
    assert verdicts == [Verdict.TAKE] * 5 + [Verdict.REFUSE] * 4 + [Verdict.CLOSE]


def test_the_rate_gives_back() -> None:
    """Two commands a second can go on for ever, and a pause gives the burst back, no more."""
    bucket = allowance()
    assert all(bucket.spend(step / 2) is Verdict.TAKE for step in range(1_000))
    assert [bucket.spend(10_000.0) for _ in range(6)] == [Verdict.TAKE] * 5 + [Verdict.REFUSE]


def test_too_many_bad_frames_are_counted_within_a_minute_only() -> None:
    """The third within sixty seconds is too many; the first is forgotten after them."""
    assert [allowance_.bad_frame(at) for allowance_ in [allowance()] for at in (0.0, 30.0, 59.9)] == [
        False,
        False,
        True,
    ]
    assert [allowance_.bad_frame(at) for allowance_ in [allowance()] for at in (0.0, 30.0, 60.0)] == [
        False,
        False,
        False,
    ]
