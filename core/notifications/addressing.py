"""From what programs and people write to an audience: usernames, customers' names or numbers, roles."""

from django.contrib.auth.models import Group

from core.accounts.models import Customer, User
from core.notifications.audience import STAFF, Audience
from core.notifications.content import BadNotification, Fault


def user_named(username: str) -> Audience:
    """Return the audience of a user; raise BadNotification when there is none of that name."""
    user = User.objects.filter(username=username).first()
    if user is None:
        raise _nobody("user", f"there is no user {username[:80]!r}")
    return Audience.of_user(user)


def customer_named(name: str | int) -> Audience:
    """Return the audience of a customer, by name or by number; raise BadNotification when there is none."""
    customer = Customer.objects.filter(name=name).first() if isinstance(name, str) else None
    if customer is None and str(name).isascii() and str(name).isdecimal():
        customer = Customer.objects.filter(pk=int(str(name)[:20])).first()
    if customer is None:
        raise _nobody("customer", f"there is no customer {str(name)[:80]!r}; give the whole name, or the number")
    return Audience.of_customer(customer)


def role_named(name: str) -> Audience:
    """Return the audience of a role; raise BadNotification when no group has that name."""
    if name != STAFF and (not name or not Group.objects.filter(name=name).exists()):
        known = ", ".join(sorted({STAFF, *Group.objects.values_list("name", flat=True)[:20]}))
        raise _nobody("role", f"there is no role {name[:80]!r}; there are {known}")
    return Audience.of_role(name)


def _nobody(field: str, message: str) -> BadNotification:
    return BadNotification(Fault(f"to.{field}", message))
