"""Where the demo's seller keeps stock, who buys, and who signs in."""

from typing import NamedTuple

PASSWORD = "demo-only"  # noqa: S105 - published, which is why it only enters databases with the demo's mark

API_TOKEN = "tl_demodemo_published-it-opens-the-demo-alone-x7Qm"  # noqa: S105 - as published as the password


class Place(NamedTuple):
    """A warehouse of the demo, and the categories that it keeps (empty: all)."""

    code: str
    name: str
    city: str
    categories: frozenset[str] = frozenset()


class Buyer(NamedTuple):
    """A customer of the demo, what it mostly buys, and how much of it compared to others."""

    name: str
    city: str
    country: str
    categories: tuple[str, ...]
    appetite: float


STEEL = frozenset({"Structural steel", "Engineering steel", "Stainless steel"})
METALS = STEEL | {"Aluminium", "Copper", "Brass and bronze", "Other metals"}
BUILDING = frozenset({"Rebar", "Structural steel", "Timber", "Aggregates", "Cement and binders"})

PLACES = (
    Place("HAM", "Hamburg Port", "Hamburg"),
    Place("DUI", "Duisburg Rhine Terminal", "Duisburg", METALS | BUILDING),
    Place("LEJ", "Leipzig North", "Leipzig", BUILDING | {"Polymers", "Chemicals", "Aluminium"}),
    Place("RTM", "Rotterdam Botlek", "Rotterdam", METALS | {"Chemicals", "Polymers"}),
)

BUYERS = (
    Buyer("Nordlicht Hochbau GmbH", "Hamburg", "DE", ("Rebar", "Cement and binders", "Aggregates"), 2.0),
    Buyer("Brückner Stahlbau AG", "Dortmund", "DE", ("Structural steel", "Engineering steel"), 1.8),
    Buyer("Van der Meer Offshore B.V.", "Rotterdam", "NL", ("Stainless steel", "Other metals"), 1.3),
    Buyer("Elbtal Maschinenbau GmbH", "Dresden", "DE", ("Engineering steel", "Brass and bronze", "Aluminium"), 1.4),
    Buyer("Kupferwerk Söhne KG", "Osnabrück", "DE", ("Copper", "Brass and bronze"), 0.9),
    Buyer("Havel Kunststofftechnik GmbH", "Brandenburg", "DE", ("Polymers",), 1.1),
    Buyer("Zimmerei Albrecht & Co.", "Kassel", "DE", ("Timber",), 0.8),
    Buyer("AquaPur Wassertechnik GmbH", "Leipzig", "DE", ("Chemicals", "Stainless steel", "Polymers"), 1.0),
    Buyer("Lumen Leuchtenbau GmbH", "Arnsberg", "DE", ("Aluminium", "Polymers"), 0.7),
    Buyer("Jensen Skibsværft A/S", "Odense", "DK", ("Structural steel", "Aluminium", "Stainless steel"), 1.2),
    Buyer("Transbeton Mitte GmbH", "Halle", "DE", ("Cement and binders", "Aggregates", "Rebar"), 1.6),
    Buyer("Ateliers Fontaine S.A.S.", "Lille", "FR", ("Brass and bronze", "Copper", "Stainless steel"), 0.6),
)

NAMES = (
    ("Mara", "Petersen"), ("Jonas", "Brückner"), ("Anouk", "van der Meer"), ("Tobias", "Richter"),
    ("Helene", "Osterkamp"), ("Deniz", "Aydin"), ("Ruth", "Albrecht"), ("Sören", "Vogt"),
    ("Carla", "Lindner"), ("Mads", "Jensen"), ("Irina", "Wolff"), ("Luc", "Fontaine"),
)  # fmt: skip
"""Who buys for each customer, in the order of `BUYERS`: the users `customer1`, `customer2`, …"""

SECOND_BUYERS = {1: ("Felix", "Harms"), 4: ("Julia", "Kranz")}
"""A second person at some customers, by number: the users `customer1b` and `customer4b`."""
