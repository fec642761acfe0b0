"""The page of notifications: the live ones come over the WebSocket, those that have left it by pages over HTTP."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
@login_required
def notifications(request: HttpRequest) -> HttpResponse:
    """Show whoever is signed in what they were told; the rows are their own by topic and by endpoint."""
    return render(request, "pages/notifications.html")
