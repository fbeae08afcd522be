"""A way around the problem, apart from its cure."""

from __future__ import annotations

from app.api import lookup
from app.api.acts import Because, Spoken, answered, held
from app.api.door import Answer, Call, route
from app.api.incidents import IncidentWhole
from escalation import workaround

_PROBLEMS = ("not-found", "not-now", "changed-meanwhile")


@route("POST", "/incidents/{incident}/workaround", "incidents:act", {200: IncidentWhole}, body=Spoken, staff=True,
       versioned=True, problems=_PROBLEMS)  # fmt: skip
def found(call: Call, body: Spoken, *, incident: str) -> Answer:
    """Say publicly how to get around it: the promise of a workaround is kept, the incident goes on."""
    row, version = lookup.incident(call, incident), call.expected_version()
    done = workaround.found(call.session, row.id, call.actor, call.now, body.text, expected_version=version)
    return answered(call, held(call, done, body.hold_s))


@route("POST", "/incidents/{incident}/workaround/gone", "incidents:act", {200: IncidentWhole}, body=Because, staff=True,
       versioned=True, problems=_PROBLEMS)  # fmt: skip
def gone(call: Call, body: Because, *, incident: str) -> Answer:
    """It does not hold any more: its clock runs on."""
    row, version = lookup.incident(call, incident), call.expected_version()
    done = workaround.gone(call.session, row.id, call.actor, call.now, body.reason, expected_version=version)
    return answered(call, done)
