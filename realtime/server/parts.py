"""What the server uses of Daphne, autobahn and Twisted that is not theirs to keep, named in one place.

A contract test holds the installed versions to it; pyproject.toml admits no others.
"""

from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory
from autobahn.websocket import protocol as autobahn
from daphne.server import Server
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.tcp import Server as Stream

HANDSHAKE = frozenset(
    {
        "_raw_query_string",
        "_wskey",
        "application_deferred",
        "clean_headers",
        "client_addr",
        "http_headers",
        "http_request_data",
        "http_request_host",
        "http_request_params",
        "http_request_path",
        "http_request_uri",
        "http_response_data",
        "http_status_line",
        "last_ping",
        "path",
        "peer",
        "protocol_to_accept",
        "request",
        "root_path",
        "server_addr",
        "socket_opened",
        "websocket_extensions",
        "websocket_extensions_in_use",
        "websocket_origin",
        "websocket_protocol_in_use",
        "websocket_protocols",
    }
)
"""Attributes that autobahn and Daphne set in the handshake and never ask for once the socket is open."""

PARTS: tuple[tuple[Any, frozenset[str]], ...] = (
    (
        Server,
        frozenset({"application_checker", "create_application", "handle_reply"})
        | {"kill_all_applications", "protocol_connected", "protocol_disconnected", "run", "timeout_checker"},
    ),
    (
        WebSocketProtocol,
        frozenset({"connectionLost", "connectionMade", "dataReceived", "dropConnection", "handle_exception"})
        | {"handle_reply", "onClose", "onMessage", "onPong", "sendClose", "sendCloseFrame", "sendData", "serverAccept"}
        | {"serverSend", "_connectionMade", "_dataReceived", "_invalid_payload", "_onOpen", "onOpenHandshakeTimeout"}
        | {"STATE_CONNECTING", "STATE_OPEN", "CONFIG_ATTRS"},
    ),
    (WebSocketServerFactory, frozenset({"setProtocolOptions"})),
    (Stream, frozenset({"TLS", "abortConnection", "dataBuffer", "getHandle", "offset", "registerProducer"})),
    (Stream, frozenset({"unregisterProducer", "write"})),
    (autobahn, frozenset({"_url_to_origin", "TrafficStats"})),
)
"""What is overridden or used of classes that are not ours. What instances alone have, the contract test looks at."""
