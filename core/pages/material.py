"""The page of one material: its price live for anyone, its stock for staff."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from core.accounts.policies import is_staff, may_change_stock
from core.catalogue.models import Material


@require_safe
def material(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a material, also one that is no longer for sale; staff see what lies where, too."""
    found = get_object_or_404(Material, slug=slug)
    shown = {
        "material": found,
        "stock": is_staff(request.user),
        "may_change": may_change_stock(request.user),
    }
    return render(request, "pages/material.html", shown)
