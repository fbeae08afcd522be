"""Cover by proof, as a page: machines under contract that do not report, machines that report without a contract."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from flask import Flask, Response, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front, words
from app.identity import need
from app.pages.fields import Form
from app.pages.frame import page, reading, signed_in, zone
from app.problems import not_found
from contracts import coverage
from models.agreements import CoverageGap
from models.audit import record
from models.customers import Customer
from models.machines import Machine

_SAID = {
    "uncovered": ("Report without a contract", "No line in force covers them: what they send is refused, and counted."),
    "unheard": ("Under contract, not reporting", "A line in force covers them; nothing was heard for a day or more."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GapView:
    """One machine about which contract and telemetry disagree."""

    id: uuid.UUID | None  # of what was written down; found just now, it is not yet
    machine: str
    customer: str
    slug: str
    since: str
    lasts: str
    settled: str


@dataclass(frozen=True, slots=True)
class KindView:
    """All of one kind, the longest first."""

    kind: str
    title: str
    said: str
    gaps: Sequence[GapView]


def register(app: Flask) -> None:
    app.add_url_rule("/coverage", "coverage", every)
    app.add_url_rule("/coverage/<uuid:gap>/settle", "coverage_settle", settle, methods=["POST"])


def every() -> Response:
    """Both kinds, as they stand at this moment."""
    who = signed_in("contracts:read")
    with reading(who) as session:
        kinds = read_gaps(session, front.now(), zone())
    total = sum(len(one.gaps) for one in kinds)
    return page("coverage.html", here="/fleet", kinds=kinds, total=total, may_settle=who.may("contracts:write"))


def settle(gap: uuid.UUID) -> AnyResponse:
    """Say what is to be done about one; it stays listed until cover and telemetry agree."""
    who = signed_in("contracts:write")
    need("contracts:write")
    form = Form(request.form)
    reason = form.text("reason", "a few words", most=200)
    with reading(who) as session:
        row = session.get(CoverageGap, gap)
        if row is None:
            raise not_found("gap")
        if not form.wrong:
            coverage.settle(row, who.actor, reason, front.now())
            record(
                session, actor=who.actor, deed="coverage.settled", subject=f"machine:{row.machine_id}",
                customer_id=row.customer_id, facts={"kind": row.kind, "reason": reason}, now=front.now(),
            )  # fmt: skip
    return redirect("/coverage", 303)


def read_gaps(session: Session, now: datetime, at_zone: tzinfo) -> list[KindView]:
    """What disagrees now, with what was said about it."""
    found = coverage.disagreements(session, now)
    names = {
        machine.id: (machine.name, customer.name, customer.slug)
        for machine, customer in session.execute(
            select(Machine, Customer)
            .join(Customer, Customer.id == Machine.customer_id)
            .where(Machine.id.in_([one.machine_id for one in found]))
        )
    }
    rows = session.scalars(select(CoverageGap).where(CoverageGap.ended_at.is_(None)))
    written = {(row.machine_id, row.kind): row for row in rows}
    kinds = []
    for kind, (title, said) in _SAID.items():
        gaps = []
        for one in sorted((one for one in found if one.kind == kind), key=lambda one: one.since):
            name, customer, slug = names[one.machine_id]
            row = written.get((one.machine_id, kind))
            since = row.since if row is not None else one.since
            settled = f"{row.settled_by}: {row.settled_reason}" if row is not None and row.settled_at else ""
            lasts = words.span((now - since).total_seconds())
            gaps.append(
                GapView(row.id if row else None, name, customer, slug, words.hour(since, at_zone, now), lasts, settled)
            )
        kinds.append(KindView(kind, title, said, gaps))
    return kinds
