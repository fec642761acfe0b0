"""Captures that were installed before they looked at own rows alone are renewed, and record a reset."""

from importlib import import_module

from django.db import migrations

renew_all = import_module("realtime.migrations.0002_changed_keys").renew_all


class Migration(migrations.Migration):
    """The form of the triggers is the engine's, and so is its renewal; a fresh database has nothing to renew."""

    dependencies = [("realtime", "0002_changed_keys")]
    operations = [migrations.RunPython(renew_all, migrations.RunPython.noop)]
