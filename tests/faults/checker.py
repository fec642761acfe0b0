"""The checker: I1 to I12 over the records of a round. Pure; see `tests.faults.invariants`."""

from collections.abc import Iterable, Mapping

from tests.faults.history import History
from tests.faults.images import Image
from tests.faults.invariants.coming_back import check_answers, check_memory, check_recovery
from tests.faults.invariants.epochs import Epochs
from tests.faults.invariants.findings import Growth, Promised, Verdict, Violation
from tests.faults.invariants.log import check_log
from tests.faults.invariants.timelines import Timelines
from tests.faults.invariants.views import check_views
from tests.faults.journal import Journal
from tests.faults.logbook import Logbook
from tests.faults.rights import Rights

__all__ = ["Growth", "Promised", "Verdict", "Violation", "check"]


def check(
    journal: Journal,
    archive: Logbook,
    histories: Iterable[History],
    *,
    permitted: Rights,
    tables: Mapping[str, Mapping[str, Image]],
    promised: Promised,
) -> Verdict:
    """Return the columns of the table and all violations. The records are those of a moment of rest."""
    verdict, histories = Verdict(), list(histories)
    check_log(journal, archive, tables, verdict)
    epochs = Epochs(histories, Timelines(archive), permitted)
    check_views(histories, epochs, permitted, journal, verdict)
    check_answers(histories, epochs, archive, promised, verdict)
    check_recovery(promised, verdict)
    check_memory(promised, verdict)
    return verdict
