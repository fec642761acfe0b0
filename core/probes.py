"""Probes and the scraper are answered before anything else, by whatever name they ask.

An orchestrator asks by address, not by a name in ALLOWED_HOSTS, and over http. And these answers come from the event
loop alone: a process whose threads all wait for a database still lives, and must not be killed for that.
"""

from collections.abc import Awaitable, Callable, Mapping

from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import async_only_middleware

from realtime.views import healthz, metrics_page, readyz

View = Callable[[HttpRequest], Awaitable[HttpResponseBase]]

PROBES: Mapping[str, View] = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics_page}


@async_only_middleware
def probes(get_response: View) -> View:
    """Answer the probes' paths; hand on everything else."""

    async def respond(request: HttpRequest) -> HttpResponseBase:
        return await PROBES.get(request.path_info, get_response)(request)

    return respond
