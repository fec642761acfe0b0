"""The servers beside which Tideline is measured by `make bench-peers`, each a `Subject` of bench/fanout.

Each is installed on demand into `bench/.build/`, and nothing else of the machine is touched: Debian's packages are
unpacked there and not installed (no service is left running), npm's and PyPI's go into folders of their own. A peer
that can't be had says why in one line, and the others run. Every program listens on free ports of 127.0.0.1, keeps
its files in a private folder and ends with the process that started it.

They are set as those who know them would: no compression, no access log, no debugging, buffers that don't drop
anybody, a publisher that keeps its connection. What is particular to one is told in its module.
"""

from collections.abc import Callable
from pathlib import Path

from bench.fanout.subjects import Subject
from bench.peers.mosquitto import Mosquitto
from bench.peers.nats import Nats
from bench.peers.nchan import Nchan
from bench.peers.node_ws import NodeWs, NodeWsCoalescing
from bench.peers.python_socketio import PythonSocketIo
from bench.peers.socket_io import SocketIo

SUBJECTS: list[Callable[[Path], Subject]] = [PythonSocketIo, SocketIo, NodeWs, NodeWsCoalescing, Nchan, Nats, Mosquitto]
"""Made with a scratch folder of the run."""

__all__ = ["SUBJECTS"]
