"""Everything the machine page shows of one machine: state, charts, findings, what its contract answered, its ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from app import words
from app.charts import Series, Window, evidence_chart
from app.pages.evidence import Bounds, ChartView, Track, chart_data, last_of
from app.pages.fleet import MachineRow, machine_row
from app.pages.history import tracks_of
from app.pages.ledger import HourView, hour_view
from app.pages.worked import WindowView, windows_for
from app.usual import usual_range
from models.customers import Customer, Site
from models.decisions import DecisionRow
from models.incidents import OPEN_STATES, Finding, Incident
from models.machines import Machine, MachineState
from models.telemetry import DeliveryCount
from telemetry import worked_on
from telemetry.vocabulary import is_scored, word

SPANS: Mapping[str, timedelta] = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "3d": timedelta(days=3),
}
PAST = timedelta(days=3)  # what "usual" is taken from
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
    charts: Sequence[ChartView]
    chart_data: Markup | None
    judged: bool  # whether its contract lets us say what is usual
    metrics: Sequence[tuple[str, str, bool]]
    decisions: Sequence[DecisionRow]
    findings: Sequence[FindingView]
    ledger: Sequence[HourView]
    windows: Sequence[WindowView]


def read_machine(
    session: Session, name: str, span: str, wanted: Sequence[str], now: datetime, zone: tzinfo
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
    known = sorted(metric for metric in (state.latest if state else {}) if is_scored(metric))
    chosen = [metric for metric in wanted if metric in known] or known[:MOST_CHARTS]
    began = min((one.began_at for one in incidents), default=None)
    judged = state is not None and state.telemetry in ("shadow", "detect")
    charts, data = _charts(session, machine, chosen, SPANS[span], began, now, zone, judged)
    hours = _ledger(session, machine.name, now, zone)
    return MachineView(
        row=machine_row(machine, state, site or "", first, now),
        customer=customer.name,
        slug=customer.slug,
        tier=incidents[0].tier if incidents else "",
        demo=customer.demo,
        rack=machine.rack,
        source=machine.source,
        skew=_skew_words(state),
        said=state.said or "" if state else "",
        facts=sorted((str(key), str(value)) for key, value in (state.facts if state else {}).items())[:16],
        charts=charts,
        chart_data=data,
        judged=judged,
        metrics=[(metric, word(metric).label, metric in chosen) for metric in known],
        decisions=_decisions(session, machine),
        findings=findings_of(session, now, zone, machine=machine),
        ledger=hours,
        windows=windows_for(session, machine, now, zone),
    )


def _charts(
    session: Session,
    machine: Machine,
    chosen: Sequence[str],
    span: timedelta,
    began: datetime | None,
    now: datetime,
    zone: tzinfo,
    judged: bool,
) -> tuple[list[ChartView], Markup | None]:
    """What the machine said. What is usual stands beside it only where the contract lets us judge: a band and the words
    "as usual", would say that somebody watches a bronze machine, and nobody does."""
    if not chosen:
        return [], None
    start, end = now - span, now
    shown = tracks_of(session, machine.id, start.timestamp(), end.timestamp(), chosen)
    past = tracks_of(session, machine.id, (now - PAST).timestamp(), end.timestamp(), chosen) if span < PAST else shown
    room = span.total_seconds() * 0.012
    lit = max(began, start).timestamp() if began is not None and began < end else None
    marks = worked_on.marks(session, machine.id, start, end)
    window = Window(
        start.timestamp(), end.timestamp() + room, lit, end.timestamp() if lit else None, end.timestamp(),
        tuple((begins.timestamp(), ends.timestamp()) for begins, ends, _ in marks),
    )  # fmt: skip
    offset = now.astimezone(zone).utcoffset() or timedelta(0)
    charts: list[ChartView] = []
    bounds: dict[str, Bounds] = {}
    for name in chosen:
        track = shown.get(name)
        if track is None or last_of(track) is None:
            continue
        before = _before(past.get(name, track), lit)
        usual = usual_range(before.at, before.values, track.at, offset.total_seconds()) if judged else None
        low, high = usual or ((), ())
        if low:
            bounds[name] = (dict(zip(track.at, low, strict=True)), dict(zip(track.at, high, strict=True)))
        charts.append(_chart(name, track, low, high, window, zone))
    return charts, chart_data(charts, shown, bounds, window) if charts else None


def _before(track: Track, lit: float | None) -> Track:
    """The past without what is wrong now: an anomaly does not become usual by lasting."""
    if lit is None:
        return track
    kept = [(at, value) for at, value in zip(track.at, track.values, strict=True) if at < lit]
    return Track([at for at, _ in kept], [value for _, value in kept])


def _chart(
    name: str, track: Track, low: Sequence[float], high: Sequence[float], window: Window, zone: tzinfo
) -> ChartView:
    meaning = word(name)
    series = Series(meaning.label, meaning.unit, track.at, track.values, tuple(low), tuple(high), name=name)
    last = last_of(track)
    said = words.amount(last)
    if low and last is not None:
        usual = low[-1] <= last <= high[-1]
        said += ", as usual" if usual else f"; usual {words.between(low[-1], high[-1])}"
    return ChartView(name, meaning.label, meaning.unit, said, evidence_chart(series, window, zone, height=92))


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
    session: Session, now: datetime, zone: tzinfo, *, machine: Machine | None = None, customer: Customer | None = None
) -> list[FindingView]:
    """The newest findings, shadow ones included."""
    statement = (
        select(Finding, Incident.number, Machine.name)
        .join(Machine, Machine.id == Finding.machine_id)
        .outerjoin(Incident, Incident.id == Finding.incident_id)
        .order_by(Finding.opened_at.desc())
        .limit(12)
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
                title=finding.summary or finding.cause,
                when=words.hour(finding.opened_at, zone, now),
                severity=finding.severity,
                kind=f"{finding.kind}, {name}" if customer is not None else finding.kind,
                shadow=finding.shadow,
                is_open=finding.ended_at is None,
                incident=f"VG-{number}" if number else "",
                verdict=finding.verdict,
                took=words.span((end - finding.started_at).total_seconds()),
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
    if row.late:
        said.append(f"{row.late} came late: kept in history, not scored")
    return "; ".join(said)


def _skew_words(state: MachineState | None) -> str:
    if state is None or state.skew_s is None:
        return ""
    if abs(state.skew_s) < 1:
        return "its clock is right"
    return f"its clock is {words.span(abs(state.skew_s))} {'ahead' if state.skew_s > 0 else 'behind'}"
