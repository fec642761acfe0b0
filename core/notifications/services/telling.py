"""Telling people something."""

from core.notifications.audience import Audience
from core.notifications.content import Content
from core.notifications.models import Level, Notification


def notify(
    to: Audience, title: str, *, body: str = "", level: str = Level.INFO, link: str = "", about: str = ""
) -> Notification:
    """Tell an audience something, and return the notification: one row, however many people it is for.

    It takes part in the caller's transaction: they are told when that commits, and never when it does not.
    Raises BadNotification for a text that can't be shown or a link that isn't safe.
    """
    content = Content(title.strip(), body.strip(), level, link, about)
    content.check()
    return Notification.objects.create(
        user_id=to.user_id,
        customer_id=to.customer_id,
        role=to.role,
        audience=to.kind,
        title=content.title,
        body=content.body,
        level=content.level,
        link=content.link,
        about=content.about,
    )
