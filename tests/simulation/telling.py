"""A failing schedule as a person reads it."""

from tests.simulation.schedules import Plan, run


def tell(plan: Plan) -> list[str]:
    """Return how a plan begins, what its steps do, what clients read, and what was found."""
    setup = plan.setup
    lines = [
        f"{setup.processes} server process{'es' if setup.processes > 1 else ''}, two relays"
        + (", older copies may be restored" if setup.restores else "")
        + (" under relays that know nothing" if setup.oblivious else "")
        + (", at the end nothing comes by the wire" if setup.silent else "")
    ]
    story: list[str] = []
    try:
        schedule = run(plan, story)
    except Exception as error:  # noqa: BLE001 - whatever is raised is what was found
        found = f"FOUND {type(error).__name__}: {error}"
    else:
        found = f"nothing was found; the head is {schedule.world.store.db.head}"
    return [*lines, *story, found]
