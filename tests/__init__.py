"""The tests. Under pytest, Django is set up here, before any of them is imported.

The settings name servers that don't exist: a test that wants a database or a Redis asks for the fixture
`database` or `redis_url`, and never touches the servers of the environment. Processes that the tests start
keep the environment that they were given.
"""

import os
import sys

import django

from tests.support.processes import PRODUCTION

if "pytest" in sys.modules:
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "core.settings",
        "DATABASE_URL": "postgresql://nobody:none@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        **PRODUCTION,
    }
    django.setup()
