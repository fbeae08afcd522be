"""What canaries say of detection: how long each known fault took to be found, and which were not found in time.

Only rows are read, so the canary's own process is not trusted either. Takes a session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

LOOKED_AT: Final = timedelta(days=1)
ASLEEP: Final = 3  # times its own pace without a new fault: nobody measures any more
GRACE_S: Final = 60  # to get going, and for what is on its way

_FAULTS: Final = text(
    """
    SELECT m.name, c.every_s, c.made_at, f.kind, f.began_at, f.due_s, f.mended_at, found.at AS found_at
    FROM canaries c
    JOIN machines m ON m.id = c.machine_id AND m.retired_at IS NULL
    LEFT JOIN canary_faults f ON f.machine_id = c.machine_id AND f.began_at > :since AND NOT f.void
    LEFT JOIN LATERAL (
        SELECT min(created_at) AS at FROM findings
        WHERE machine_id = f.machine_id AND created_at >= f.began_at AND kind <> 'silence'
            AND created_at < coalesce(f.mended_at, :now) + interval '10 seconds'
    ) found ON true
    ORDER BY m.name, f.began_at DESC
    """
)


@dataclass(frozen=True, slots=True)
class Tried:
    """One fault. `latency_s`: from its beginning to its finding being stored; None: not found (yet)."""

    kind: str
    began_at: datetime
    due_s: int
    latency_s: float | None
    is_over: bool  # mended: it will not be found any more

    def missed(self, now: datetime) -> bool:
        """Not found within its time."""
        if self.latency_s is not None:
            return self.latency_s > self.due_s
        return self.is_over or (now - self.began_at).total_seconds() > self.due_s


@dataclass(frozen=True, slots=True)
class CanaryView:
    """A canary and its faults of the last day, the newest first."""

    machine: str
    every_s: int
    made_at: datetime
    tried: Sequence[Tried]

    @property
    def last(self) -> Tried | None:
        """The newest fault that was found or whose time is up."""
        return next((one for one in self.tried if one.latency_s is not None or one.is_over), None)

    @property
    def median_s(self) -> float | None:
        """Of the faults found within the last day."""
        known = [one.latency_s for one in self.tried if one.latency_s is not None]
        return median(known) if known else None

    def missed(self, now: datetime) -> int:
        """Faults of the last day that were not found in time."""
        return sum(one.missed(now) for one in self.tried)


def canaries(session: Session, now: datetime) -> list[CanaryView]:
    """Every canary with its last day. One query."""
    rows = session.execute(_FAULTS, {"since": now - LOOKED_AT, "now": now}).all()
    by_name: dict[str, list[Any]] = {}
    for row in rows:
        by_name.setdefault(row.name, []).append(row)
    return [
        CanaryView(name, some[0].every_s, some[0].made_at, [_tried(row) for row in some if row.began_at is not None])
        for name, some in by_name.items()
    ]


def unfound(birds: Sequence[CanaryView], now: datetime) -> list[tuple[str, str, str, datetime]]:
    """Alarms as rule, subject, words, since: a canary's newest fault was not found in time, or no canary breaks."""
    alarms = []
    for one in birds:
        newest = one.tried[0] if one.tried else None
        if newest is not None and newest.missed(now):
            took = "was not found" if newest.latency_s is None else f"was found only after {newest.latency_s:.0f} s"
            alarms.append(
                (
                    "canary_unfound", one.machine,
                    f"{one.machine}: the fault made at {newest.began_at:%H:%M:%S} UTC ({newest.kind}) {took}; "
                    f"it must be found within {newest.due_s} s. Detection may be blind.",
                    newest.began_at,
                )
            )  # fmt: skip
        since = newest.began_at if newest is not None else one.made_at
        if (now - since).total_seconds() > ASLEEP * one.every_s + GRACE_S:
            alarms.append(
                (
                    "canary_asleep", one.machine,
                    f"{one.machine} has made no fault since {since:%H:%M} UTC: detection latency is not measured. "
                    "Start it: vigie canary run; or take it away: vigie canary remove.",
                    since,
                )
            )  # fmt: skip
    return alarms


def _tried(row: Any) -> Tried:  # Any: a row of the query above
    latency = None if row.found_at is None else (row.found_at - row.began_at).total_seconds()
    return Tried(row.kind, row.began_at, row.due_s, latency, row.mended_at is not None)
