"""Signing in and out, and changing one's password."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeDoneView, PasswordChangeView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse, reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme

from core.accounts.forms import NewPasswordForm
from core.accounts.models import User
from core.accounts.throttle import seconds_to_wait


class SignIn(LoginView):
    """The form with `username` and `password`; leads on to `next`, or to the start page."""

    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True


class SignOut(LogoutView):
    """End the session (POST alone); whatever the session has open live ends with it."""


class ChangePassword(PasswordChangeView):
    """The old password, and the new one twice. All other sessions of the user end with it."""

    template_name = "accounts/password.html"
    form_class = NewPasswordForm
    success_url = reverse_lazy("password-changed")

    def get_form_kwargs(self) -> dict[str, Any]:
        """Give the form the request, by which it asks for the old password."""
        return {**super().get_form_kwargs(), "request": self.request}


class PasswordChanged(PasswordChangeDoneView):
    """Say that it is done, and what it means."""

    template_name = "accounts/password_changed.html"


def come_again(request: HttpRequest, answer: HttpResponseBase, credentials: Any) -> HttpResponse:
    """Return, in place of an answer, the page with the form once more, saying when one may try again (429)."""
    wait_seconds = seconds_to_wait(request)
    waiting = {"wait_seconds": wait_seconds, "wait_minutes": -(-wait_seconds // 60)}
    if request.path == reverse("password") and isinstance(request.user, User):
        form = {"form": NewPasswordForm(request.user, request=request)}
        response = render(request, ChangePassword.template_name, {**form, **waiting}, status=429)
    else:
        response = render(request, SignIn.template_name, {**_sign_in_again(request), **waiting}, status=429)
    response.headers["Retry-After"] = str(wait_seconds)
    return response


def _sign_in_again(request: HttpRequest) -> dict[str, Any]:
    """Return what the sign-in page shows after a form that may have been the admin's: name and goal are kept."""
    goal = request.POST.get("next", "")
    return {
        "form": AuthenticationForm(request, initial={"username": request.POST.get("username", "")}),
        "action": reverse("sign-in"),
        "next": goal if url_has_allowed_host_and_scheme(goal, {request.get_host()}, request.is_secure()) else "",
    }
