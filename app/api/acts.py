"""Asking for an incident, and what people do with one."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Literal

from pydantic import Field

from app.api import lookup
from app.api.decisions import DecisionOut, contact_of, not_by_contract, said_of
from app.api.door import Answer, Call, route
from app.api.incidents import IncidentWhole, shown
from app.identity import need
from app.problems import Problem, not_found
from app.wire import In, Line, MaybeWords, Out, Ref, Severity, Words
from escalation import acts, deeds, intake
from escalation.incident import NotNow
from models.incidents import Incident

_PROBLEMS = ("not-found", "not-now", "changed-meanwhile")


class NewIncident(In):
    customer: Ref | None = Field(None, description="id or slug; a customer's own caller may leave it out")
    machine: Ref | None = Field(None, description="id or name")
    severity: Severity = 3
    title: Line
    summary: MaybeWords = ""
    cause: str = Field("", max_length=80, pattern=r"^[a-z0-9:/._ -]*$",
                       description="same machine and cause: it joins the open incident")  # fmt: skip
    channel: Literal["api", "portal", "phone", "mail", "chat", "remote"] = Field(
        "api", description="how they came, hence how they are served: one by phone at a time, more in remote sessions, "
        "most in writing")  # fmt: skip


class Opened(Out):
    decision: DecisionOut
    incident: IncidentWhole | None = Field(description="null when the contract refused")
    joined: bool = Field(description="whether an open incident of this cause was joined")


class Said(In):
    text: Words


class Spoken(Said):
    hold_s: int = Field(0, ge=0, le=60, description="keep the customer's letters back so long, seconds: until then it "
                        "can be undone without a trace")  # fmt: skip


class Because(In):
    reason: Line


class Waiting(In):
    waiting_for: Literal["customer", "vendor", "maintenance"]
    reason: Line


class NewSeverity(In):
    severity: Severity
    reason: Line


class Judgement(In):
    verdict: Literal["true", "benign", "false"]


class Second(In):
    person: uuid.UUID | None = Field(None, description="left out: the next in order who is on duty")


@route("POST", "/incidents", "incidents:read", {201: Opened, 200: Opened}, body=NewIncident)
def create(call: Call, body: NewIncident) -> Answer:
    """Ask for an incident. 201: opened. 200: joined to the open one, or refused, in words. Of programs and our own
    people it needs the right incidents:open; a contact without the right to open is refused by the contract."""
    contact = contact_of(call)
    if call.caller.role != "contact":
        need("incidents:open")
    customer = lookup.own_customer(call, body.customer)
    machine = lookup.machine(call, body.machine, "machine") if body.machine else None
    if machine is not None:
        lookup.same_customer(machine.customer_id, customer.id, "machine")
    asked = intake.Request(
        severity=body.severity,
        title=body.title,
        summary=body.summary,
        machine_id=machine.id if machine else None,
        cause=body.cause,
        channel=body.channel,
        contact=contact,
    )
    with call.as_desk():
        answer = intake.open_by_person(call.session, customer.id, asked, call.actor, call.now)
        call.session.flush()  # the answer shows numbers the database gives
    said = shown(call, answer.incident) if answer.incident is not None else Answer()
    whole = said.body if isinstance(said.body, IncidentWhole) else None
    opened = Opened(decision=said_of(answer.decision), incident=whole, joined=answer.joined)
    is_new = whole is not None and not answer.joined
    headers = dict(said.headers)
    if whole is not None:
        headers["Location"] = f"/api/v1/incidents/{whole.label}"
    return Answer(opened, 201 if is_new else 200, headers)


@route("POST", "/incidents/{incident}/acknowledge", "incidents:act", {200: IncidentWhole}, staff=True, versioned=True,
       problems=_PROBLEMS)  # fmt: skip
def acknowledge(call: Call, *, incident: str) -> Answer:
    """Somebody has seen it: no further rung is climbed."""
    row, version = _found(call, incident)
    return answered(call, acts.acknowledge(call.session, row.id, call.actor, call.now, expected_version=version))


@route("POST", "/incidents/{incident}/claim", "incidents:act", {200: IncidentWhole}, staff=True, versioned=True,
       problems=_PROBLEMS)  # fmt: skip
def claim(call: Call, *, incident: str) -> Answer:
    """The caller becomes the owner and works on it."""
    row, version = _found(call, incident)
    return answered(call, acts.claim(call.session, row.id, call.actor, call.now, expected_version=version))


@route("POST", "/incidents/{incident}/second", "incidents:act", {200: IncidentWhole}, body=Second, staff=True,
       versioned=True, problems=_PROBLEMS)  # fmt: skip
def second(call: Call, body: Second, *, incident: str) -> Answer:
    """Call a second engineer: nobody is left alone."""
    row, version = _found(call, incident)
    if body.person is not None:
        lookup.person(call, str(body.person), "person")
    done = acts.second(call.session, row.id, call.actor, call.now, person_id=body.person, expected_version=version)
    return answered(call, done)


@route("POST", "/incidents/{incident}/reply", "incidents:open", {200: IncidentWhole}, body=Spoken, versioned=True,
       problems=_PROBLEMS)  # fmt: skip
def reply(call: Call, body: Spoken, *, incident: str) -> Answer:
    """A public word, ours to the customer or theirs to us."""
    row, version = _found(call, incident)
    with call.as_desk():
        done = acts.reply(call.session, row.id, call.actor, call.now, body.text, expected_version=version)
        held(call, done, body.hold_s)
    return answered(call, done)


@route("POST", "/incidents/{incident}/note", "incidents:act", {200: IncidentWhole}, body=Said, staff=True,
       versioned=True, problems=_PROBLEMS)  # fmt: skip
def note(call: Call, body: Said, *, incident: str) -> Answer:
    """An internal word the customer never reads."""
    row, version = _found(call, incident)
    return answered(call, acts.note(call.session, row.id, call.actor, call.now, body.text, expected_version=version))


@route("POST", "/incidents/{incident}/wait", "incidents:act", {200: IncidentWhole}, body=Waiting, staff=True,
       versioned=True, problems=_PROBLEMS)  # fmt: skip
def wait(call: Call, body: Waiting, *, incident: str) -> Answer:
    """Wait for customer, vendor or maintenance; the promises pause."""
    row, version = _found(call, incident)
    done = acts.wait(
        call.session, row.id, call.actor, call.now, body.waiting_for, body.reason, expected_version=version
    )
    return answered(call, done)


@route("POST", "/incidents/{incident}/resume", "incidents:act", {200: IncidentWhole}, staff=True, versioned=True,
       problems=_PROBLEMS)  # fmt: skip
def resume(call: Call, *, incident: str) -> Answer:
    """The wait is over; the promises run on."""
    row, version = _found(call, incident)
    return answered(call, acts.resume(call.session, row.id, call.actor, call.now, expected_version=version))


@route("POST", "/incidents/{incident}/resolve", "incidents:act", {200: IncidentWhole}, body=Spoken, staff=True,
       versioned=True, problems=_PROBLEMS)  # fmt: skip
def resolve(call: Call, body: Spoken, *, incident: str) -> Answer:
    """Say publicly what was done; the clocks stop."""
    row, version = _found(call, incident)
    done = acts.resolve(call.session, row.id, call.actor, call.now, body.text, expected_version=version)
    return answered(call, held(call, done, body.hold_s))


@route("POST", "/incidents/{incident}/close", "incidents:act", {200: IncidentWhole}, staff=True, versioned=True,
       problems=_PROBLEMS)  # fmt: skip
def close(call: Call, *, incident: str) -> Answer:
    """A resolved incident is done with."""
    row, version = _found(call, incident)
    return answered(call, acts.close(call.session, row.id, call.actor, call.now, expected_version=version))


@route("POST", "/incidents/{incident}/reopen", "incidents:open", {200: IncidentWhole}, body=Because, versioned=True,
       problems=_PROBLEMS)  # fmt: skip
def reopen(call: Call, body: Because, *, incident: str) -> Answer:
    """It came back, or never went: open again, the ladder starts over. For two weeks after it was closed."""
    row, version = _found(call, incident)
    with call.as_desk():
        done = acts.reopen(call.session, row.id, call.actor, call.now, body.reason, expected_version=version)
    return answered(call, done)


@route("POST", "/incidents/{incident}/severity", "incidents:act", {200: IncidentWhole}, body=NewSeverity, staff=True,
       versioned=True, problems=_PROBLEMS)  # fmt: skip
def severity(call: Call, body: NewSeverity, *, incident: str) -> Answer:
    """Another severity; running promises are counted anew from the opening."""
    row, version = _found(call, incident)
    done = acts.set_severity(
        call.session, row.id, call.actor, call.now, body.severity, body.reason, expected_version=version
    )
    return answered(call, done)


@route("POST", "/incidents/{incident}/verdict", "incidents:act", {200: IncidentWhole}, body=Judgement, staff=True,
       versioned=True, problems=_PROBLEMS)  # fmt: skip
def verdict(call: Call, body: Judgement, *, incident: str) -> Answer:
    """The engineer's judgement of the detection."""
    row, version = _found(call, incident)
    return answered(
        call, acts.verdict(call.session, row.id, call.actor, call.now, body.verdict, expected_version=version)
    )


@route("POST", "/incidents/{incident}/escalate", "incidents:read", {200: IncidentWhole}, body=Because,
       versioned=True, problems=_PROBLEMS)  # fmt: skip
def escalate(call: Call, body: Because, *, incident: str) -> Answer:
    """Climb the next rung now, acknowledged or not. Of programs and our own people it needs the right
    incidents:escalate; a contact without the right to escalate is refused by the contract, in its words."""
    row, version = _found(call, incident)
    if call.caller.role != "contact":
        need("incidents:escalate")
    elif not call.caller.may("incidents:escalate"):
        raise not_by_contract(call, row)
    with call.as_desk():
        done = acts.escalate(call.session, row.id, call.actor, call.now, body.reason, expected_version=version)
    return answered(call, done)


def _found(call: Call, ref: str) -> tuple[Incident, int | None]:
    """Found within the caller's own reach, before the desk acts for them; and the version they have seen."""
    return lookup.incident(call, ref), call.expected_version()


def held(call: Call, done: Incident | NotNow, hold_s: int) -> Incident | NotNow:
    """Keep the letters of what was done back for so many seconds."""
    if hold_s and isinstance(done, Incident):
        deeds.hold_back(call.session, done.id, call.actor, call.now, call.now + timedelta(seconds=hold_s))
    return done


def answered(call: Call, done: Incident | NotNow) -> Answer:
    """The incident as it is now, or the refusal as a problem."""
    if isinstance(done, Incident):
        call.session.flush()  # the answer shows the new version
        return shown(call, done)
    raise refused(done)


def refused(why: NotNow) -> Problem:
    """What did not fit, as a problem document."""
    match why.rule:
        case "absent":
            return not_found("incident")
        case "version":
            return Problem("changed-meanwhile", why.reason, remedy=why.remedy)
        case _:
            return Problem("not-now", why.reason, remedy=why.remedy)
