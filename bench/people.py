"""Signs so many people in, and makes a key for a tool: `python -m bench.people COUNT`.

Prints JSON: the session keys, and the tool's token.
"""

import json
import sys
from datetime import timedelta

import django


def main(count: int) -> None:
    """Make users with a session each, and print."""
    django.setup()
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    from core.accounts.keys import make_key
    from core.accounts.models import User

    users = User.objects.bulk_create(User(username=f"reader-{number}", password="!") for number in range(count))
    sessions = [SessionStore(f"{user.pk:032d}") for user in users]
    Session.objects.bulk_create(
        Session(
            session_key=str(store.session_key),
            session_data=store.encode(
                {
                    SESSION_KEY: str(user.pk),
                    BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[-1],
                    HASH_SESSION_KEY: user.get_session_auth_hash(),
                }
            ),
            expire_date=timezone.now() + timedelta(days=1),
        )
        for user, store in zip(users, sessions, strict=True)
    )
    _, token = make_key("bench", ["notifications:write"])
    json.dump({"session_keys": [store.session_key for store in sessions], "token": token}, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]))
