"""What a group that cut alerts off said to be over while another group told of it: open on that one's word, no longer.

Alertmanager calls a group resolved when all that it *lists* is: what it cut off may fire on. Where a second group tells
of the same alert, that one is believed, as long as it speaks: a group that fires is said again. One whose receiver is
told nothing of ends (`send_resolved: false`) falls silent when it is over, and silence must not hold an incident open
for ever.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from escalation.inbound import effects
from escalation.one_by_one import one_by_one
from models.inbound import InboundAlert, InboundDoor, InboundGroup
from models.session import SYSTEM, Sessions, work

# Alertmanager says a firing group again after its `repeat_interval`, and after the retention of what it has told (five
# days) at the latest, however long that interval is. Nothing it says tells of either, so we wait for the later one:
# an incident that ends while its alert fires is worse than one that stands some days until a person ends it.
BELIEVED = timedelta(hours=121)


def leave(alert: InboundAlert, group_key: str) -> None:
    """Note that this group holds the alert for over, and that it stays open on another's word."""
    alert.facts = {**alert.facts, "left_open": group_key}


def goes_on_elsewhere(session: Session, alert: InboundAlert, group_key: str, now: datetime) -> bool:
    """Whether another group that told of the alert is open, and has spoken within the time it is believed for."""
    others = [key for key in alert.facts.get("groups", []) if key != group_key]
    told = (InboundGroup.door_id == alert.door_id, InboundGroup.key.in_(others), InboundGroup.is_open,
            InboundGroup.last_at > now - BELIEVED)  # fmt: skip
    return bool(others) and session.scalar(select(InboundGroup.id).where(*told).limit(1)) is not None


def settle(sessions: Sessions, now: datetime) -> int:
    """End what was left open on the word of groups that have fallen silent since; how many ended."""
    with work(sessions, SYSTEM) as session:
        waiting = session.execute(select(InboundAlert.id, InboundAlert.customer_id).where(_left())).all()
    return one_by_one(sessions, "alerts left open", waiting, lambda session, id: _settle(session, id, now))


def unsettled(session: Session, now: datetime, most: int) -> list[tuple[uuid.UUID, str, datetime]]:
    """(id, title, since when) of what was left open longer than anybody is believed: it should have ended by itself."""
    waiting = session.scalars(select(InboundAlert).where(_left()).order_by(InboundAlert.last_at).limit(most))
    return [(one.id, one.title, one.last_at) for one in waiting if _is_over(session, one, now)]


def _left() -> ColumnElement[bool]:
    left: ColumnElement[bool] = InboundAlert.facts.has_key("left_open")
    return (InboundAlert.state != "resolved") & left


def _settle(session: Session, id: uuid.UUID, now: datetime) -> bool:
    alert = session.scalar(select(InboundAlert).where(InboundAlert.id == id, _left()).with_for_update())
    if alert is None or not _is_over(session, alert, now):
        return False
    alert.state, alert.ended_at = "resolved", now
    effects.ended(session, session.get_one(InboundDoor, alert.door_id), alert, now)
    return True


def _is_over(session: Session, alert: InboundAlert, now: datetime) -> bool:
    if _is_cut_off_again(session, alert, now):
        return False
    return not goes_on_elsewhere(session, alert, alert.facts["left_open"], now)


def _is_cut_off_again(session: Session, alert: InboundAlert, now: datetime) -> bool:
    """Whether the group that held it for over fires again and cuts off as before: the alert may be among the rest."""
    told = (InboundGroup.door_id == alert.door_id, InboundGroup.key == alert.facts["left_open"], InboundGroup.is_open,
            InboundGroup.cut_off > 0, InboundGroup.last_at > now - BELIEVED)  # fmt: skip
    return session.scalar(select(InboundGroup.id).where(*told)) is not None
