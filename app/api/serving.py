"""How the customer of an incident is served: on the phone, in a remote session, in writing."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.api import lookup
from app.api.acts import answered
from app.api.door import Answer, Call, route
from app.api.incidents import IncidentWhole
from app.wire import In
from escalation import serving


class Served(In):
    by: Literal["phone", "remote", "written"] = Field(
        description="one on the phone at a time, four in remote sessions, six in writing, or as one's own limits say"
    )


@route("POST", "/incidents/{incident}/serve", "incidents:act", {200: IncidentWhole}, body=Served, staff=True,
       versioned=True, problems=("not-found", "not-now", "changed-meanwhile"))  # fmt: skip
def serve(call: Call, body: Served, *, incident: str) -> Answer:
    """Serve the customer another way from now on. Refused while its owner's hands are full that way; the answer names
    who has room, and why others are passed over. It can be undone within a minute."""
    row, version = lookup.incident(call, incident), call.expected_version()
    return answered(call, serving.serve(call.session, row.id, call.actor, call.now, body.by, expected_version=version))
