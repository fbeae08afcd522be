"""The incident page and the acts on it. An act answers in JSON to the page's own script, and with a page otherwise."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

from flask import Flask, jsonify, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front, identity
from app.identity import Caller
from app.pages import fleet_events
from app.pages.around import read_around
from app.pages.case import read_case
from app.pages.frame import HINTS_CASE, page, reading, signed_in, standing_words, zone
from app.pages.incident_deeds import DEEDS, SHORT, Deed, FieldMissing, hold, text_of
from app.pages.yours import known as yours_known
from app.problems import Problem, not_found
from escalation import acts
from escalation.incident import Actor, NotNow
from models.incidents import Incident

_RIGHTS = {"reply": "incidents:open", "escalate": "incidents:escalate"}


def register(app: Flask) -> None:
    app.add_url_rule("/incidents/<label>", "incident", incident)
    app.add_url_rule("/incidents/<label>/<deed>", "incident_act", act, methods=["POST"])


def incident(label: str) -> AnyResponse:
    """One incident: timeline, evidence, reply, contract, promises. A contact reads their own on a page of theirs."""
    reader = identity.caller()
    if reader is not None and reader.customer_id is not None and yours_known(reader, label):
        return redirect(f"/yours/{label}", 303)
    who = signed_in("incidents:read")
    now = front.now()
    with reading(who) as session:
        case = read_case(session, label, now, zone(), reader=who.person)
        around = read_around(session, label, who, now, zone()) if case is not None else None
        behind = fleet_events.behind(session, label, now, zone())
    if case is None:
        raise not_found("incident")
    return page(
        "incident.html",
        here="/",
        case=case,
        around=around,
        behind=behind,
        hints=HINTS_CASE,
        standing=standing_words(who, case.standing, now),
        refresh_s=30,
    )


def act(label: str, deed: str) -> AnyResponse:
    """Do one thing. 409 with the reason when it does not fit now, 422 when a field is missing."""
    does = _DEEDS.get(deed)
    if does is None:
        raise not_found("act")
    who = signed_in(_RIGHTS.get(deed, "incidents:act"))
    try:
        with reading(who) as session:
            found = session.scalar(select(Incident.id).where(Incident.number == _number(label)))
            if found is None:
                raise not_found("incident")
            done = does(session, found, _actor(who))
            version = done.version if isinstance(done, Incident) else 0
    except FieldMissing as missing:
        return _answer(label, 422, str(missing))
    if isinstance(done, NotNow):
        return _answer(label, 409, f"{done.reason} {done.remedy}".strip())
    return _answer(label, 200, f"{label}: {deed}.", version)


def _answer(label: str, status: int, said: str, version: int = 0) -> AnyResponse:
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        answer = jsonify({"said": said, "version": version})
        answer.status_code = status
        return answer
    if status == 200:
        return redirect(f"/incidents/{label}", 303)
    raise Problem("not-now" if status == 409 else "invalid", said, remedy="Go back; nothing was changed.")


def _number(label: str) -> int:
    number = label.upper().removeprefix("VG-")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise not_found("incident")
    return int(number)


def _actor(who: Caller) -> Actor:
    return Actor(who.person, who.name)


def _version() -> int | None:
    """The version the page showed; acts that add a word do not ask for it."""
    given = request.form.get("version", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else None


def _plain(does: Callable[..., Incident | NotNow]) -> Deed:
    return lambda session, incident, actor: does(session, incident, actor, front.now())


def _reply(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    if request.form.get("kind") == "note":  # the form without script has one button for both
        return _note(session, incident, actor)
    done = acts.reply(session, incident, actor, front.now(), text_of("text", "The reply"))
    return hold(session, incident, actor, done)


def _note(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    return acts.note(session, incident, actor, front.now(), text_of("text", "The note"))


def _wait(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    whom, why = text_of("waiting_for", "Whom to wait for"), text_of("reason", "The reason", most=SHORT)
    return acts.wait(session, incident, actor, front.now(), whom, why)


def _resolve(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    # A newer version means that somebody said something this resolution does not know of.
    said = text_of("text", "What was done")
    done = acts.resolve(session, incident, actor, front.now(), said, expected_version=_version())
    return hold(session, incident, actor, done)


def _reopen(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    return acts.reopen(session, incident, actor, front.now(), text_of("reason", "What was seen", most=SHORT))


def _verdict(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    return acts.verdict(session, incident, actor, front.now(), text_of("word", "The verdict", most=20))


def _escalate(session: Session, incident: uuid.UUID, actor: Actor) -> Incident | NotNow:
    return acts.escalate(session, incident, actor, front.now(), text_of("reason", "The reason", most=SHORT))


_DEEDS: Mapping[str, Deed] = {
    "acknowledge": _plain(acts.acknowledge),
    "claim": _plain(acts.claim),
    "second": _plain(acts.second),
    "resume": _plain(acts.resume),
    "close": _plain(acts.close),
    "reply": _reply,
    "note": _note,
    "wait": _wait,
    "resolve": _resolve,
    "reopen": _reopen,
    "verdict": _verdict,
    "escalate": _escalate,
    **DEEDS,
}
