"""The tests. Django is set up here, before any of them is imported.

The settings name servers that don't exist: a test that wants a database or a Redis asks for the fixture
`database` or `redis_url`, and never touches the servers of the environment.
"""

import os

import django

os.environ |= {
    "DJANGO_SETTINGS_MODULE": "core.settings",
    "DATABASE_URL": "postgresql://nobody:none@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "SECRET_KEY": "for-tests",
}
django.setup()
