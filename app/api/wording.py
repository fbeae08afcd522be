"""Correcting one's own reply or note; what it said before stays to be seen."""

from __future__ import annotations

from app.api import lookup
from app.api.acts import Said, refused
from app.api.door import Call, route
from app.api.incidents import EntryOut
from escalation import editing
from escalation.incident import NotNow
from models.incidents import TimelineEntry


@route("PATCH", "/timeline/{entry}", "incidents:open", {200: EntryOut}, body=Said, problems=("not-found", "not-now"))
def edit(call: Call, body: Said, *, entry: str) -> EntryOut:
    """Put another text in its place: one's own replies and notes. `facts.former` keeps what it said before; a letter
    that has not left carries the new text, and where one has, the customer is written to anew."""
    row = lookup.entry(call, entry)
    with call.as_desk():
        done = editing.edit(call.session, row.id, call.actor, call.now, body.text)
    if isinstance(done, NotNow):
        raise refused(done)
    return EntryOut.model_validate(call.session.get_one(TimelineEntry, row.id))
