"""I10 to I12: everyone comes back in time and within memory, and who can't resume is told so; and how many resumed."""

from tests.faults.history import Connection, History, Reads, Subscribed, What
from tests.faults.invariants.epochs import Epochs
from tests.faults.invariants.findings import Promised, Verdict
from tests.faults.logbook import Logbook


def check_recovery(promised: Promised, verdict: Verdict) -> None:
    """I10: when the faults have ended, every client is complete within the promised time."""
    for name, seconds in promised.recoveries.items():
        if seconds is None:
            verdict.lost += 1
            verdict.blame("I10", f"{name} never became complete; promised are {promised.recovery_seconds} s")
        elif seconds > promised.recovery_seconds:
            verdict.blame("I10", f"{name} was complete after {seconds:.2f} s, promised are {promised.recovery_seconds}")


def check_memory(promised: Promised, verdict: Verdict) -> None:
    """I11: the memory of a server stays within the budget of its connections."""
    for server, grown, budget in promised.memory:
        if grown > budget:
            verdict.blame("I11", f"{server} grew by {grown / 1e6:.1f} MB, the budget is {budget / 1e6:.1f} MB")


def check_answers(
    histories: "list[History]", epochs: Epochs, book: Logbook, promised: Promised, verdict: Verdict
) -> None:
    """I12: a failed resume is a snapshot, never silence; count the resumes, and what could have been one."""
    for history in histories:
        for topic, parts in history.topics():
            for connection, subscribed in parts:
                if history.reads is Reads.ALL:
                    check_silence(history, connection, subscribed, promised, verdict)
                if subscribed.cursor is not None:
                    count_resume(history, topic, subscribed, epochs, book, verdict)


def check_silence(
    history: History, connection: Connection, subscribed: Subscribed, promised: Promised, verdict: Verdict
) -> None:
    """Report a subscribe that is open and met with nothing, or with a `resumed` that nothing followed."""
    if connection.closed_at is not None or subscribed.ended is not None:
        return
    where = f"{history.name} {subscribed.topic} at {subscribed.asked_at:.3f}"
    if history.until - subscribed.asked_at < promised.answer_seconds:
        return
    if subscribed.answer is None:
        verdict.blame("I12", f"{where}: subscribed with {subscribed.cursor}, and was never answered")
    elif subscribed.told and subscribed.told[-1].what is What.RESUMED:
        verdict.blame("I12", f"{where}: resumed {subscribed.cursor}, and no changes followed")


def count_resume(
    history: History, topic: str, subscribed: Subscribed, epochs: Epochs, book: Logbook, verdict: Verdict
) -> None:
    """Count a resume, or a snapshot in its place though log, selection and rights were still the cursor's."""
    if subscribed.answer == "resumed":
        verdict.resumes += 1
        return
    if subscribed.answer != "snapshot" or not subscribed.told or subscribed.cursor is None:
        return
    epoch, position = subscribed.cursor
    first = subscribed.told[0]
    meaning = epochs.of(history.person, topic, first.epoch) if first.epoch == epoch else None
    line = meaning.line(position) if meaning else None
    if line is None or position < book.floor(line.chapter.epoch, first.at):
        return
    if not line.interrupted(position, first.position):
        verdict.snapshots_instead += 1
