"""The ASGI application: pages and probes over HTTP, sessions over WebSocket."""

import os

from channels.routing import ProtocolTypeRouter
from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")

pages = get_asgi_application()

from consumers.proxy import behind_proxy  # noqa: E402 (needs Django set up)
from consumers.routing import websockets  # noqa: E402

application = ProtocolTypeRouter({"http": pages, "websocket": websockets})
if settings.BEHIND_PROXY:
    application = behind_proxy(application)
