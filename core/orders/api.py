"""The orders over HTTP: taking them a step further."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field, StringConstraints

from core.accounts.authentication import SignedIn
from core.accounts.policies import may_move_orders
from core.orders.models import Order, OrderEvent
from core.orders.services import progress
from core.problems import Problem

router = Router(tags=["orders"])

LONGEST_REASON = OrderEvent.LONGEST_MESSAGE


class Step(StrEnum):
    """What can be done with an order."""

    PAY = "pay"
    START_PICKING = "start_picking"
    SHIP = "ship"
    DELIVER = "deliver"
    CANCEL = "cancel"


FORWARD: Mapping[Step, Callable[..., Order]] = {
    Step.PAY: progress.pay,
    Step.START_PICKING: progress.start_picking,
    Step.SHIP: progress.ship,
    Step.DELIVER: progress.deliver,
}
"""The steps forward; giving an order up takes a reason as well."""


class NextStep(Schema):
    """A step to take; `reason` is for cancelling alone, and the customer reads it."""

    model_config = ConfigDict(extra="forbid")

    step: Step
    reason: Annotated[str, StringConstraints(strip_whitespace=True)] = Field("", max_length=LONGEST_REASON)


class Reached(Schema):
    """What has become of the order."""

    number: str
    status: str


@router.post("/orders/{number}/steps", auth=SignedIn(may_move_orders), response=Reached, summary="Take the next step")
def take_step(request: HttpRequest, number: str, body: NextStep) -> Order:
    """Take an order a step further, in the name of who is signed in; 409 when it can't take this step from where it is.

    Of two people who press at once one is first, and the other is told what the order has become.
    """
    if body.reason and body.step is not Step.CANCEL:
        raise Problem.of_field("reason", f"is for cancelling alone; leave it out to {body.step.replace('_', ' ')}")
    actor = request.user.get_username()
    try:
        order = Order.objects.only("pk").get(number=number)
        if body.step is Step.CANCEL:
            return progress.cancel(order, actor=actor, reason=body.reason)
        return FORWARD[body.step](order, actor=actor)
    except Order.DoesNotExist as error:
        raise Problem(404, f"There is no order {number[:40]}.") from error
