"""Findings of the detector, incidents with their evidence and timeline, and the promises that run on them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned

OPEN_STATES = ("open", "acknowledged", "working", "waiting")
STATES = (*OPEN_STATES, "resolved", "closed")
_STILL_OPEN = text("state in ('open','acknowledged','working','waiting')")


class Finding(Owned, Base):
    """Something looked wrong on a machine, from an instant to another. Its id is derived from machine, cause and start,
    so a batch scored twice writes it once. `shadow`: the contract lets us see it, not act on it."""

    __tablename__ = "findings"
    __table_args__ = (
        CheckConstraint("severity between 1 and 4", name="severity"),
        Index("ix_findings_customer_id_started_at", "customer_id", "started_at"),
        Index("ix_findings_judged_at", "judged_at", postgresql_where=text("judged_at is not null")),
        Index("ix_findings_held_back", "opened_at", postgresql_where=text("held_back <> ''")),
    )

    machine_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"), index=True)
    cause: Mapped[str]
    kind: Mapped[str]  # anomaly, rule, silence, event
    severity: Mapped[int]
    score: Mapped[float | None]
    started_at: Mapped[datetime]  # when it began, by the machine's own clock
    opened_at: Mapped[datetime]  # time of the report that made us sure; never back-dated
    ended_at: Mapped[datetime | None]
    summary: Mapped[str]
    metrics: Mapped[list[str]] = mapped_column(JSONB, default=list)
    evidence: Mapped[dict[str, Any]] = mapped_column(default=dict)
    model_digest: Mapped[str] = mapped_column(default="")
    shadow: Mapped[bool] = mapped_column(default=False)
    decision_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("decisions.id", ondelete="SET NULL"))
    incident_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("incidents.id", ondelete="SET NULL"), index=True)
    verdict: Mapped[str] = mapped_column(default="")  # an engineer's: true, benign, false
    judged_at: Mapped[datetime | None]
    peak: Mapped[float | None]  # of the score while it lasted, known at its end
    held_back: Mapped[str] = mapped_column(default="", server_default="")  # by which restraint of the desk: admission…
    held_words: Mapped[str] = mapped_column(default="", server_default="")  # the same as a sentence
    created_at: Mapped[datetime]


class Incident(Owned, Base):
    """A promise to act. Terms, ladder and evidence are frozen into it at the opening.

    `version` counts its changes (optimistic locking and the ETag).
    """

    __tablename__ = "incidents"
    __table_args__ = (
        CheckConstraint("state in ('open','acknowledged','working','waiting','resolved','closed')", name="state"),
        CheckConstraint("severity between 1 and 4", name="severity"),
        CheckConstraint("(state = 'waiting') = (waiting_for <> '')", name="waiting_says_for_whom"),
        CheckConstraint("merged_into_id is null or state = 'closed'", name="merged_is_closed"),
        CheckConstraint("served_by in ('','phone','remote','written')", name="served_by"),
        Index("uq_incidents_one_open", "machine_id", "cause", unique=True, postgresql_where=_STILL_OPEN),
        Index(
            "uq_incidents_one_child",
            "fleet_event_id",
            "contract_id",
            unique=True,
            postgresql_where=text("fleet_event_id is not null"),
        ),
        Index("ix_incidents_state_opened_at", "state", "opened_at"),
        # The first page of the queue, and of the list, at any number of incidents.
        Index("ix_incidents_queue", "severity", text("opened_at desc"), postgresql_where=_STILL_OPEN),
        Index("ix_incidents_opened_at_id", "opened_at", "id"),
        Index("ix_incidents_changed_at", "changed_at"),
        Index("ix_incidents_cause_opened_at", "cause", "opened_at"),
        # What is like an incident: the newest of its customer, of its machine, of its cause.
        Index("ix_incidents_customer_id_opened_at", "customer_id", "opened_at"),
        Index("ix_incidents_machine_id_opened_at", "machine_id", "opened_at"),
        Index("ix_incidents_alone_since", "alone_since", postgresql_where=text("alone_since is not null")),
        Index("ix_incidents_queued_at", "queued_at", postgresql_where=text("queued_at is not null")),
        Index("ix_incidents_next_rung_at", "next_rung_at", postgresql_where=text("next_rung_at is not null")),
    )

    number: Mapped[int] = mapped_column(BigInteger, Identity(start=1001), unique=True)  # shown as VG-1001
    machine_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("machines.id", ondelete="CASCADE"), index=True)
    contract_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("contracts.id", ondelete="SET NULL"))
    terms_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("contract_terms.id", ondelete="SET NULL"))
    decision_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("decisions.id", ondelete="SET NULL"))
    tier: Mapped[str] = mapped_column(default="")  # at the opening
    cause: Mapped[str]
    kind: Mapped[str] = mapped_column(default="anomaly")
    channel: Mapped[str] = mapped_column(default="telemetry")  # who told us: telemetry, portal, phone, api…
    served_by: Mapped[str] = mapped_column(default="", server_default="")  # phone, remote, written; empty: as they came
    severity: Mapped[int]
    state: Mapped[str] = mapped_column(default="open")
    waiting_for: Mapped[str] = mapped_column(default="")  # customer, vendor, maintenance
    waiting_reason: Mapped[str] = mapped_column(default="", server_default="")  # in words the customer reads
    title: Mapped[str]
    summary: Mapped[str] = mapped_column(default="")
    began_at: Mapped[datetime]  # when the condition began, by the evidence
    opened_at: Mapped[datetime]
    condition_ended_at: Mapped[datetime | None]
    flapping_since: Mapped[datetime | None]  # its condition came back so often that its ends are not believed at once
    alone_since: Mapped[datetime | None]  # since when its owner is alone with it; empty while nobody is
    alone_s: Mapped[float] = mapped_column(default=0.0, server_default="0")  # seconds alone before that, in all
    queued_at: Mapped[datetime | None]  # everybody's hands were full when it came: since then it waits its turn
    acknowledged_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    workaround_at: Mapped[datetime | None]  # since when a way around it holds, while it is not mended
    merged_into_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("incidents.id", ondelete="SET NULL"), index=True
    )
    customer_told_us_at: Mapped[datetime | None]  # first word of the customer on it, if any
    told_customer_at: Mapped[datetime | None]  # our first reply
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"), index=True)
    second_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
    second_accepted_at: Mapped[datetime | None]  # empty: asked to stand beside, and has not said yes
    terms: Mapped[dict[str, Any]] = mapped_column(default=dict)
    ladder: Mapped[dict[str, Any]] = mapped_column(default=dict)
    rung: Mapped[int] = mapped_column(default=-1)  # the last one climbed
    next_rung_at: Mapped[datetime | None]
    ladder_since: Mapped[datetime | None]  # start of the present pass over the ladder
    climbed_at: Mapped[datetime | None]  # when the last rung was paged
    ladder_loop: Mapped[int] = mapped_column(default=0, server_default="0")  # repeats in the present climb
    ladder_round: Mapped[int] = mapped_column(default=0, server_default="0")  # passes ever begun before this one
    evidence: Mapped[dict[str, Any]] = mapped_column(default=dict)
    evidence_digest: Mapped[str] = mapped_column(default="")
    demo: Mapped[bool] = mapped_column(default=False)
    fleet_event_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("fleet_events.id", ondelete="SET NULL"))
    version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime]

    @property
    def label(self) -> str:
        """How people say it: VG-1001."""
        return f"VG-{self.number}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


class TimelineEntry(Owned, Base):
    """One line of an incident's story. `public` ones are what the customer reads."""

    __tablename__ = "timeline"
    __table_args__ = (Index("ix_timeline_incident_id_at", "incident_id", "at"),)

    incident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    kind: Mapped[
        str
    ]  # opened, joined, acknowledged, reply, note, waiting, resumed, resolved, reopened, rung, notice, verdict…
    actor: Mapped[str]  # a person's name, or "Vigie"
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
    public: Mapped[bool] = mapped_column(default=False)
    text: Mapped[str] = mapped_column(default="")
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Promise(Owned, Base):
    """One clock of an incident: what we owe and by when. Calendar and budget are frozen with it."""

    __tablename__ = "promises"
    __table_args__ = (
        CheckConstraint("state in ('running','paused','met','breached','cancelled')", name="state"),
        CheckConstraint("party in ('customer','internal','vendor')", name="party"),
        CheckConstraint("cause = '' or breached_at is not null", name="cause_is_of_a_breach"),
        Index("ix_promises_due_at", "due_at", postgresql_where=text("state = 'running'")),
    )

    incident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]  # acknowledge, respond, update, workaround, resolve, on_site
    party: Mapped[str] = mapped_column(default="customer", server_default="customer")  # to whom or by whom it is owed
    state: Mapped[str] = mapped_column(default="running")
    started_at: Mapped[datetime]
    counts_from: Mapped[datetime | None]  # a severity change that restarts the clock; empty: from its start
    due_at: Mapped[datetime | None]
    met_at: Mapped[datetime | None]
    breached_at: Mapped[datetime | None]  # sticky
    budget: Mapped[dict[str, Any]]  # {"seconds": 900} or {"business_days": 1}
    calendar: Mapped[dict[str, Any]]
    pauses: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)  # [{"from", "to", "reason"}]
    # What an upgrade added, [{"from", "budget", "calendar"}]: the earliest of them and the first holds.
    legs: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
    cause: Mapped[str] = mapped_column(default="", server_default="")  # of a breach, chosen by a person
    cause_note: Mapped[str] = mapped_column(default="", server_default="")
    cause_by: Mapped[str] = mapped_column(default="", server_default="")
    cause_at: Mapped[datetime | None]
