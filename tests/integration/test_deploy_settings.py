"""Production settings, as a process of its own sees them: Django's check has nothing to say, refusals are read."""

import pytest

from tests.conftest import StartProcess
from tests.support.processes import PRODUCTION, manage

SERVERS = {"DATABASE_URL": "postgresql://nobody:none@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}
HTTPS = {
    **SERVERS,
    "SECRET_KEY": PRODUCTION["SECRET_KEY"],
    "ORIGINS": "https://shop.example.com",
    "BEHIND_PROXY": "1",
}  # fmt: skip


def test_djangos_own_check_of_a_deployment_is_clean(processes: StartProcess) -> None:
    """No warning is left, and none is looked away from but the two that the domain's owner has to decide."""
    process = processes("check", manage("check", "--deploy", "--fail-level", "WARNING"), **HTTPS)
    assert process.wait(60) == 0, process.output
    assert "System check identified no issues (2 silenced)" in process.output


@pytest.mark.parametrize("command", [["migrate"], ["relay"], ["serve", "--port", "0"], ["check"]])
def test_every_command_refuses_alike(processes: StartProcess, command: list[str]) -> None:
    """One line for each reason, each with the name of the program, and nothing else; the exit code is 1."""
    process = processes(command[0], manage(*command), **{**HTTPS, "DEBUG": "1", "SECRET_KEY": "short"})
    assert process.wait(60) == 1
    lines = process.output.splitlines()
    assert [line.split()[:2] for line in lines] == [["tideline:", "DEBUG"], ["tideline:", "SECRET_KEY"]]
