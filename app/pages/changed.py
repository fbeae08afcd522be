"""What was changed on a machine, as its charts and incidents tell it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from app import words
from models.base import Json
from models.changes import MachineChange
from models.inbound import InboundChange
from models.incidents import Incident
from models.machines import Machine
from telemetry import changes_kept
from telemetry.changes import AHEAD_MS, WITHIN_MS

WITHIN, AHEAD = timedelta(milliseconds=WITHIN_MS), timedelta(milliseconds=AHEAD_MS)
MOST_SHOWN = 20
_MS = 0.001  # seconds
_BY = {"machine": "", "api": "told over the API", "pagerduty": "announced through a door for alerts"}


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One change in a list."""

    when: str
    what: str
    by: str


def marks(session: Session, machine: Machine | None, start: float, end: float) -> list[tuple[float, str]]:
    """Instants and words of what was changed within a span (epoch seconds), for a chart; the newest of many."""
    if machine is None:
        return []
    rows = changes_kept.within(session, [machine.id], _instant(start), _instant(end))
    return [(row.at.timestamp(), row.what) for row in rows][-MOST_SHOWN:]


def listed(
    session: Session, machine: Machine, start: datetime, end: datetime, zone: tzinfo, now: datetime
) -> list[ChangeView]:
    """The same as lines, the newest first."""
    rows = changes_kept.within(session, [machine.id], start, end)
    return [ChangeView(words.hour(row.at, zone, now), row.what, _BY.get(row.told_by, row.told_by))
            for row in reversed(rows[-MOST_SHOWN:])]  # fmt: skip


def near(session: Session, incident: Incident) -> Json:
    """What was changed within the hour before an incident began, the newest: on its machine, or announced for its
    customer and no machine of theirs. Empty: nothing was."""
    told = incident.evidence.get("change")
    found: list[dict[str, Any]] = [told] if isinstance(told, dict) else []  # Any: JSON
    start, end = incident.began_at - WITHIN, incident.began_at + AHEAD
    if incident.machine_id is not None:
        found += [
            {"at_ms": round(row.at.timestamp() * 1000), "kind": row.kind, "what": row.what}
            for row in changes_kept.within(session, [incident.machine_id], start, end)
        ]
    if not found:
        found = _of_customer(session, incident, start, end)
    return max(found, key=lambda one: int(one["at_ms"]), default={})


def _of_customer(session: Session, incident: Incident, start: datetime, end: datetime) -> list[dict[str, Any]]:
    announced, ours = InboundChange, MachineChange
    # One that named a machine went through the log, which keeps milliseconds and shortens words.
    elsewhere = exists().where(
        ours.customer_id == announced.customer_id,
        ours.told_by == "pagerduty",
        func.abs(func.extract("epoch", ours.at - announced.at)) < _MS,
    )
    rows = session.scalars(
        select(announced)
        .where(announced.customer_id == incident.customer_id, announced.at >= start, announced.at <= end, ~elsewhere)
        .order_by(announced.at.desc())
        .limit(1)
    )
    return [{"at_ms": round(row.at.timestamp() * 1000), "kind": "deployment", "what": row.summary, "for": "customer"}
            for row in rows]  # fmt: skip


def sentence(evidence: Json) -> str:
    """How an incident lies to what was changed: "It began 4 min after release 2.3.1."; empty where nothing was."""
    change, since_ms = evidence.get("change"), evidence.get("since_ms")
    if not isinstance(change, dict) or not isinstance(since_ms, int | float):
        return ""
    after_s = (since_ms - float(change["at_ms"])) / 1000
    what = str(change["what"])
    if change.get("for") == "customer":
        what += " (announced for the customer; whether it touched this machine is not known)"
    if after_s < -words.MINUTE and evidence.get("forecast"):
        return f"Within the hours it rests on was {what}."
    if after_s < words.MINUTE:
        return f"It began with {what}."
    return f"It began {words.span(after_s)} after {what}."


def _instant(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
