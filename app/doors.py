"""Where others' alerts come in: `/in/KIND` for Alertmanager, Nagios, Icinga, hooks, mail; `/v2/enqueue` as PagerDuty.

A door is found by its token, which comes in a header (`Authorization: Bearer …`, the secret of `Basic …`, or
`X-Vigie-Token`), as PagerDuty's `routing_key`, or in the path where the door allows it. An answer of 2xx says that
everything is stored; anything else may be sent again and does nothing twice.
"""

from __future__ import annotations

import base64
import binascii
from importlib import import_module
from typing import Any

import structlog
from flask import Blueprint, Flask, Response, json, request

from app import limits
from app.front import as_house, front, now
from app.problems import FieldError, Problem
from escalation.attic import Attic, AtticFull
from escalation.inbound import doors, mail, posting, reading
from escalation.inbound.body import BadBody, read, unpack
from escalation.inbound.events import Batch
from escalation.inbound.posted_files import Kept
from escalation.inbound.taking import Taken, take_in_parts
from models.decisions import DecisionRow
from models.inbound import InboundDoor
from models.incidents import Incident
from models.session import STAFF, work

log = structlog.get_logger("vigie.doors")

KINDS = {"alertmanager": "alertmanager", "nagios": "nagios", "icinga": "nagios", "hook": "hook"}
_MOST_TOLD = 100  # of what became of each word; a flood hears how many there are

blueprint = Blueprint("doors", __name__)


def register(app: Flask) -> None:
    for name in ("app.pagerduty_door", "app.receipts", "app.paged"):  # they add their addresses to the blueprint
        import_module(name)
    app.register_blueprint(blueprint)


@blueprint.post("/in/<any(alertmanager, nagios, icinga, hook):kind>", strict_slashes=False)
@blueprint.post("/in/<any(alertmanager, nagios, icinga, hook):kind>/<path:rest>")
def come_in(kind: str, rest: str = "") -> Response:
    """One request of an Alertmanager, Nagios, Icinga or hook."""
    door = _door(KINDS[kind], rest.removesuffix("/api/v2/alerts"))  # what a Prometheus adds to the prefix it is given
    try:
        batch = reading.parse(door.kind, read_body(), doors.manner(door), now())
    except BadBody as error:
        raise _unusable(door, error) from error
    taken = take_in(door, batch)
    told = [what_became(each) for each in taken[:_MOST_TOLD]]
    return answer_with({"taken": len(taken), "outcomes": told}, 200)


@blueprint.post("/in/mail", strict_slashes=False)
@blueprint.post("/in/mail/<path:rest>")
def come_in_by_mail(rest: str = "") -> Response:
    """One mail as it came (RFC 5322), brought by a mail server to a door of kind hook."""
    door = _door("hook", rest)
    try:
        packed = request.headers.get("Content-Encoding", "")
        read_mail = mail.parse(unpack(request.get_data(cache=False), packed, mail.LARGEST))
    except BadBody as error:
        raise _unusable(door, error) from error
    try:
        with work(front().sessions, STAFF) as session:
            posted = posting.take(session, Attic(front().settings.data), door, read_mail, now())
            session.flush()  # the database gives a new incident its number
            told: dict[str, Any] = {"key": read_mail.id, "outcome": posted.outcome}
            if posted.incident is not None:
                told["incident"] = posted.incident.label
            elif posted.decision is not None:
                told["decision"] = _decided(posted.decision)
            if posted.files:
                told["files"] = [_of_file(one) for one in posted.files]
    except AtticFull:
        raise Problem(
            "full",
            "The disk of this desk has no room for the files of the mail; nothing of it was taken.",
            remedy="Tell an administrator, and bring the mail again when there is room.",
        ) from None
    return answer_with({"taken": 1, "outcomes": [told]}, 200)


def _of_file(one: Kept) -> dict[str, str | None]:
    if one.attachment is not None:
        return {"name": one.name, "kept": str(one.attachment)}
    return {"name": one.name, "kept": None, "reason": one.refused}


def _unusable(door: InboundDoor, error: BadBody) -> Problem:
    log.info("not_understood", door=str(door.id), field=error.field, problem=error.problem)
    said = f"The alert cannot be used: {error.field} {error.problem}."
    return Problem("invalid", said, errors=[FieldError(error.field, error.problem, error.remedy)])


def read_body() -> dict[str, Any]:
    return read(
        request.get_data(cache=False),
        request.headers.get("Content-Type", ""),
        request.headers.get("Content-Encoding", ""),
    )


def _door(kind: str, rest: str) -> InboundDoor:
    """The door of this kind that the request has the token of. Raises Problem."""
    token = _given_token()
    found = find_by_token(token or rest)
    if found is None or (not token and not found.settings.get("token_in_path")):
        raise Problem(
            "not-signed-in",
            "The request has no token of an open door."
            if not token
            else "The token opens no door, or its door is closed.",
            remedy="Send Authorization: Bearer vgd_…; make a door with vigie inbound add, or on the page Doors.",
            headers={"WWW-Authenticate": 'Bearer realm="Vigie doors"'},
        )
    if found.kind != kind:
        raise Problem(
            "not-found",
            f"This token opens a door of kind {found.kind}.",
            remedy="Send it to /v2/enqueue." if found.kind == "pagerduty" else f"Send it to /in/{found.kind}.",
        )
    return found


def find_by_token(token: str) -> InboundDoor | None:
    with as_house() as session:
        door = doors.find(session, token, now()) if token else None
        if door is None:
            wait = limits.take(session, limits.DOOR_ADDRESS, request.remote_addr or "", now())
        else:
            wait = limits.take(session, limits.DOOR_CALLS, str(door.id), now())
    if wait:
        # An Alertmanager comes again after a 5xx and never after a 429, whatever Retry-After says; PagerDuty's clients
        # know the 429 of the real API.
        kind = "too-often" if door is None or door.kind == "pagerduty" else "busy"
        raise Problem(kind, f"Too much at once; the next one in {wait} seconds.", remedy="Slow down.",
                      headers={"Retry-After": str(wait)})  # fmt: skip
    if door is None and token:
        log.info("door_refused", address=request.remote_addr)
    return door


def _given_token() -> str:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() in ("bearer", "token", "genie"):
        return given.strip()
    if scheme.lower() == "basic":
        try:
            user, _, secret = base64.b64decode(given.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return ""
        return secret or user
    return request.headers.get("X-Vigie-Token", "").strip()


def take_in(door: InboundDoor, batch: Batch) -> list[Taken]:
    try:
        return take_in_parts(front().sessions, door.id, batch, now())
    except LookupError as error:
        raise Problem("not-signed-in", "The door was closed meanwhile.") from error


def what_became(taken: Taken) -> dict[str, Any]:
    """What became of one word: the incident it has, and what the contract said where there is none."""
    said: dict[str, Any] = {"key": taken.event.sender_key or taken.event.key, "outcome": taken.outcome}
    if taken.row is None:
        return said
    with as_house() as session:
        incident = session.get(Incident, taken.row.incident_id) if taken.row.incident_id else None
        decision = session.get(DecisionRow, taken.row.decision_id) if taken.row.decision_id else None
    if incident is not None:
        said["incident"] = incident.label
    elif decision is not None:
        said["decision"] = _decided(decision)
    return said


def _decided(decision: DecisionRow) -> dict[str, str]:
    return {
        "id": str(decision.id),
        "outcome": decision.outcome,
        "rule": decision.rule,
        "reason": decision.reason,
        "remedy": decision.remedy,
    }


def answer_with(body: dict[str, Any], status: int) -> Response:
    return Response(json.dumps(body) + "\n", status, content_type="application/json; charset=utf-8")
