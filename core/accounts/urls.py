"""Addresses of signing in and out, and of one's password."""

from django.urls import path

from core.accounts.views import ChangePassword, PasswordChanged, SignIn, SignOut

urlpatterns = [
    path("sign-in/", SignIn.as_view(), name="sign-in"),
    path("sign-out/", SignOut.as_view(), name="sign-out"),
    path("password/", ChangePassword.as_view(), name="password"),
    path("password/changed/", PasswordChanged.as_view(), name="password-changed"),
]
