"""Find or do anything: acts first, then incidents, customers, machines. Answers while one types."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from flask import Flask, Response, request
from markupsafe import Markup, escape
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from app import front, words
from app.identity import Caller
from app.pages.case import find
from app.pages.fleet import state_view, tiers
from app.pages.frame import page, part, reading, signed_in, zone
from escalation.incident import Act, State, allowed
from models.customers import Customer
from models.incidents import OPEN_STATES, Incident
from models.machines import Machine, MachineState

MOST = 6  # of each kind: what does not fit is found with one letter more
LONGEST = 100

_GO = (
    ("Go to the watch floor", "/", ""),
    ("Go to the customers", "/customers", ""),
    ("Go to the fleet", "/fleet", ""),
    ("Go to the service calendars", "/calendars", "hours, holidays, when we are next open, a year at a glance"),
    ("Go to the platform", "/platform", "ledger, dead letters, processes"),
    ("Go to first to know", "/first-to-know", "who knew first, by how long, by contract and period"),
    ("Go to the models", "/models", "champion, challenger, shadow mode, promote, roll back, training"),
    ("Go to the notices", "/notices", "who was told what, delivery log, send again"),
    ("Go to the doors", "/doors", "alerts in from Alertmanager, PagerDuty, Nagios, Icinga, hooks"),
    ("Read the API", "/api/docs", ""),
)
_ADD = (("Add a customer", "/customers/new", "customers:write"),)
_DO = {
    Act.ACKNOWLEDGE: "Acknowledge", Act.CLAIM: "Claim", Act.REPLY: "Reply on", Act.NOTE: "Note on",
    Act.WAIT: "Wait on", Act.RESUME: "Go on with", Act.SECOND: "Call a second to", Act.ESCALATE: "Escalate",
    Act.RESOLVE: "Resolve", Act.REOPEN: "Reopen",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """One answer: an address to open, or (with `does`) an act on the incident in the beam."""

    kind: str
    text: Markup
    below: str
    href: str
    mark: str = ""
    value: str | int = ""
    does: str = ""


def register(app: Flask) -> None:
    app.add_url_rule("/search", "search", search)


def search() -> Response:
    """Answers to `q`; as a part of the omnibox for its script, else as a page."""
    who = signed_in()
    asked = " ".join(request.args.get("q", "")[:LONGEST].replace("\0", " ").split())
    with reading(who) as session:
        groups = answers(session, who, asked, request.args.get("on", ""), front.now(), zone())
    total = sum(len(found) for _, found in groups)
    if request.headers.get("X-Part"):
        return part("found.html", groups=groups, asked=asked, total=total)
    return page("search.html", groups=groups, asked=asked, total=total)


def answers(
    session: Session, who: Caller, asked: str, on: str, now: datetime, here: tzinfo
) -> list[tuple[str, Sequence[Found]]]:
    """Groups with a heading, empty ones left out. ">" narrows to acts, "#" to machines."""
    only, text = (asked[:1], asked[1:].strip()) if asked[:1] in (">", "#") else ("", asked)
    groups: list[tuple[str, Sequence[Found]]] = []
    if only != "#":
        groups.append(("Do", _acts(session, who, text, on)))
    if only == "" and text:
        groups.append(("Incidents", _incidents(session, text, now, here)))
        groups.append(("Customers", _customers(session, text)))
    if only != ">" and (text or only):
        groups.append(("Machines", _machines(session, text, now)))
    return [(heading, found) for heading, found in groups if found]


def _acts(session: Session, who: Caller, text: str, on: str) -> list[Found]:
    found: list[Found] = []
    case = find(session, on) if on else None
    if case is not None and who.may("incidents:act"):
        for act in allowed(State(case.incident.state)):
            if act in _DO:
                said = f"{_DO[act]} “{case.incident.title}”"
                found.append(Found("act", marked(said, text), case.incident.label, "", "act", does=act.value))
    for said, href, below in _GO:
        found.append(Found("act", marked(said, text), below, href, "arrow"))
    for said, href, right in _ADD:
        if who.may(right):
            found.append(Found("act", marked(said, text), "", href, "arrow"))
    wanted = text.lower().split()
    fits = [one for one in found if all(word in one.text.striptags().lower() for word in wanted)]
    return fits[: 12 if not text else MOST]


def _incidents(session: Session, text: str, now: datetime, here: tzinfo) -> list[Found]:
    number = re.fullmatch(r"(?:vg-?)?(\d{1,15})", text.lower())
    like = f"%{_escaped(text)}%"
    matches: list[ColumnElement[bool]] = [
        column.ilike(like, escape="\\") for column in (Incident.title, Customer.name, Machine.name)
    ]
    if number:
        matches.append(Incident.number == int(number[1]))
    rows = session.execute(
        select(Incident.number, Incident.title, Incident.severity, Incident.state, Incident.opened_at, Customer.name)
        .join(Customer, Customer.id == Incident.customer_id)
        .outerjoin(Machine, Machine.id == Incident.machine_id)
        .where(or_(*matches))
        .order_by(Incident.state.in_(OPEN_STATES).desc(), Incident.opened_at.desc())
        .limit(MOST)
    )
    return [
        Found(
            "incident",
            marked(f"{row.title}, {row.name}", text),
            f"VG-{row.number}, {row.state} {words.hour(row.opened_at, here, now)}",
            f"/incidents/VG-{row.number}",
            "severity",
            row.severity,
        )
        for row in rows
    ]


def _customers(session: Session, text: str) -> list[Found]:
    like = f"%{_escaped(text)}%"
    rows = list(
        session.scalars(
            select(Customer)
            .where(Customer.name.ilike(like, escape="\\") | Customer.slug.ilike(like, escape="\\"))
            .order_by(Customer.name)
            .limit(MOST)
        )
    )
    tier = tiers(session) if rows else {}
    found = []
    for row in rows:
        below, href = "demo" if row.demo else "", f"/customers/{row.slug}"
        found.append(Found("customer", marked(row.name, text), below, href, "tier", tier.get(row.id, "")))
    return found


def _machines(session: Session, text: str, now: datetime) -> list[Found]:
    like = f"%{_escaped(text)}%"
    rows = session.execute(
        select(Machine, MachineState, Customer.name)
        .join(Customer, Customer.id == Machine.customer_id)
        .outerjoin(MachineState, MachineState.machine_id == Machine.id)
        .where(Machine.name.ilike(like, escape="\\") | Machine.title.ilike(like, escape="\\"))
        .where(Machine.retired_at.is_(None))
        .order_by(Machine.name)
        .limit(MOST)
    )
    found = []
    for machine, state, customer in rows:
        view = state_view(state, False, now)
        said = f"{machine.name}, {machine.title or customer}"
        found.append(Found("machine", marked(said, text), view.words, f"/machines/{machine.name}", "state", view.kind))
    return found


def marked(said: str, asked: str) -> Markup:
    """The words with what was asked for set strong."""
    wanted = [re.escape(word) for word in asked.split() if word]
    if not wanted:
        return escape(said)
    pieces = re.split(f"({'|'.join(wanted)})", said, flags=re.IGNORECASE)
    return Markup("").join(
        Markup("<mark>{}</mark>").format(piece) if place % 2 else escape(piece) for place, piece in enumerate(pieces)
    )


def _escaped(text: str) -> str:
    """Text in which LIKE finds nothing to interpret."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
