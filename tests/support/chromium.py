"""Find Chromium for the browser tests, or install Debian's.

python -m tests.support.chromium
"""

import os
import shutil
import subprocess
import sys

from tests.support.debian import can_install, install

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ADVICE = "the browser tests need Chromium: install the package chromium, or name another with TIDELINE_CHROMIUM"


def chromium_path() -> str | None:
    """Return the path of a Chromium, or None; TIDELINE_CHROMIUM names one."""
    if chosen := os.environ.get("TIDELINE_CHROMIUM"):
        return chosen
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def main() -> int:
    """Make sure that there is a Chromium; return 1 after one clear line when there can't be."""
    if not chromium_path() and can_install():
        try:
            install("chromium")
        except subprocess.CalledProcessError as error:
            print(f"tideline: `{' '.join(error.cmd[:2])}` failed", file=sys.stderr)
    if not chromium_path():
        print(f"tideline: {ADVICE}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
