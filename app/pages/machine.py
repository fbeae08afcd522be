"""Everything the machine page shows of one machine: state, charts, findings, what its contract answered, its ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from app import naming, words
from app.naming import Names
from app.pages import changed, heard
from app.pages.changed import ChangeView
from app.pages.charted import Charted, charted
from app.pages.fleet import MachineRow, machine_row
from app.pages.heard import HeardView
from app.pages.ledger import HourView, hour_view
from app.pages.looking import Look
from app.pages.meaning import in_local_hours
from app.pages.worked import WindowView, windows_for
from models.clocks import ClockCorrection
from models.customers import Customer, Site
from models.decisions import DecisionRow
from models.incidents import OPEN_STATES, Finding, Incident
from models.machines import Machine, MachineState
from models.telemetry import DeliveryCount
from telemetry import clocks_kept
from telemetry.vocabulary import is_scored

if TYPE_CHECKING:
    from telemetry.metric_states import MetricState

MOST_CHARTS = 24  # one screen of pictures each way; the rest is named and one click away


@dataclass(frozen=True, slots=True)
class FindingView:
    """One finding in a list."""

    title: str
    when: str
    severity: int
    kind: str
    shadow: bool
    is_open: bool
    incident: str
    verdict: str
    took: str
    held: str


@dataclass(frozen=True, slots=True)
class MetricChoice:
    """A metric that may be drawn: its name as sent, what we call it, its name in the common vocabulary, if any."""

    sent: str
    label: str
    otel: str
    on: bool


@dataclass(frozen=True, slots=True)
class MachineView:
    """One machine, ready to be drawn."""

    row: MachineRow
    customer: str
    slug: str
    tier: str
    demo: bool
    rack: str
    source: str
    skew: str
    said: str
    facts: Sequence[tuple[str, str]]
    charted: Charted
    judged: bool  # whether its contract lets us say what is usual
    metrics: Sequence[MetricChoice]
    heard: Sequence[HeardView]  # each metric: whether it speaks, and in which rhythm
    heard_sum: str
    keeping: str  # how long what it sends is kept
    decisions: Sequence[DecisionRow]
    findings: Sequence[FindingView]
    ledger: Sequence[HourView]
    windows: Sequence[WindowView]
    changes: Sequence[ChangeView]  # within the span looked at


def read_machine(
    session: Session, name: str, look: Look, wanted: Sequence[str], names: Names, now: datetime, zone: tzinfo
) -> MachineView | None:
    """The whole page, or None when there is no such machine in reach."""
    found = session.execute(
        select(Machine, MachineState, Customer, Site.name)
        .join(Customer, Customer.id == Machine.customer_id)
        .outerjoin(MachineState, MachineState.machine_id == Machine.id)
        .outerjoin(Site, Site.id == Machine.site_id)
        .where(Machine.name == name)
    ).one_or_none()
    if found is None:
        return None
    machine, state, customer, site = found
    incidents = session.execute(
        select(Incident.id, Incident.number, Incident.title, Incident.tier, Incident.began_at)
        .where(Incident.machine_id == machine.id, Incident.state.in_(OPEN_STATES))
        .order_by(Incident.severity)
    ).all()
    first = (f"VG-{incidents[0].number}", incidents[0].title) if incidents else None
    known = _known(session, machine, state, look)
    meant = naming.meant(wanted, known)
    chosen = [metric for metric in meant if metric in known] or [one for one in known if is_scored(one)][:MOST_CHARTS]
    began = min((one.began_at for one in incidents), default=None)
    judged = state is not None and state.telemetry in ("shadow", "detect")
    drawn = charted(session, machine, state, chosen, look, names, began, now, zone)
    hours = _ledger(session, machine.name, now, zone)
    spoken = heard.lines(_states(session, machine, state, known, now), state.latest if state else {}, now, zone)
    return MachineView(
        row=machine_row(machine, state, site or "", first, now),
        customer=customer.name,
        slug=customer.slug,
        tier=incidents[0].tier if incidents else "",
        demo=customer.demo,
        rack=machine.rack,
        source=machine.source,
        skew=_skew_words(state, clocks_kept.in_force(session, machine.id), now, zone),
        said=state.said or "" if state else "",
        facts=sorted((str(key), str(value)) for key, value in (state.facts if state else {}).items())[:16],
        charted=drawn,
        judged=judged,
        metrics=[MetricChoice(one.sent, one.label, one.otel, one.sent in chosen) for one in map(naming.shown, known)],
        heard=spoken,
        heard_sum=heard.summed(spoken),
        keeping=_keeping(session, machine, now),
        decisions=_decisions(session, machine),
        findings=findings_of(session, now, zone, machine=machine),
        ledger=hours,
        windows=windows_for(session, machine, now, zone),
        changes=changed.listed(session, machine, look.start, look.end, zone, now),
    )


def _known(session: Session, machine: Machine, state: MachineState | None, look: Look) -> list[str]:
    """The metrics it reports now, and those it reported within the span."""
    from telemetry import rollups  # numpy comes with it, and a web process that draws no chart does without

    latest = state.latest if state else {}
    past = rollups.metrics_of(session, machine.id, look.start, look.end)
    return sorted({*latest, *past}, key=lambda name: (not is_scored(name), name))


def _states(
    session: Session, machine: Machine, state: MachineState | None, known: Sequence[str], now: datetime
) -> dict[str, MetricState]:
    from telemetry import metric_states

    return metric_states.of(session, machine, state, known, now)


def _keeping(session: Session, machine: Machine, now: datetime) -> str:
    from telemetry import retention

    kept = retention.keeping_of(session, machine.customer_id, machine.id, now)
    return (
        f"Single reports are kept for {words.count(kept.reports_days, 'day')}, "
        f"hourly and daily figures for {words.count(kept.figures_days, 'day')}."
    )


def _decisions(session: Session, machine: Machine) -> list[DecisionRow]:
    """The newest answer to each thing that was asked for this machine."""
    rows = session.scalars(
        select(DecisionRow)
        .where(DecisionRow.machine_id == machine.id)
        .ext(distinct_on(DecisionRow.ask))
        .order_by(DecisionRow.ask, DecisionRow.asked_at.desc())
    )
    return sorted(rows, key=lambda row: row.asked_at, reverse=True)[:6]


def findings_of(
    session: Session, now: datetime, zone: tzinfo, *, machine: Machine | None = None, customer: Customer | None = None,
    where: Sequence[ColumnElement[bool]] = (), most: int = 12,
) -> list[FindingView]:  # fmt: skip
    """The newest findings, shadow ones included; ``where``: only those."""
    statement = (
        select(Finding, Incident.number, Machine.name)
        .join(Machine, Machine.id == Finding.machine_id)
        .outerjoin(Incident, Incident.id == Finding.incident_id)
        .where(*where)
        .order_by(Finding.opened_at.desc())
        .limit(most)
    )
    if machine is not None:
        statement = statement.where(Finding.machine_id == machine.id)
    if customer is not None:
        statement = statement.where(Finding.customer_id == customer.id)
    views = []
    for finding, number, name in session.execute(statement):
        end = finding.ended_at or now
        views.append(
            FindingView(
                title=in_local_hours(finding.summary, finding.evidence, zone) or finding.cause,
                when=words.hour(finding.opened_at, zone, now),
                severity=finding.severity,
                kind=finding.kind if machine is not None else f"{finding.kind}, {name}",
                shadow=finding.shadow,
                is_open=finding.ended_at is None,
                incident=f"VG-{number}" if number else "",
                verdict=finding.verdict,
                took=words.span((end - finding.started_at).total_seconds()),
                held=finding.held_words,
            )
        )
    return views


def _ledger(session: Session, name: str, now: datetime, zone: tzinfo) -> list[HourView]:
    rows = list(
        session.scalars(
            select(DeliveryCount)
            .where(DeliveryCount.machine == name, DeliveryCount.hour > now - timedelta(hours=8))
            .order_by(DeliveryCount.hour.desc())
        )
    )
    most = max((row.received + row.missing for row in rows), default=1)
    views = []
    for row in rows:
        sums = [row.received, row.scored, row.duplicate, row.refused, row.late, row.missing]
        sums += [row.in_maintenance, row.erased]
        views.append(hour_view(row.hour, sums, most, now, zone, _why(row)))
    return views


def _why(row: DeliveryCount) -> str:
    """What is unusual about an hour, in words."""
    said = [
        f"{count:,} rejected: {reason.replace('_', ' ').replace('.', ' ')}" for reason, count in row.reasons.items()
    ]
    if row.duplicate:
        said.append(f"{row.duplicate} came again: counted once")
    if row.missing:
        said.append(f"{words.count(row.missing, 'number')} skipped and not seen since")
    if row.in_maintenance:
        said.append(f"{row.in_maintenance:,} of these came while it was worked on: kept, not judged")
    if row.erased:
        said.append(f"{row.erased:,} of those stored were erased since, on request")
    if row.late:
        said.append(f"{row.late} came late: kept in history, not scored")
    return "; ".join(said)


def _skew_words(state: MachineState | None, corrected: ClockCorrection | None, now: datetime, zone: tzinfo) -> str:
    if corrected is not None:
        off = f"{words.span(abs(corrected.offset_s))} {'ahead' if corrected.offset_s > 0 else 'behind'}"
        return f"its clock is {off}: corrected since {words.hour(corrected.since, zone, now)}"
    if state is None or state.skew_s is None:
        return ""
    if abs(state.skew_s) < 1:
        return "its clock is right"
    return f"its clock is {words.span(abs(state.skew_s))} {'ahead' if state.skew_s > 0 else 'behind'}"
