"""nginx with nchan: WebSocket subscribers; published by POST on a kept connection, pipelined when several are due.

One worker, as for the others one process: no message crosses between workers. The channel keeps the last messages
in memory, as nchan does by default, because that is how a subscriber between two messages is given the next.
"""

import os

from bench.fanout.load import Audience
from bench.fanout.subjects import Change, message
from bench.peers.installing import debian, in_debian
from bench.peers.peer import Peer, Publisher

PACKAGE = "libnginx-mod-nchan"

CONFIGURATION = """
load_module {module};
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  nchan_shared_memory_size 256m;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location ~ ^/sub/(.+)$ {{
      nchan_subscriber websocket;
      nchan_channel_id $1;
      nchan_subscriber_first_message newest;
      nchan_websocket_ping_interval 20;
    }}
    location ~ ^/pub/(.+)$ {{
      nchan_publisher http;
      nchan_channel_id $1;
      nchan_message_buffer_length {kept};
      nchan_message_timeout 30s;
    }}
  }}
}}
"""

KEPT = 64
"""Messages that a channel keeps: several times what is outstanding."""


class Nchan(Peer):
    """Fan-out inside nginx, in C."""

    name = "nginx + nchan"

    def install(self) -> None:
        """Unpack Debian's nginx and its module."""
        debian(PACKAGE)

    def begin(self) -> Publisher:
        """Start nginx."""
        package = debian(PACKAGE)
        module = in_debian(package, "usr/lib/nginx/modules/ngx_nchan_module.so")
        user = "user root;" if os.geteuid() == 0 else ""
        file = self.folder / "nginx.conf"
        words = {"module": module, "user": user, "folder": self.folder, "port": self.port, "kept": KEPT}
        file.write_text(CONFIGURATION.format(**words))
        nginx = in_debian(package, "usr/sbin/nginx")
        self.run(nginx, "-p", self.folder, "-e", self.folder / "error.log", "-c", file, "-g", "daemon off;")
        return Publisher(self.port)

    def audience(self, connections: int) -> Audience:
        """Subscribers from the handshake on."""
        return Audience(self.port, connections, path=f"/sub/{self.subscribed}")

    def encode(self, change: Change) -> bytes:
        """POST."""
        data = message(change)
        head = f"POST /pub/{self.topic(change)} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
        return head.encode() + data
