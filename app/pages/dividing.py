"""Splitting an incident on a page of its own: which causes and lines of the story go, and how the new one is called."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, tzinfo

from flask import Flask, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front, words
from app.api.lookup import as_id
from app.identity import Caller
from app.pages.fields import Form
from app.pages.frame import HINTS_TABLE, page, reading, signed_in, zone
from app.pages.handing import find_incident
from escalation import splitting
from escalation.incident import Actor, NotNow
from escalation.splitting import Part
from models.incidents import Incident, TimelineEntry
from models.machines import Machine
from models.relations import IncidentCause

LONGEST_STORY = 200  # lines to choose from, the newest; as many as may go at once
_SHOWN = 160  # letters of a line: enough to know it by


def register(app: Flask) -> None:
    app.add_url_rule("/incidents/<label>/split-off", "split_off", split_off, methods=["GET", "POST"])


def split_off(label: str) -> AnyResponse:
    """The form; sent, it opens the new incident and goes there."""
    who = signed_in("incidents:act")
    form, now = Form(request.form), front.now()
    chosen = {name: [one for one in map(as_id, request.form.getlist(name)) if one] for name in ("cause", "entry")}
    with reading(who) as session:
        incident = find_incident(session, label)
        made = _split(session, who, incident, form, chosen, now) if request.method == "POST" else None
        if made is not None:
            session.flush()  # the database gives the new one its number
            return redirect(f"/incidents/{made.label}", 303)
        causes, entries = _causes(session, incident), _entries(session, incident, now, zone())
    return page("split_off.html", status=422 if form.wrong else 200, here="/", form=form, hints=HINTS_TABLE,
                incident=incident, causes=causes, entries=entries, severities=_severities(incident),
                chosen=[*chosen["cause"], *chosen["entry"]])  # fmt: skip


def _split(
    session: Session, who: Caller, incident: Incident, form: Form, chosen: dict[str, list[uuid.UUID]], now: datetime
) -> Incident | None:
    """The new incident; None with what is wrong said in the form."""
    title = form.text("title", "a name", most=200)
    reason = form.text("reason", "a reason; it stands in both stories", most=200)
    severity = form.choice("severity", lambda one: one in ("1", "2", "3", "4"), "Use 1 to 4.", str(incident.severity))
    if not chosen["cause"] and not chosen["entry"]:
        form.refuse("chosen", "Choose at least one cause or one line: it is what the new incident begins with.")
    if form.wrong:
        return None
    part = Part(title, reason, int(severity), chosen["cause"], chosen["entry"], incident.machine_id)
    done = splitting.split(session, incident.id, Actor(who.person, who.name), now, part)
    if isinstance(done, NotNow):
        form.refuse("chosen", f"{done.reason} {done.remedy}")
        return None
    if done.incident is None:
        form.refuse("title", f"The contract refused it: {done.decision.reason} {done.decision.remedy}".strip())
    return done.incident


def _severities(incident: Incident) -> list[tuple[str, str]]:
    return [(str(one), f"{one}, as now" if one == incident.severity else str(one)) for one in (1, 2, 3, 4)]


def _causes(session: Session, incident: Incident) -> Sequence[tuple[uuid.UUID, str, str]]:
    """What it stands for beside its own cause: id, cause, machine."""
    holds = (IncidentCause.incident_id == incident.id, IncidentCause.ended_at.is_(None))
    found = (
        select(IncidentCause, Machine.name)
        .outerjoin(Machine, Machine.id == IncidentCause.machine_id)
        .where(*holds)
        .order_by(IncidentCause.since, IncidentCause.id)
    )
    return [(row.id, row.cause, machine or "no machine") for row, machine in session.execute(found)]


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _entries(
    session: Session, incident: Incident, now: datetime, there: tzinfo
) -> Sequence[tuple[uuid.UUID, str, str, str]]:
    """The lines of the story, newest first: id, hour, who, words."""
    lines = select(TimelineEntry).where(TimelineEntry.incident_id == incident.id)
    newest = lines.order_by(TimelineEntry.at.desc(), TimelineEntry.id.desc()).limit(LONGEST_STORY)
    return [
        (one.id, words.hour(one.at, there, now), one.actor, _short(one.text or one.kind))
        for one in session.scalars(newest)
    ]
