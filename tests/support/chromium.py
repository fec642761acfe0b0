"""Find Chromium for the browser tests, or install Debian's.

python -m tests.support.chromium
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ADVICE = "the browser tests need Chromium: install the package chromium, or name another with TIDELINE_CHROMIUM"


def chromium_path() -> str | None:
    """Return the path of a Chromium, or None; TIDELINE_CHROMIUM names one."""
    if chosen := os.environ.get("TIDELINE_CHROMIUM"):
        return chosen
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def install() -> None:
    """Install Debian's Chromium; CalledProcessError when that fails."""
    print("tideline: installing chromium with apt-get (a minute or two) …", flush=True)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": env}
    if subprocess.run(command, check=False, **quiet).returncode:  # type: ignore[call-overload]
        subprocess.run(["apt-get", "update", "-qq"], check=True, **quiet)  # type: ignore[call-overload]
        subprocess.run(command, check=True, **quiet)  # type: ignore[call-overload]


def main() -> int:
    """Make sure that there is a Chromium; return 1 after one clear line when there can't be."""
    if not chromium_path() and os.geteuid() == 0 and shutil.which("apt-get"):
        try:
            install()
        except subprocess.CalledProcessError as error:
            print(f"tideline: `{' '.join(error.cmd[:2])}` failed", file=sys.stderr)
    if not chromium_path():
        print(f"tideline: {ADVICE}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
