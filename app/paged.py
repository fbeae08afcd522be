"""What PagerDuty tells back: somebody acknowledged there what we paged, so nobody further is called here.

Their webhook (version 3) is signed: `X-PagerDuty-Signature: v1=HEX[,v1=HEX…]`, HMAC-SHA-256 of the body. Acknowledging
a test page proves the way it went; what was resolved there goes on here, and our story says so.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from typing import Any

import structlog
from flask import Response, json, request
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.doors import blueprint
from app.front import as_house, front, now
from app.problems import FieldError, Problem
from escalation import acts, climbing, proving, story
from escalation.inbound.body import BadBody, read
from escalation.incident import Actor, NotNow, State
from models import audit
from models.incidents import Incident
from models.people import Person
from models.reach import ReachProof

log = structlog.get_logger("vigie.paged")


@blueprint.post("/in/pagerduty/webhook", strict_slashes=False)
def pagerduty_says() -> Response:
    """One event of PagerDuty's webhook. 2xx: it is done, or it means nothing here; a repetition does nothing twice."""
    raw = request.get_data(cache=False)
    if not _is_signed(raw, request.headers.get("X-PagerDuty-Signature", "")):
        raise Problem("not-signed-in", "The signature is none of our webhook's.",
                      remedy="Set VIGIE_PAGERDUTY_SECRET to the secret PagerDuty showed.")  # fmt: skip
    try:
        event = read(raw, "application/json").get("event")
    except BadBody as error:
        raise Problem("invalid", str(error), errors=[FieldError(error.field, error.problem, error.remedy)]) from error
    said = event if isinstance(event, dict) else {}
    with as_house() as session:
        outcome = _take(session, said)
    log.info("pagerduty_said", event_type=said.get("event_type"), outcome=outcome)
    return Response(json.dumps({"outcome": outcome}) + "\n", 200, content_type="application/json; charset=utf-8")


def _is_signed(raw: bytes, given: str) -> bool:
    secrets = [one.strip() for one in front().settings.pagerduty_secret.get_secret_value().split(",") if one.strip()]
    signed = [part.strip().removeprefix("v1=") for part in given.split(",") if part.strip().startswith("v1=")]
    made = [hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest() for secret in secrets]
    return any(hmac.compare_digest(one.encode(), each.encode("utf-8", "replace")) for one in made for each in signed)


def _take(session: Session, event: dict[str, Any]) -> str:
    """What became of it: acknowledged, noted, proved, or nothing."""
    data = event.get("data")
    key = _uuid(data.get("incident_key")) if isinstance(data, dict) else None
    kind = event.get("event_type")
    if key is None or kind not in ("incident.acknowledged", "incident.unacknowledged", "incident.resolved"):
        return "nothing"
    incident = session.get(Incident, key)
    if incident is None:
        return _prove(session, key)
    agent = event.get("agent")
    name = str(agent.get("summary") or "")[:120] if isinstance(agent, dict) else ""
    if kind == "incident.acknowledged":
        done = acts.acknowledge(session, incident.id, _actor(session, name), now())
        return "nothing" if isinstance(done, NotNow) else "acknowledged"
    if kind == "incident.unacknowledged":
        return _worn_off(session, incident)
    if not incident.is_open:
        return "nothing"  # they repeat what we told them
    text = f"{name or 'Somebody'} resolved it in PagerDuty. Here it goes on until somebody says what was done."
    done = acts.note(session, incident.id, Actor(None, "PagerDuty"), now(), text)
    return "nothing" if isinstance(done, NotNow) else "noted"


def _worn_off(session: Session, incident: Incident) -> str:
    """Their acknowledgement was taken back or wore off: where it was all we had, the ladder begins again."""
    audit.take_turns(session, incident.customer_id)
    session.refresh(incident, with_for_update=True)
    if incident.state != State.ACKNOWLEDGED or incident.owner_id is not None:
        return "nothing"
    incident.state, incident.acknowledged_at = State.OPEN.value, None
    story.tell(session, incident, "note", "The acknowledgement in PagerDuty is gone: the ladder begins again.", now())
    climbing.start(session, incident, now())
    story.changed(session, incident, "acknowledgement dropped", now(), facts={"by": "PagerDuty"})
    return "open again"


def _prove(session: Session, key: uuid.UUID) -> str:
    row = session.scalar(select(ReachProof).where(ReachProof.notice_id == key))
    if row is None:
        return "nothing"
    proving.answer(session, row, "PagerDuty", now())
    return "proved"


def _actor(session: Session, name: str) -> Actor:
    """The one of ours whom PagerDuty pages under this name; else somebody there, whom we do not know."""
    ours = select(Person).where(Person.customer_id.is_(None), Person.active, func.lower(Person.name) == name.lower())
    found = [one for one in session.scalars(ours) if any(way["channel"] == "pagerduty" for way in one.notify)]
    return Actor(found[0].id, found[0].name) if len(found) == 1 else Actor(None, f"{name or 'somebody'} (PagerDuty)")


def _uuid(text: object) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if isinstance(text, str) else None
    except ValueError:
        return None
