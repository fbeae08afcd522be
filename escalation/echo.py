"""Saying in PagerDuty what became of an incident that was told there: acknowledged, resolved."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation import outbox
from escalation.outbox import Draft
from models.incidents import Incident
from models.notices import Notice

RUNG = -2  # of a notice that tells of an end rather than calling anybody
# What changed so lately is looked at; the loop comes by far more often.
_LATELY = timedelta(minutes=30)
_RESOLVED = ("resolved", "closed")


def write(session: Session, now: datetime) -> int:
    """Write the echoes that are due, each once a climb of the ladder; how many were written."""
    told = (
        select(Notice, Incident)
        .join(Incident, Incident.id == Notice.incident_id)
        .where(Notice.channel == "pagerduty", Notice.rung != RUNG, Notice.settled_at.is_not(None))
        .where(Incident.changed_at > now - _LATELY, Incident.state != "open")
        .order_by(Notice.created_at)
    )
    written = 0
    for notice, incident in session.execute(told):
        is_over = incident.state in _RESOLVED
        type = "vigie.incident.resolved" if is_over else "vigie.incident.acknowledged"
        body = {"type": type, "text": "", "path": f"/incidents/{incident.label}", "data": {"incident": incident.label}}
        draft = Draft(
            RUNG,
            2 * incident.ladder_round + is_over,
            "pagerduty",
            notice.address,
            f"{incident.label} is {incident.state}",
            body,
            "it was told here",
            notice.person_id,
        )
        written += outbox.enqueue(session, incident, draft, now)
    return written
