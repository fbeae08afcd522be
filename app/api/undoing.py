"""Taking back what one did to an incident, within the minute, and sending at once what is held that long."""

from __future__ import annotations

import uuid

from pydantic import Field

from app.api import lookup
from app.api.acts import answered
from app.api.attachments import attic
from app.api.door import Answer, Call, route
from app.api.incidents import IncidentWhole
from app.wire import In, Instant, Out
from escalation import deeds, undo


class TakeBack(In):
    deed: uuid.UUID | None = Field(None, description="left out: the caller's last one")


class DeedOut(Out):
    id: uuid.UUID
    act: str
    at: Instant
    undo_until: Instant


class Deeds(Out):
    items: list[DeedOut]


class Sent(Out):
    letters: int = Field(description="how many leave now")


@route("GET", "/incidents/{incident}/undo", "incidents:read", {200: Deeds}, problems=("not-found",))
def index(call: Call, *, incident: str) -> Deeds:
    """What the caller can still take back here, the last first."""
    row = lookup.incident(call, incident)
    found = deeds.open_deeds(call.session, row.id, call.actor, call.now)
    return Deeds(items=[DeedOut.model_validate(one) for one in found])


@route("POST", "/incidents/{incident}/undo", "incidents:open", {200: IncidentWhole}, body=TakeBack,
       problems=("not-found", "not-now", "changed-meanwhile"))  # fmt: skip
def take_back(call: Call, body: TakeBack, *, incident: str) -> Answer:
    """Take the caller's last act back, or the one named: within a minute, and unless somebody changed the same since.
    A reply that has left cannot be taken back, and the answer names whom it reached; `hold_s` keeps it from leaving."""
    row = lookup.incident(call, incident)
    with call.as_desk():
        done = undo.undo(call.session, row.id, call.actor, call.now, deed_id=body.deed, attic=attic())
    return answered(call, done)


@route("POST", "/incidents/{incident}/send-now", "incidents:open", {200: Sent}, problems=("not-found",))
def send_now(call: Call, *, incident: str) -> Sent:
    """Let go of what the caller's acts hold back."""
    row = lookup.incident(call, incident)
    with call.as_desk():
        return Sent(letters=deeds.let_go(call.session, row.id, call.actor, call.now))
