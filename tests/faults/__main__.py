"""`python -m tests.faults [fault …]`: every fault when none is named; `make faults` and `make faults-long`.

From the environment: `SHORT=1` plays each fault once and briefly; `MINUTES=60` plays faults at random, several at once,
for so long; `SEED=n` chooses what is left to chance; `OUT=file.json` also writes everything there. A run of all faults,
short or not, writes its table into docs/GUARANTEES.md. Ends with 1 when a promise is broken.
"""

import asyncio
import os
import secrets
import sys

from tests.faults import run
from tests.faults.rounds import open_theatre
from tests.faults.stage import a_stage
from tests.faults.table import broken_promises, markdown, write_document, write_json


def main(chosen: list[str]) -> int:
    """Play, print and write the table; return 1 when something is broken."""
    seed = int(os.environ.get("SEED") or secrets.randbelow(10**6))
    minutes = float(os.environ.get("MINUTES") or 0)
    short = bool(os.environ.get("SHORT"))
    rounds = run.plan(chosen, short=short)
    with a_stage(seed) as stage:
        about = run.about(stage, seed, minutes)
        run.say(" · ".join(f"{name} {value}" for name, value in about.items()))
        with open_theatre(stage) as theatre:
            if minutes:
                outcomes = asyncio.run(run.play_at_random(theatre, minutes, seed))
            else:
                outcomes = asyncio.run(run.play_all(theatre, rounds, seed))
        found = broken_promises(outcomes)
        stage.kept = bool(found)
    text = markdown(outcomes, about)
    run.say(f"\n{text}\n")
    write_json(os.environ.get("OUT"), outcomes, about)
    if minutes or not chosen:
        write_document("random faults" if minutes else "every fault", text)
    run.fail(found)
    if found:
        run.fail([f"what was seen is kept in {stage.folder}"])
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
