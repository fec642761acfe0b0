"""Packages of Debian's that tests use and PyPI has not."""

import os
import shutil
import subprocess
from typing import Any


def can_install() -> bool:
    """Tell whether packages can be installed here without asking anyone."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(package: str) -> None:
    """Install a package; CalledProcessError when that fails."""
    print(f"tideline: installing {package} with apt-get (a minute or two) …", flush=True)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": env}
    if subprocess.run(command, check=False, **quiet).returncode:
        subprocess.run(["apt-get", "update", "-qq"], check=True, **quiet)
        subprocess.run(command, check=True, **quiet)
