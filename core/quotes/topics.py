"""What is live of quotes: the stream `quotes`, and its topics."""

from typing import Any

from core.accounts.policies import is_customer
from core.quotes.models import Quote
from core.quotes.rows import quote_row
from realtime import Rows, Stream, Watch

# The list is the one of the table's WatchTable in a migration; a system check compares them.
QUOTE = [
    "id", "number", "customer", "material_name", "material_slug", "quantity", "unit", "quantity_kg", "unit_price",
    "net", "tax_percent", "tax", "total", "currency", "valid_until", "created_by", "created_at", "used_at", "archived",
]  # fmt: skip

quotes = Stream("quotes", watch=[Watch(Quote, columns=QUOTE)])


@quotes.topic("quotes/mine", policy=is_customer)
def my_quotes(user: Any) -> list[Rows]:
    """The saved quotes, not archived, of the customer that the user buys for."""
    return [Rows(Quote, where={"customer": user.customer_id, "archived": False}, project=quote_row)]
