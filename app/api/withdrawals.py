"""Incidents that are nobody's debt: cancelled, or found to be our own doing."""

from __future__ import annotations

from app.api import lookup
from app.api.acts import Because, answered
from app.api.door import Answer, Call, route
from app.api.incidents import IncidentWhole
from escalation import withdrawing

_PROBLEMS = ("not-found", "not-now", "changed-meanwhile")


@route("POST", "/incidents/{incident}/cancel", "incidents:open", {200: IncidentWhole}, body=Because, versioned=True,
       problems=_PROBLEMS)  # fmt: skip
def cancel(call: Call, body: Because, *, incident: str) -> Answer:
    """It is not wanted any more: nothing is owed on it, and what it took from an allowance is given back."""
    row, version = lookup.incident(call, incident), call.expected_version()
    with call.as_desk():
        done = withdrawing.cancel(call.session, row.id, call.actor, call.now, body.reason, expected_version=version)
    return answered(call, done)


@route("POST", "/incidents/{incident}/ours", "incidents:act", {200: IncidentWhole}, body=Because, staff=True,
       versioned=True, problems=_PROBLEMS)  # fmt: skip
def ours(call: Call, body: Because, *, incident: str) -> Answer:
    """The cause was ours: it costs the customer nothing, and what it took from an allowance is given back."""
    row, version = lookup.incident(call, incident), call.expected_version()
    done = withdrawing.found_ours(call.session, row.id, call.actor, call.now, body.reason, expected_version=version)
    return answered(call, done)
