"""What people do with an incident. Each act writes the timeline and the audit, and counts up the version.

Every function locks the incident's row, never commits, and answers with the changed `Incident` or with `NotNow`.
`expected_version`: when given and no longer true, nothing is done (the page was stale).
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy.orm import Session

from escalation.incident import Actor, NotNow
from models.incidents import Incident


def acknowledge(
    session: Session, incident_id: uuid.UUID, actor: Actor, now: datetime, *, expected_version: int | None = None
) -> Incident | NotNow:
    """Somebody has seen it: no further rung is climbed."""
    raise NotImplementedError


def claim(
    session: Session, incident_id: uuid.UUID, actor: Actor, now: datetime, *, expected_version: int | None = None
) -> Incident | NotNow:
    """The actor becomes the owner and works on it."""
    raise NotImplementedError


def second(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    *,
    person_id: uuid.UUID | None = None,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """Attach a second engineer: the one named, or the first in routing's order who is not the owner."""
    raise NotImplementedError


def reply(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    text: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """A public word. Ours meets the `respond` promise and starts the next `update`; a customer's does not."""
    raise NotImplementedError


def note(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    text: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """An internal word the customer never reads."""
    raise NotImplementedError


def wait(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    waiting_for: str,
    reason: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """Wait for customer, vendor or maintenance; the promises pause."""
    raise NotImplementedError


def resume(
    session: Session, incident_id: uuid.UUID, actor: Actor, now: datetime, *, expected_version: int | None = None
) -> Incident | NotNow:
    """The wait is over; the promises run on."""
    raise NotImplementedError


def resolve(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    text: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """Say publicly what was done; the clocks stop."""
    raise NotImplementedError


def close(
    session: Session, incident_id: uuid.UUID, actor: Actor, now: datetime, *, expected_version: int | None = None
) -> Incident | NotNow:
    """A resolved incident is done with."""
    raise NotImplementedError


def reopen(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    reason: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """It came back: open again, the ladder starts over."""
    raise NotImplementedError


def set_severity(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    severity: int,
    reason: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """Another severity, 1 gravest to 4; running promises are counted anew from the opening."""
    raise NotImplementedError


def verdict(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    word: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """The engineer's judgement of the detection: true, benign or false; written on its findings."""
    raise NotImplementedError


def escalate(
    session: Session,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    reason: str,
    *,
    expected_version: int | None = None,
) -> Incident | NotNow:
    """Climb the next rung now, acknowledged or not."""
    raise NotImplementedError
