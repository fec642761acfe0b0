"""What the server uses of Daphne, autobahn and Twisted is there in the installed versions."""

import subprocess
import sys

from tests.support.processes import CHECKOUT

CHECK = """
from realtime.server.daphne import PARTS
from twisted.internet.abstract import FileDescriptor
made = {FileDescriptor: FileDescriptor(object())}
print([(owner.__name__, name) for owner, names in PARTS for name in names if not hasattr(made.get(owner, owner), name)])
print(FileDescriptor.bufferSize)
"""


def test_the_parts_are_there() -> None:
    """Every attribute that is overridden or read exists, and Twisted still calls 64 KiB a full buffer.

    In a process of its own: importing the server installs Twisted's reactor.
    """
    found = subprocess.run([sys.executable, "-c", CHECK], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (found.stdout, found.stderr) == ("[]\n65536\n", "")
