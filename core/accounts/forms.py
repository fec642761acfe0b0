"""The form for a new password."""

from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.forms import PasswordChangeForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from core.accounts.models import User
from core.accounts.throttle import take_back


class NewPasswordForm(PasswordChangeForm):
    """The current password, and the new one twice.

    The current one is asked for as at the door: whoever finds a browser open can't guess at it more often than there.
    What is wrong with the new one is said where it was typed first.
    """

    def __init__(self, user: User, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self._request = request

    def clean_old_password(self) -> str:
        """Return the current password; raise ValidationError if it is another."""
        password: str = self.cleaned_data["old_password"]
        name = self.user.get_username()
        if authenticate(self._request, username=name, password=password) is None:
            raise ValidationError("This is not your current password.", code="password_incorrect")
        take_back(self._request, name)
        return password

    def validate_password_for_user(self, user: User, password_field_name: str | None = None) -> None:
        """Say at the first of the two boxes what the validators have against the new password."""
        super().validate_password_for_user(user, "new_password1")
