"""What a forecast frozen into evidence says of the time ahead: likely course, cone and words. Plain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from app import words
from models.base import Json

Course = list[tuple[float, float]]  # epoch seconds, value
_NEXT_S = 1.0  # what is reached at once still has a way there, so that no line stands upright on itself


@dataclass(frozen=True, slots=True)
class Ahead:
    """When a gauge reaches its limit. Instants in epoch seconds; ``late`` None: perhaps never."""

    metric: str
    limit: float
    at: float  # when it was foretold …
    value: float  # … and what was measured then
    likely: float
    early: float
    late: float | None

    def likely_course(self, end: float) -> Course:
        """The dashed line, no further than `end`."""
        return self._course(self.likely, end)

    def soonest(self, end: float) -> Course:
        """The edge of the cone that comes first to the limit."""
        return self._course(self.early, end)

    def latest(self, end: float) -> Course:
        """The other edge; level where the limit is perhaps never reached."""
        return [(self.at, self.value), (end, self.value)] if self.late is None else self._course(self.late, end)

    def far_enough(self) -> float:
        """The instant up to which a picture shows all of it."""
        return (self.late or self.likely) + 0.15 * (self.likely - self.at)

    def caption(self, unit: str, zone: tzinfo, now: datetime) -> str:
        """A few words beside the chart: "100 % at 08:52, between 07:20 and 10:55"."""
        limit = f"{words.amount(self.limit)} {unit}".rstrip()
        spread = self._spread(zone, now)
        return f"{limit} {_on(self.likely, zone, now)}" + ("" if spread.startswith("about") else f", {spread}")

    def sentence(self, label: str, unit: str, zone: tzinfo, now: datetime) -> str:
        """One sentence, with how sure it is."""
        course = "falls" if self.limit < self.value else "rises"
        reached = f"{label} {course} to {words.amount(self.limit)} {unit}".rstrip()
        spread = self._spread(zone, now)
        if self.likely < now.timestamp():  # it is over, or comes later than it was thought
            foretold = words.hour(_instant(self.at), zone, now)
            within = "" if spread.startswith("about") else f", {spread}"
            return f"At {foretold} it was foretold that {reached} {_on(self.likely, zone, now)}{within}."
        if spread.startswith("about"):  # the quickest and the slowest pace come to the same minute
            return (
                f"As things go {reached} {_on(self.likely, zone, now)}, at its fastest and slowest pace of late alike."
            )
        return (
            f"As things go {reached} {_on(self.likely, zone, now)}: {spread}, at its fastest and slowest pace of late."
        )

    def _spread(self, zone: tzinfo, now: datetime) -> str:
        early = words.hour(_instant(self.early), zone, now)
        if self.late is None:
            return f"not before {early}, perhaps never"
        late = words.hour(_instant(self.late), zone, now)
        return f"about {early}" if early == late else f"between {early} and {late}"

    def _course(self, reached: float, end: float) -> Course:
        reached, start = max(reached, self.at + _NEXT_S), (self.at, self.value)
        if end <= self.at:
            return [start]
        if reached >= end:
            share = (end - self.at) / (reached - self.at)
            return [start, (end, self.value + share * (self.limit - self.value))]
        return [start, (reached, self.limit), (end, self.limit)]


def ahead_of(evidence: Json) -> Ahead | None:
    """The forecast in the evidence; None where there is none, or one whose shape nobody knows."""
    given = evidence.get("forecast")
    since, metrics = evidence.get("since_ms"), evidence.get("metrics")
    if not isinstance(given, Mapping) or not metrics or not isinstance(since, int | float):
        return None
    late = given.get("late_ms")
    try:
        return Ahead(
            metric=str(given["metric"]),
            limit=float(given["limit"]),
            at=float(given.get("from_ms", since + 1000 * float(given["window_s"]))) / 1000,
            value=float(given["value"] if "value" in given else metrics[0]["observed"]),
            likely=float(given["at_ms"]) / 1000,
            early=float(given["early_ms"]) / 1000,
            late=None if late is None else float(late) / 1000,
        )
    except (KeyError, TypeError, ValueError):
        return None


def _instant(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _on(at: float, zone: tzinfo, now: datetime) -> str:
    """ "at 08:52", "on Tue 08:52"."""
    said = words.hour(_instant(at), zone, now)
    return f"on {said}" if " " in said else f"at {said}"
