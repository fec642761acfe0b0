"""Schedules that once failed, kept as small files beside this module and run again by a test."""

from pathlib import Path

import msgspec

from tests.simulation.schedules import Plan

FOLDER = Path(__file__).parent / "regressions"


class Regression(msgspec.Struct):
    """A kept schedule, and what it found when it was."""

    found: str
    plan: Plan


def load() -> dict[str, Regression]:
    """Return all that are kept, by the names of their files."""
    decode = msgspec.json.Decoder(Regression).decode
    return {path.stem: decode(path.read_bytes()) for path in sorted(FOLDER.glob("*.json"))}


def encode(plan: Plan, found: str) -> bytes:
    """Return the content of a file."""
    return msgspec.json.format(msgspec.json.encode(Regression(found, plan)), indent=0) + b"\n"


def keep(name: str, plan: Plan, found: str) -> Path:
    """Write a file and return its path."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_bytes(encode(plan, found))
    return path
