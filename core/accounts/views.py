"""Signing in and out."""

from django.contrib.auth.views import LoginView, LogoutView


class SignIn(LoginView):
    """The form with `username` and `password`; leads on to `next`, or to the start page."""

    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True


class SignOut(LogoutView):
    """End the session (POST alone); whatever the session has open live ends with it."""
