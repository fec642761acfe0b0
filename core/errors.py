"""What the domain refuses, and why.

    ShopError
    ├── BadQuantity      a quantity or price that can't be: not positive, too exact, too large
    ├── BadUnit          a unit that there is not, or that a material can't be measured in
    ├── NotEnoughStock   more is asked for than is available
    ├── SameWarehouse    a transfer to where the material lies already
    ├── NotForSale       a material that is archived
    ├── EmptyOrder       an order without lines
    ├── MixedCurrencies  lines of one order in several currencies
    └── WrongStatus      an order can't take this step from where it is

Services raise these before they have changed anything, or inside a transaction that is rolled back.
"""


class ShopError(Exception):
    """Root of the domain's refusals; the message is fit to be shown."""


class BadQuantity(ShopError):
    """A quantity or price that can't be: not positive, too exact, or too large."""


class BadUnit(ShopError):
    """A unit that there is not, or that a material can't be measured in."""


class NotEnoughStock(ShopError):
    """More is asked for than is available."""


class SameWarehouse(ShopError):
    """A transfer to where the material lies already."""


class NotForSale(ShopError):
    """A material that is archived."""


class EmptyOrder(ShopError):
    """An order without lines."""


class MixedCurrencies(ShopError):
    """Lines of one order in several currencies."""


class WrongStatus(ShopError):
    """An order can't take this step from where it is."""
