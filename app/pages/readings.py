"""Readings from afar: the customer consents and takes it back, ours ask, both see what came."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from flask import Flask, redirect, request
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from app import front, identity
from app.api.door import Call
from app.identity import Caller
from app.pages import cover_words, readings_words
from app.pages.covers import LANGUAGE_COOKIE
from app.pages.frame import SignInFirst, page, reading, zone
from app.pages.incidents import _number as number_of
from app.problems import not_found
from escalation import diagnosis, diagnostics
from escalation.incident import NotNow
from models.customers import Customer
from models.decisions import DecisionRow
from models.diagnostics import DiagnosticAsk, DiagnosticConsent
from models.incidents import Incident
from models.machines import Machine

_LATEST_S = 4_102_444_800  # 2100
HOURS = ("1", "24", "168")
_MOST_COLUMNS = 20  # twice what an agent of ours tells of anything; another may tell what it likes
_ROWS = {"processes": "processes", "disk_usage": "disks", "smart": "drives"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One reading on the page."""

    reading: str
    unit: str
    asked: str
    state: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    lines: Sequence[str]
    said: str
    left_out: int


def register(app: Flask) -> None:
    app.add_url_rule("/incidents/<label>/readings", "readings", readings, methods=["GET", "POST"])


def readings(label: str) -> AnyResponse:
    """What was read from afar for an incident, the consent it rests on, and the forms of whoever looks."""
    if identity.caller() is None:
        raise SignInFirst
    who = identity.need("incidents:read")
    now, said = front.now(), ""
    with reading(who) as session:
        incident = session.scalar(select(Incident).where(Incident.number == number_of(label)))
        if incident is None:
            raise not_found("incident")
        machine = session.get(Machine, incident.machine_id) if incident.machine_id else None
        customer = session.get_one(Customer, incident.customer_id)
        language = _language(who, customer)
        if request.method == "POST":
            said = _done(Call(session, who, now), incident, machine)
            if not said:
                return redirect(f"/incidents/{incident.label}/readings", 303)
        agreed = diagnostics.consent_for(session, machine, now) if machine is not None else None
        until = f"{agreed.until_at.astimezone(zone()):%Y-%m-%d %H:%M}" if agreed is not None else ""
        asks = select(DiagnosticAsk).where(DiagnosticAsk.incident_id == incident.id)
        shown = [_shown(row, language, zone()) for row in session.scalars(asks.order_by(DiagnosticAsk.asked_at.desc()))]
        label = incident.label

    def say(key: str, /, **facts: object) -> str:
        if key in readings_words.WORDS["en"]:
            return readings_words.say(language, key, **facts)
        return str(cover_words.say(language, key, **facts))

    return page(
        "readings.html", status=409 if said else 200, frame="base.html" if who.is_staff else "portal.html",
        here="/" if who.is_staff else "", customer=customer, language=language, say=say, kept={},
        other_language="fr" if language == "en" else "en", label=label, machine=machine, agreed=agreed, until=until,
        asks=shown, problem=said, is_staff=who.is_staff, may_ask=who.is_staff and who.may("incidents:act"),
        may_consent=not who.is_staff and who.may("diagnostics:consent"), hours=HOURS, kinds=list(diagnosis.READINGS),
    )  # fmt: skip


def _done(call: Call, incident: Incident, machine: Machine | None) -> str:
    """Do what the form says; empty, or the sentence why not."""
    answer: DiagnosticAsk | DiagnosticConsent | DecisionRow | NotNow
    match request.form.get("deed"):
        case "ask":
            identity.need("incidents:act")
            if not call.caller.is_staff:
                raise not_found("page")
            answer = _asked(call, incident)
        case "consent":
            identity.need("diagnostics:consent")
            hours = request.form.get("hours", "")
            until = call.now + timedelta(hours=int(hours) if hours in HOURS else 1)
            answer = diagnostics.consent(call.session, incident.customer_id, machine, call.actor, until, call.now)
        case "revoke":
            identity.need("incidents:act" if call.caller.is_staff else "diagnostics:consent")
            return _revoked(call, machine)
        case _:
            raise not_found("act")
    if isinstance(answer, NotNow):
        return f"{answer.reason} {answer.remedy}"
    return f"{answer.reason} {answer.remedy}".strip() if isinstance(answer, DecisionRow) else ""


def _asked(call: Call, incident: Incident) -> DiagnosticAsk | DecisionRow | NotNow:
    wanted, unit = request.form.get("reading", "")[:40], request.form.get("unit", "").strip()[:80]
    is_tail = wanted == "log_tail"
    lines = diagnosis.USUAL_LINES if is_tail else 0
    return diagnostics.ask(call.session, incident, wanted, unit if is_tail else "", lines, call.actor, call.now)


def _revoked(call: Call, machine: Machine | None) -> str:
    """All of them: a second consent for the same machine would go on holding."""
    with call.as_desk():
        while machine is not None and (agreed := diagnostics.consent_for(call.session, machine, call.now)) is not None:
            diagnostics.revoke(call.session, agreed, call.actor, call.now)
            call.session.flush()  # the next look must not find it again
    return ""


def _shown(row: DiagnosticAsk, language: str, at_zone: tzinfo) -> Shown:
    def hour(at: datetime | None) -> str:
        return f"{at.astimezone(at_zone):%Y-%m-%d %H:%M:%S}" if at is not None else ""

    found = row.result.get(_ROWS.get(row.reading, ""), [])
    rows = [_flat(each) for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    columns = list(dict.fromkeys(name for each in rows for name in each))[:_MOST_COLUMNS]
    lines = row.result.get("lines", []) if row.reading == "log_tail" else []
    return Shown(
        reading=readings_words.say(language, f"reading_{row.reading}"),
        unit=row.unit,
        asked=readings_words.say(language, "asked_by", who=row.asked_by, at=hour(row.asked_at)),
        state=readings_words.say(
            language,
            f"state_{row.state}",
            at=hour(row.taken_at or row.ended_at),
            why=readings_words.told(language, row.why),
        ),
        columns=[readings_words.told(language, name) for name in columns],
        rows=[[_text(name, each.get(name), language, hour) for name in columns] for each in rows],
        lines=[str(line) for line in lines] if isinstance(lines, list) else [],
        said=readings_words.say(language, "lines_none")
        if lines == [] and "lines" in row.result
        else readings_words.told(language, str(row.result.get("unavailable", ""))),
        left_out=left_out if isinstance(left_out := row.result.get("left_out"), int) else 0,
    )


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A drive's attributes are a table of their own; in a line they are told one after the other."""
    return {
        name: ", ".join(f"{inner} {value[inner]}" for inner in value) if isinstance(value, dict) else value
        for name, value in row.items()
    }


def _text(name: str, value: object, language: str, hour: Callable[[datetime | None], str]) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return readings_words.told(language, str(value))
    if name == "since" and isinstance(value, int | float) and 0 < value < _LATEST_S:
        return hour(datetime.fromtimestamp(value, UTC))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _language(who: Caller, customer: Customer) -> str:
    chosen = request.args.get("language", "") or request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in cover_words.LANGUAGES else "en" if who.is_staff else customer.language
