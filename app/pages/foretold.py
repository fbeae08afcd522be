"""The forecast that goes with an incident: its own, or that of a finding which joined it later."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import Json
from models.incidents import Finding, Incident


def with_forecast(session: Session, incident: Incident) -> Json:
    """The evidence as it was frozen; beside it the newest forecast that stands under the same incident, with its metric
    among those shown, and what to do where nothing else says so."""
    evidence = incident.evidence
    if "forecast" in evidence:
        return evidence
    later = session.scalar(
        select(Finding.evidence)
        .where(Finding.incident_id == incident.id, Finding.kind == "forecast", Finding.ended_at.is_(None))
        .order_by(Finding.opened_at.desc(), Finding.id.desc())
        .limit(1)
    )
    return evidence if later is None else joined(evidence, later)


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
