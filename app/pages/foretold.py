"""What is known of an incident beside the evidence that opened it: the forecast that goes with it, the hard fault that
joined it, and what its machine shares with others that began together."""

from __future__ import annotations

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.pages import changed
from models.base import Json
from models.fleet_events import FleetEvent, FleetMember
from models.incidents import Finding, Incident


def with_later(session: Session, incident: Incident) -> Json:
    """The evidence as it was frozen, and beside it: the newest forecast that stands under the same incident, with its
    metric among those shown; `certain`, the first hard fault that joined what a model opened, with what to do;
    `change`, what was changed on the machine when it began; and `shared`, what many machines have in common, with how
    many of them stand behind this incident."""
    evidence = incident.evidence
    if not evidence:
        return evidence
    if "forecast" not in evidence:
        open_now = _under(incident, "forecast").where(Finding.ended_at.is_(None))
        later = session.execute(open_now.order_by(Finding.opened_at.desc(), Finding.id.desc()).limit(1)).first()
        evidence = evidence if later is None else joined(evidence, later.evidence)
    if not evidence.get("rule") and not evidence.get("code"):
        hard = session.execute(
            _under(incident, "rule", "event").order_by(Finding.opened_at, Finding.id).limit(1)
        ).first()
        if hard is not None:
            said = hard.summary.partition(", since ")[0]
            evidence = {**evidence, "certain": {"said": said, "cure": hard.evidence.get("cure") or ""}}
    if change := changed.near(session, incident):
        evidence = {**evidence, "change": change}
    event = session.get(FleetEvent, incident.fleet_event_id) if incident.fleet_event_id else None
    if event is None:
        return evidence
    behind = select(func.count()).where(FleetMember.event_id == event.id, FleetMember.incident_id == incident.id)
    machines = session.scalar(behind.where(FleetMember.released_at.is_(None))) or 0
    return {**evidence, "shared": {"place": event.place, "name": event.name, "machines": machines}}


def _under(incident: Incident, *kinds: str) -> Select[tuple[Json, str]]:
    """Findings of these kinds under the incident, of its own machine: of another's, merged into it, the words would
    be read as this one's."""
    mine = (Finding.incident_id == incident.id, Finding.kind.in_(kinds), Finding.machine_id == incident.machine_id)
    return select(Finding.evidence, Finding.summary).where(*mine)


def joined(evidence: Json, later: Json) -> Json:
    """`evidence` with what `later` foretells. What the forecast itself rests on goes with it."""
    given, seen = later.get("forecast"), later.get("metrics") or []
    since = later.get("since_ms")
    if not given or not seen or not isinstance(since, int | float):
        return evidence
    forecast = {**given, "from_ms": since + 1000 * given.get("window_s", 0), "value": seen[0].get("observed")}
    metrics = list(evidence.get("metrics") or ())
    places = [place for place, one in enumerate(metrics) if one.get("metric") == seen[0]["metric"]]
    first = metrics.pop(places[0]) if places else seen[0]
    cure = evidence.get("cure") or later.get("cure") or ""
    shown = [*metrics[:1], first, *metrics[1:]] if metrics else [first]
    return {**evidence, "forecast": forecast, "metrics": shown, "cure": cure}
