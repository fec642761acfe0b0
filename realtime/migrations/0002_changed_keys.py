"""Captures that were installed before keys that change had a trigger of their own get it, and record a reset."""

from typing import Any

from django.db import migrations

from realtime.adapters.capture import renew
from realtime.declare import registry


def renew_all(apps: Any, schema_editor: Any) -> None:
    """Renew the declared captures that are installed."""
    with schema_editor.connection.cursor() as cursor:
        for stream in registry.streams.values():
            for capture in stream.captures.values():
                renew(cursor, stream.name, capture)


class Migration(migrations.Migration):
    """The form of the triggers is the engine's, and so is its renewal; a fresh database has nothing to renew."""

    dependencies = [("realtime", "0001_initial")]
    operations = [migrations.RunPython(renew_all, migrations.RunPython.noop)]
