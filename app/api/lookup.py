"""Things by their id or by the short name people use, within reach; foreign is as unknown."""

from __future__ import annotations

import re
import uuid
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from app.api.door import Call
from app.problems import Problem, invalid, not_found
from models.agreements import Contract
from models.attachments import Attachment
from models.base import Identified
from models.customers import Customer, Site
from models.decisions import DecisionRow
from models.duty import Cover, Detachment, DutySchedule, Handover, HouseSite, Reservation, TimeOff
from models.escalations import Escalation
from models.inbound import InboundDoor
from models.incidents import Finding, Incident, TimelineEntry
from models.machines import Machine
from models.maintenance import MaintenanceWindow
from models.notices import Notice
from models.people import ApiToken, Person, Shift
from models.relations import IncidentRelation
from models.swarm import Companion, HelpWanted
from models.telemetry import DeadLetter

R = TypeVar("R", bound=Identified)
_LABEL = re.compile(r"VG-(\d{1,15})", re.IGNORECASE)


def customer(call: Call, ref: str, field: str | None = None) -> Customer:
    """By id or slug. With `field` the ref came in a body, and a wrong one is a wrong field rather than a 404."""
    return _named(call, Customer, ref, Customer.slug, "customer", field)


def machine(call: Call, ref: str, field: str | None = None) -> Machine:
    """By id or name."""
    return _named(call, Machine, ref, Machine.name, "machine", field)


def contract(call: Call, ref: str, field: str | None = None) -> Contract:
    """By id or number."""
    return _named(call, Contract, ref, Contract.number, "contract", field)


def person(call: Call, ref: str, field: str | None = None) -> Person:
    """By id only: an address is not a name to put into addresses."""
    return _named(call, Person, ref, None, "person", field)


def site(call: Call, ref: str, field: str | None = None) -> Site:
    return _named(call, Site, ref, None, "site", field)


def incident(call: Call, ref: str, field: str | None = None) -> Incident:
    """By id or label (VG-1001)."""
    label = _LABEL.fullmatch(ref)
    if label is None:
        return _named(call, Incident, ref, None, "incident", field)
    found = call.session.scalar(select(Incident).where(Incident.number == int(label[1])))
    if found is None:
        raise _unknown("incident", field) if field else not_found("incident")
    return found


def decision(call: Call, ref: str) -> DecisionRow:
    return _named(call, DecisionRow, ref, None, "decision", None)


def finding(call: Call, ref: str) -> Finding:
    return _named(call, Finding, ref, None, "finding", None)


def dead_letter(call: Call, ref: str) -> DeadLetter:
    return _named(call, DeadLetter, ref, None, "dead letter", None)


def notice(call: Call, ref: str) -> Notice:
    return _named(call, Notice, ref, None, "notice", None)


def window(call: Call, ref: str) -> MaintenanceWindow:
    return _named(call, MaintenanceWindow, ref, None, "window of maintenance", None)


def door(call: Call, ref: str) -> InboundDoor:
    return _named(call, InboundDoor, ref, None, "door", None)


def token(call: Call, ref: str) -> ApiToken:
    return _named(call, ApiToken, ref, None, "token", None)


def schedule(call: Call, ref: str) -> DutySchedule:
    return _named(call, DutySchedule, ref, None, "schedule", None)


def house_site(call: Call, ref: str) -> HouseSite:
    return _named(call, HouseSite, ref, None, "site", None)


def cover(call: Call, ref: str) -> Cover:
    return _named(call, Cover, ref, None, "cover", None)


def time_off(call: Call, ref: str) -> TimeOff:
    return _named(call, TimeOff, ref, None, "time off", None)


def escalation(call: Call, ref: str) -> Escalation:
    return _named(call, Escalation, ref, None, "escalation", None)


def handover(call: Call, ref: str) -> Handover:
    return _named(call, Handover, ref, None, "hand-over", None)


def companion(call: Call, ref: str) -> Companion:
    return _named(call, Companion, ref, None, "place in a swarm", None)


def help_wanted(call: Call, ref: str) -> HelpWanted:
    return _named(call, HelpWanted, ref, None, "help wanted", None)


def relation(call: Call, ref: str) -> IncidentRelation:
    return _named(call, IncidentRelation, ref, None, "relation", None)


def attachment(call: Call, ref: str) -> Attachment:
    return _named(call, Attachment, ref, None, "attachment", None)


def entry(call: Call, ref: str) -> TimelineEntry:
    """A line of a story; of what is not public a customer knows nothing."""
    found = _named(call, TimelineEntry, ref, None, "line", None)
    if not call.caller.is_staff and not found.public:
        raise not_found("line")
    return found


def detachment(call: Call, ref: str) -> Detachment:
    return _named(call, Detachment, ref, None, "detachment", None)


def reservation(call: Call, ref: str) -> Reservation:
    return _named(call, Reservation, ref, None, "reservation", None)


def shift(call: Call, ref: str) -> Shift:
    return _named(call, Shift, ref, None, "shift", None)


def same_customer(found: uuid.UUID, wanted: uuid.UUID, field: str) -> None:
    """What is named beside a customer must be theirs. Raises Problem."""
    if found != wanted:
        raise invalid(field, "belongs to another customer", "name one of this customer")


def own_customer(call: Call, ref: str | None) -> Customer:
    """The customer named in a body: needed of our own people, and for a customer's caller always their own."""
    if call.caller.customer_id is not None:
        mine = call.session.get_one(Customer, call.caller.customer_id)
        if ref is not None and ref not in (str(mine.id), mine.slug):
            raise _unknown("customer", "customer")
        return mine
    if ref is None:
        raise invalid("customer", "is missing", "name the customer by id or slug")
    return customer(call, ref, "customer")


def _named(
    call: Call, kind: type[R], ref: str, name: InstrumentedAttribute[Any] | None, what: str, field: str | None
) -> R:
    by_id = as_id(ref)
    found = None
    if by_id is not None:
        found = call.session.get(kind, by_id)
    elif name is not None:
        found = call.session.scalar(select(kind).where(name == ref))
    if found is None:
        raise _unknown(what, field) if field else not_found(what)
    return found


def as_id(ref: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(ref) if len(ref) == 36 else None
    except ValueError:
        return None


def _unknown(what: str, field: str) -> Problem:
    return invalid(field, f"names no {what} known here", f"list what there is: GET /api/v1/{what}s")
