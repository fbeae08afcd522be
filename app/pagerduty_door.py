"""Where clients of PagerDuty's Events API come in: `/v2/enqueue`, change events, and v1 as older plugins speak it.

Answers have the shape of the real API, because clients read them.
"""

from __future__ import annotations

from typing import Any

from flask import Response, request
from sqlalchemy import select

from app.announcing import announce
from app.doors import answer_with, blueprint, find_by_token, read_body, take_in, what_became
from app.front import front, now
from app.problems import Problem
from escalation.inbound import doors, effects, pagerduty, pagerduty_v1
from escalation.inbound.body import BadBody
from escalation.inbound.events import Change
from escalation.inbound.pagerduty import InvalidEvent
from models.inbound import InboundChange, InboundDoor
from models.session import STAFF, work


@blueprint.post("/v2/enqueue", strict_slashes=False)
@blueprint.post("/in/v2/enqueue", strict_slashes=False)
@blueprint.post("/in/pagerduty/v2/enqueue", strict_slashes=False)
def enqueue() -> Response:
    """One event of PagerDuty's Events API v2."""
    try:
        key, refused = _enqueue(read_body())
    except (BadBody, InvalidEvent) as error:
        return _invalid_event(error)
    except Problem as problem:
        return _as_pagerduty(problem)
    answer = {"status": "success", "message": "Event processed", "dedup_key": key}
    return answer_with(answer | refused, 202)


@blueprint.post(pagerduty_v1.PATH)
@blueprint.post("/in/pagerduty" + pagerduty_v1.PATH)
def create_event() -> Response:
    """One event of PagerDuty's Events API v1."""
    try:
        key, refused = _enqueue(pagerduty_v1.as_v2(read_body()))
    except (BadBody, InvalidEvent) as error:
        return _invalid_event(error, v1=True)
    except Problem as problem:
        return _as_pagerduty(problem)
    return answer_with({"status": "success", "message": "Event processed", "incident_key": key} | refused, 200)


def _enqueue(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The key the event has, and the contract's word where it refuses. Raises BadBody, InvalidEvent, Problem."""
    door = _by_routing_key(body)
    batch = pagerduty.parse(body, doors.manner(door), pagerduty.new_key())
    refused = [said for each in take_in(door, batch) if "decision" in (said := what_became(each))]
    return batch.events[0].sender_key, ({"vigie": refused[0]} if refused else {})


@blueprint.post("/v2/change/enqueue", strict_slashes=False)
@blueprint.post("/in/v2/change/enqueue", strict_slashes=False)
@blueprint.post("/in/pagerduty/v2/change/enqueue", strict_slashes=False)
def enqueue_change() -> Response:
    """One change event of PagerDuty's Events API v2."""
    try:
        body = read_body()
        door, batch = _by_routing_key(body), pagerduty.parse_change(body)
        take_in(door, batch)
        if batch.change is not None:
            _tell_machine(door, batch.change)
    except (BadBody, InvalidEvent) as error:
        return _invalid_event(error)
    except Problem as problem:
        return _as_pagerduty(problem)
    return answer_with({"status": "success", "message": "Change event processed"}, 202)


def _tell_machine(door: InboundDoor, change: Change) -> None:
    """The machine it is about, if it names one of ours, hears of it; sent again it is the same change."""
    with work(front().sessions, STAFF) as session:
        machine = effects.machine_of(session, door, change)
        told = select(InboundChange.at).where(InboundChange.door_id == door.id, InboundChange.summary == change.summary)
        at = session.scalar(told.order_by(InboundChange.received_at.desc()).limit(1))
        name = machine.name if machine is not None and machine.retired_at is None else ""
    if name and at is not None and at <= now():
        announce([name], change.summary, at, "pagerduty", now())


def _by_routing_key(body: dict[str, Any]) -> InboundDoor:
    """Raises InvalidEvent in the words of the real API, and Problem for too many tries."""
    key = request.headers.get("X-Routing-Key") or pagerduty.routing_key(body)
    found = find_by_token(key)
    if found is None or found.kind != "pagerduty":
        raise InvalidEvent("Invalid routing key")
    return found


def _invalid_event(error: BadBody | InvalidEvent, *, v1: bool = False) -> Response:
    errors = list(error.errors) if isinstance(error, InvalidEvent) else [str(error)]
    errors = [pagerduty_v1.in_v1_words(one) for one in errors] if v1 else errors
    message = "Event object is invalid" if isinstance(error, InvalidEvent) else "Event object format is unrecognized"
    return answer_with({"status": "invalid event", "message": message, "errors": errors}, 400)


def _as_pagerduty(problem: Problem) -> Response:
    status = "throttle exceeded" if problem.kind == "too-often" else "error"
    response = answer_with({"status": status, "message": problem.detail}, problem.status)
    response.headers.update(problem.headers)
    return response
