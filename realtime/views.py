"""Health and metrics over HTTP, for probes and scrapers; the project gives them their URLs.

They are asked inside the deployment, need no sign-in, and tell nothing of rows or users.
"""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from realtime import metrics
from realtime.drivers.sessions import sessions
from realtime.errors import RealtimeError

UNREADY = HTTPStatus.SERVICE_UNAVAILABLE


async def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200: the process lives and its loop runs."""
    return JsonResponse({"status": "ok"})


async def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 once a change can travel the whole way to a session of this process, else 503.

    The body has `status` (ok, degraded, unready) and `reasons`. Degraded is still ready: without Redis changes
    come through the log, without a relay they wait for one.
    """
    here = sessions()
    try:
        await here.start()
    except RealtimeError as error:
        return JsonResponse({"status": "unready", "reasons": [str(error)]}, status=UNREADY)
    health = here.health()
    if not health.ready:
        return JsonResponse({"status": "unready", "reasons": health.reasons}, status=UNREADY)
    return JsonResponse({"status": "degraded" if health.degraded else "ok", "reasons": health.reasons})


async def metrics_page(request: HttpRequest) -> HttpResponse:
    """Answer with this process's metrics in the Prometheus text format."""
    return HttpResponse(generate_latest(metrics.registry), content_type=CONTENT_TYPE_LATEST)
