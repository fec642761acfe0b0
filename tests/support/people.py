"""People who are signed in, without the form: rows of users, customers and sessions."""

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from core.accounts.models import Customer, User


def staff(name: str = "staff") -> User:
    """Make someone who works here."""
    return User.objects.create_user(name, password="demo-only", is_staff=True)


def buyer(name: str, customer: Customer | None) -> User:
    """Make someone who buys for a customer (None: for nobody)."""
    return User.objects.create_user(name, password="demo-only", customer=customer)


def sign_in(user: User) -> str:
    """Return the key of a new session of the user, as Django's own sign-in would make it."""
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    assert store.session_key is not None
    return store.session_key
