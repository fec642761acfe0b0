"""nginx before two servers, with the deployment's own configuration. Debian's, where it can be installed.

python -m tests.support.nginx
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.debian import can_install, install
from tests.support.ports import free_port
from tests.support.processes import CHECKOUT, Process, environment

CONFIGURATION = CHECKOUT / "deploy" / "nginx"
MIME_TYPES = Path("/etc/nginx/mime.types")


def nginx_path() -> str | None:
    """Return the path of an nginx, or None."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@dataclass(frozen=True)
class Door:
    """A running nginx: its ports for http, https and its own health."""

    process: Process
    http: int
    https: int
    health: int


@contextmanager
def door(folder: Path, scheme: str, servers: Sequence[int], **changes: str) -> Iterator[Door]:
    """Run nginx before servers on this machine until the end of the block.

    The deployment's files are used as they are but for addresses, folders and `changes`, values by directive.
    """
    http, https, health = free_port(), free_port(), free_port()
    addresses = {
        "server-1:8000": f"127.0.0.1:{servers[0]}",
        "server-2:8000": f"127.0.0.1:{servers[1]}",
        "listen 8080": f"listen 127.0.0.1:{http}",
        "listen 8443": f"listen 127.0.0.1:{https}",
        "127.0.0.1:8081": f"127.0.0.1:{health}",
        "/tmp/": f"{folder}/",
        "/etc/nginx/": f"{folder}/",
        "https://$host": f"https://$host:{https}",
        "/dev/stdout": f"{folder}/access.log",
    }
    for name in ("nginx.conf", "site.conf", f"listen-{scheme}.conf"):
        text = (CONFIGURATION / name).read_text()
        for ours, here in addresses.items():
            text = text.replace(ours, here)
        for directive, value in changes.items():
            text = re.sub(rf"\b{directive} .*?;", f"{directive} {value};", text)
        (folder / name.replace(f"listen-{scheme}", "listen")).write_text(text)
    shutil.copy(MIME_TYPES, folder / "mime.types")
    (folder / "tls").mkdir()
    certify(folder / "tls")
    command = [str(nginx_path()), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr, checked.stderr
    process = Process([*command, "-g", "daemon off;"], env=environment(), log=folder / "nginx.log")
    try:
        yield Door(process, http, https, health)
    finally:
        if process.running:
            process.stop()  # a master that is killed leaves its workers behind


def certify(folder: Path) -> None:
    """Make a certificate of localhost, signed by itself."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)


def main() -> int:
    """Install nginx where that is possible; say so where it is not: its tests are skipped then."""
    if not nginx_path() and can_install():
        try:
            install("nginx-light")
        except subprocess.CalledProcessError as error:
            print(f"tideline: `{' '.join(error.cmd[:2])}` failed", file=sys.stderr)
    if not nginx_path():
        print("tideline: no nginx here: the tests of the deployment's nginx are skipped", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
