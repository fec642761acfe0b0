"""The tables, all of them watched; made by hand, for nothing but the harness has them."""

from typing import Any

from django.db import migrations, models
from django.db.models.deletion import CASCADE, DO_NOTHING

from realtime.adapters.capture import WatchTable
from tests.faults.app.models import transaction_number

COUNTED: "list[tuple[str, models.Field[Any, Any]]]" = [
    ("id", models.BigIntegerField(primary_key=True)),
    ("version", models.IntegerField()),
    ("token", models.CharField(max_length=40)),
]


def owner() -> "tuple[str, models.Field[Any, Any]]":
    """The customer that a row belongs to."""
    return ("owner", models.ForeignKey("accounts.Customer", CASCADE))


def amount() -> "list[tuple[str, models.Field[Any, Any]]]":
    """A number, and what nobody else may see."""
    return [
        ("amount", models.DecimalField(max_digits=12, decimal_places=2)),
        ("canary", models.CharField(max_length=60)),
    ]


RULES = """
ALTER TABLE proof_line ADD CONSTRAINT proof_line_goes_with_its_doc
    FOREIGN KEY (doc_id) REFERENCES proof_doc (id) ON DELETE CASCADE;

CREATE FUNCTION proof_correct() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE proof_line SET amount = -amount, version = version + 1 WHERE id = NEW.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER proof_correct AFTER UPDATE ON proof_line
    FOR EACH ROW WHEN (NEW.amount < 0) EXECUTE FUNCTION proof_correct();
"""
"""The second writes the row again within the statement that wrote it: its own change is logged before the outer one."""


class Migration(migrations.Migration):
    """Everything at once."""

    dependencies = [("realtime", "0002_changed_keys"), ("accounts", "0002_api_keys")]

    operations = [
        migrations.CreateModel("Item", [*COUNTED, owner(), *amount()]),
        migrations.CreateModel("Doc", [*COUNTED, owner()]),
        migrations.CreateModel(
            "Line",
            [*COUNTED, owner(), ("doc", models.ForeignKey("proof.Doc", DO_NOTHING, db_constraint=False)), *amount()],
        ),
        migrations.CreateModel(
            "Event",
            [
                *COUNTED,
                owner(),
                ("text", models.CharField(max_length=60)),
                ("turn", models.BigIntegerField(db_default=transaction_number())),
            ],
        ),
        migrations.CreateModel("Bulk", COUNTED),
        migrations.RunSQL(RULES, migrations.RunSQL.noop),
        WatchTable("proof", "item", columns=["id", "version", "token", "owner", "amount", "canary"]),
        WatchTable("proof", "doc", columns=["id", "version", "token", "owner"]),
        WatchTable("proof", "line", columns=["id", "version", "token", "owner", "doc", "amount", "canary"]),
        WatchTable("proof", "event", columns=["id", "version", "token", "owner", "text"]),
        WatchTable("proof", "bulk", columns=["id", "version", "token"]),
    ]
