"""Value-added tax by customer, for a seller in Germany who ships goods to businesses.

Sources: § 12 (1) UStG (19 %), § 4 no. 1 b UStG (supplies within the EU to a customer with a VAT number), § 4 no. 1 a
UStG (export). A customer of whom no country is known is taxed as at home.
"""

from dataclasses import dataclass
from decimal import Decimal

HOME = "DE"
RATE = Decimal("19.00")
EUROPEAN_UNION = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Tax:
    """A rate in percent of the net amount, and what an invoice says about it (empty at the usual rate)."""

    percent: Decimal
    note: str = ""


def tax_of(country: str, vat_number: str) -> Tax:
    """Return the tax of a customer by ISO country code ("" where unknown) and VAT number ("" for none)."""
    country = country.upper()
    if country in ("", HOME) or (country in EUROPEAN_UNION and not vat_number):
        return Tax(RATE)
    if country in EUROPEAN_UNION:
        return Tax(Decimal("0.00"), "Intra-Community supply, exempt from VAT; the customer accounts for the tax.")
    return Tax(Decimal("0.00"), "Export, exempt from VAT.")
