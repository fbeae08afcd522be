"""An incident whose condition comes and goes is flapping: its ends are not believed before a longer quiet."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation import story
from models.incidents import Finding, Incident

TIMES: Final = 4  # beginnings within `WITHIN` on one incident
WITHIN: Final = timedelta(hours=2)
# A condition that ended and stays away for so long, with nobody at work on it, is over: shorter than the patience of a
# customer, longer than most machines flap.
RECOVERED_HOLD: Final = timedelta(minutes=30)
FLAPPING_HOLD: Final = timedelta(hours=2)


def hold(incident: Incident) -> timedelta:
    """How long its condition must stay away before it resolves by itself."""
    return FLAPPING_HOLD if incident.flapping_since is not None else RECOVERED_HOLD


def note(session: Session, incident: Incident, now: datetime) -> None:
    """Its condition has come back: once too often, and it is called flapping, which is said once."""
    if incident.flapping_since is not None:
        return
    session.flush()  # the finding that came back counts
    mine = (Finding.incident_id == incident.id, Finding.opened_at > now - WITHIN)
    times = session.scalar(select(func.count()).select_from(Finding).where(*mine)) or 0
    if times < TIMES:
        return
    incident.flapping_since = now
    hours = int(FLAPPING_HOLD.total_seconds() // 3600)
    text = f"It flaps: begun {times} times within two hours. It resolves by itself only after {hours} quiet hours."
    story.tell(session, incident, "flapping", text, now, facts={"times": times})
