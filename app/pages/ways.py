"""How one is reached: one's own ways with their proof, put in order, tried, confirmed; a manager's look at others'."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from flask import Flask, redirect, request
from pydantic import ValidationError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front
from app.api.ways import Way, check, kept
from app.identity import Caller
from app.pages.fields import Form
from app.pages.frame import HINTS_TABLE, page, reading, signed_in
from app.problems import Problem, not_found
from escalation import proving, reach
from escalation.duty import ways as used
from escalation.incident import Actor, NotNow
from escalation.outbox import BROWSER
from models import audit
from models.people import Person

CHANNELS = (("email", "e-mail"), ("sms", "SMS"), ("voice", "voice call"), ("slack", "Slack"), ("teams", "Teams"),
            ("pagerduty", "PagerDuty"), ("webhook", "webhook"), ("file", "file, for trials"))  # fmt: skip
LOUD = (("", "1 and 2 ring all the same"), ("1", "only 1 rings"), ("3", "1 to 3 ring"), ("0", "none rings"))
MOST = 12


@dataclass(frozen=True, slots=True)
class Line:
    """One way as its owner sees it. `good`: they count as reachable by it."""

    way: dict[str, str]
    said: str
    good: bool
    code_sent: bool
    used_now: str  # "severity 1 to 4 now", "severity 1 and 2 now", or why not


def register(app: Flask) -> None:
    app.add_url_rule("/my/ways", "my_ways", mine, methods=["GET", "POST"])
    app.add_url_rule("/people/<uuid:person_id>/ways", "their_ways", theirs, methods=["GET", "POST"])


def mine() -> AnyResponse:
    """One's own."""
    who = signed_in()
    if who.person is None:
        raise not_found("person")
    return _at(who, who.person, "/my/ways")


def theirs(person_id: uuid.UUID) -> AnyResponse:
    """Somebody else's, for who may change people."""
    return _at(signed_in("people:write"), person_id, f"/people/{person_id}/ways")


def _at(who: Caller, person_id: uuid.UUID, here: str) -> AnyResponse:
    form, said = Form(request.form), ""
    with reading(who) as session:
        person = session.get(Person, person_id, with_for_update=request.method == "POST")
        if person is None or person.customer_id is not None:
            raise not_found("person")
        if request.method == "POST":
            said = _done(session, who, person, form)
            session.flush()
        lines = _lines(session, person)
    if request.method == "POST" and not form.wrong:
        return redirect(f"{here}?said={said}" if said else here, 303)
    return page(
        "ways.html", status=422 if form.wrong else 200, here=here, person=person, lines=lines, form=form,
        channels=CHANNELS, loud=LOUD, own=person.id == who.person, said=_SAID.get(request.args.get("said", ""), ""),
        methods=len({line.way["channel"] for line in lines}), hints=HINTS_TABLE,
        browser=any(way["channel"] == BROWSER for way in person.notify),
    )  # fmt: skip


_SAID = {"code": "A code is on its way; enter it beside the way.", "test": "A test page is on its way.",
         "confirmed": "Confirmed: this way reaches you."}  # fmt: skip


def _done(session: Session, who: Caller, person: Person, form: Form) -> str:
    """Do what a button asks; the name of what is said afterwards. A wrong field is refused in the form."""
    do, now, actor = form["do"], front.now(), Actor(who.person, who.name)
    if do == "add":
        _add(session, who, person, form)
        return "code" if not form.wrong else ""
    at = next((n for n, way in enumerate(person.notify) if [way["channel"], way["address"]] == _meant(form)), None)
    if at is None:
        form.refuse("way", "This way was changed meanwhile; look again.")
        return ""
    way, others = person.notify[at], [one for n, one in enumerate(person.notify) if n != at]
    if do == "code":
        proving.send_code(session, person, way["channel"], way["address"], actor, now)
    elif do == "test":
        proving.send_test(session, person, way, now)
    elif do == "confirm" and person.id == who.person:
        said = proving.confirm(session, person, way["channel"], way["address"], form["code"], actor, now)
        if isinstance(said, NotNow):
            form.refuse(f"code-{at}", f"{said.reason} {said.remedy}")
        return "confirmed"
    elif do == "up":
        _write(session, who, person, [*others[: max(0, at - 1)], way, *others[max(0, at - 1) :]])
    elif do == "remove":
        _write(session, who, person, others)
    elif do == "keep":
        changed = _read(person, way["channel"], way["address"], form, at)
        if changed is not None:
            _write(session, who, person, [*others[:at], changed, *others[at:]])
    return do if do in _SAID else ""


def _meant(form: Form) -> list[str]:
    return [form["channel"], form["address"]]


def _add(session: Session, who: Caller, person: Person, form: Form) -> None:
    made = _read(person, form["channel"], form["address"].strip(), form)
    if made is None:
        return
    if any((way["channel"], way["address"]) == (made["channel"], made["address"]) for way in person.notify):
        form.refuse("address", "This way is there already.")
    elif len(person.notify) >= MOST:
        form.refuse("address", f"At most {MOST} ways; remove one first.")
    else:
        _write(session, who, person, [*person.notify, made])
        proving.send_code(session, person, made["channel"], made["address"], Actor(who.person, who.name), front.now())


def _read(person: Person, channel: str, address: str, form: Form, at: int | None = None) -> dict[str, str] | None:
    """A way from the form, or None with its fields refused. The API's own rules decide."""
    suffix = "" if at is None else f"-{at}"
    loud = int(form["loud"]) if form["loud"].isdecimal() and len(form["loud"]) == 1 else None
    hours = {name: form[name].strip() or None for name in ("quiet", "hours")}
    given = {"channel": channel, "address": address, "loud": loud, **hours}
    try:
        way = Way.model_validate(given)
        check(way, "way", person)
    except ValidationError as wrong:
        for error in wrong.errors():
            form.refuse(f"{error['loc'][0]}{suffix}", "It is too long, or holds characters no address has.")
        return None
    except Problem as wrong:
        for one in wrong.errors:
            form.refuse(one.field.removeprefix("way.") + suffix, f"It {one.problem}; {one.remedy}.")
        return None
    return kept(way, person)


def _write(session: Session, who: Caller, person: Person, ways: list[dict[str, str]]) -> None:
    person.notify = ways
    audit.record(session, actor=who.actor, deed="person.notify_changed", subject=f"person:{person.id}",
                 facts={"channels": [way["channel"] for way in ways]}, now=front.now())  # fmt: skip


def _lines(session: Session, person: Person) -> list[Line]:
    now, known = front.now(), proving.proofs(session, [person.id])
    gravest, calm = ([(way["channel"], way["address"]) for way in used(person, severity, now)] for severity in (1, 4))
    lines = []
    for way, proof in proving.of(person, known):
        key = (way["channel"], way["address"])
        row = known.get((person.id, *key))
        rings = "severities 1 to 4" if key in calm else "severities 1 and 2" if key in gravest else "not at this hour"
        lines.append(
            Line(
                way,
                reach.words(proof, now, person.zone),
                reach.holds(proof, now),
                row is not None and row.code_hash is not None,
                rings,
            )
        )
    return lines
