"""A server that tells where its memory was allocated: `python -m bench.edge.traced FILE MODULE ARGUMENTS…`.

Runs the module as `python -m` would, under tracemalloc. At each SIGUSR1 it collects garbage and writes to FILE, as
JSON, the bytes that live by the line that allocated them: `{"path:line": bytes}`. The file is there once whole.
"""

import gc
import json
import os
import runpy
import signal
import sys
import tracemalloc
from pathlib import Path
from types import FrameType


def main(file: Path, module: str) -> None:
    """Trace and run."""

    def tell(number: int, frame: FrameType | None) -> None:
        gc.collect()
        statistics = tracemalloc.take_snapshot().statistics("lineno")
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps({f"{s.traceback[0].filename}:{s.traceback[0].lineno}": s.size for s in statistics}))
        draft.rename(file)

    tracemalloc.start(1)
    signal.signal(signal.SIGUSR1, tell)
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as `python -m` has it
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _, told, name, *rest = sys.argv
    sys.argv = [name, *rest]
    main(Path(told), name)
