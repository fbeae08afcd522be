"""The one intake: a signal opens an incident, joins the open one, or is answered by the contract with words."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.orm import Session

from escalation.incident import Actor
from models.decisions import DecisionRow
from models.incidents import Incident


@dataclass(frozen=True, slots=True)
class Signal:
    """Something looks wrong on a machine. `evidence` is JSON and is frozen into the incident it opens."""

    machine_id: uuid.UUID
    cause: str  # stable: the same problem on the same machine has the same cause ("memory", "disk:/var", "silence")
    kind: str  # anomaly, rule, forecast, event, silence
    severity: int  # 1 gravest to 4
    seen_at: datetime  # the report that made us sure
    title: str
    summary: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    finding_id: uuid.UUID | None = None  # the row in `findings`, already written in this transaction or before
    began_at: datetime | None = None  # first sign by the evidence; `seen_at` when not known


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a signal. `known`: this very finding had its answer before, and nothing was written again."""

    outcome: Literal["opened", "joined", "shadow", "refused", "known"]
    incident_id: uuid.UUID | None
    decision_id: uuid.UUID | None
    words: str  # the decision's reason, for a log line


def report(session: Session, signal: Signal, now: datetime) -> Report:
    """Join the open incident of this machine and cause, or ask the contract and do what it says. Never commits.

    For several signals in one transaction use `report_all`, which takes them in an order that cannot deadlock.
    Raises LookupError for a machine that does not exist.
    """
    raise NotImplementedError


def report_all(session: Session, signals: Sequence[Signal], now: datetime) -> list[Report]:
    """Report a batch, customer by customer and machine by machine; answers in the order given."""
    raise NotImplementedError


def condition_ended(
    session: Session,
    machine_id: uuid.UUID,
    cause: str,
    at: datetime,
    now: datetime,
    finding_id: uuid.UUID | None = None,
) -> None:
    """The condition is over since `at`: says so on the finding and on the open incident. Twice is the same as once."""
    raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks us to look at."""

    severity: int
    title: str
    summary: str = ""
    machine_id: uuid.UUID | None = None
    cause: str = ""  # empty: a cause of its own, so that it joins nothing
    channel: str = "api"  # api, portal, phone, mail


@dataclass(frozen=True, slots=True)
class Answer:
    """What the contract said, and the incident when it was granted (an open one on the same cause is joined)."""

    decision: DecisionRow
    incident: Incident | None
    joined: bool = False


def open_by_person(session: Session, customer_id: uuid.UUID, request: Request, actor: Actor, now: datetime) -> Answer:
    """Open an incident that a person asks for. A refusal is an answer with its words, and is recorded as well."""
    raise NotImplementedError
