"""Never an engineer alone in front of a problem: after how long a second is attached, and for how long one was alone.

Alone means: somebody of ours owns an incident that is open and not waiting for others, and nobody has said yes to
standing beside. Plain.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from escalation.incident import NEVER_ALONE, State
from escalation.routing import LEVELS
from models.incidents import Incident

# A junior in front of a case that is not done in a quarter of an hour is in front of a hard case.
JUNIOR = timedelta(minutes=15)
# What the contract pays for: on the upper tiers an hour alone on any case is too long.
BY_TIER = {"platinum": timedelta(hours=1), "gold": timedelta(hours=2)}
WATCHED = (State.ACKNOWLEDGED.value, State.WORKING.value)


def limit(severity: int, tier: str, level: str) -> timedelta | None:
    """How long one of this level may be alone with such an incident; None: as long as they like."""
    if severity <= NEVER_ALONE:
        return timedelta(0)
    limits = [BY_TIER[tier]] if tier in BY_TIER else []
    if level == LEVELS[0]:
        limits.append(JUNIOR)
    return min(limits, default=None)


def is_alone(incident: Incident) -> bool:
    """Whether somebody is alone with it at this moment."""
    stands_beside = incident.second_id is not None and incident.second_accepted_at is not None
    return incident.owner_id is not None and not stands_beside and incident.state in WATCHED


def count(incident: Incident, now: datetime) -> None:
    """Settle the time alone at a change of the incident: what has passed is added, and the watch begins or ends."""
    if incident.alone_since is not None:
        incident.alone_s += max(0.0, (now - incident.alone_since).total_seconds())
    incident.alone_since = now if is_alone(incident) else None


def seconds(incident: Incident, now: datetime) -> float:
    """How long somebody has been alone with it in all, in seconds."""
    running = (now - incident.alone_since).total_seconds() if incident.alone_since is not None else 0.0
    return incident.alone_s + max(0.0, running)
