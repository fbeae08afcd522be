"""The delivery ledger as a person reads it: hours with a bar, and the sum in words, down to what was erased since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import words
from app.clocks import ledger_bar
from models.telemetry import DeliveryCount

HOURS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class HourView:
    """One hour of the delivery ledger, over all machines in reach."""

    hour: str
    received: int
    scored: int
    duplicate: int
    refused: int
    late: int
    missing: int
    bar: Markup
    why: str
    in_maintenance: int = 0  # of those scored and late: kept, looked at by nobody
    erased: int = 0  # of those scored and late: taken out since, on request


def read_hours(session: Session, now: datetime, zone: tzinfo) -> list[HourView]:
    """The last hours of the ledger, newest first."""
    count = DeliveryCount
    sums = (
        count.received, count.scored, count.duplicate, count.refused, count.late, count.missing, count.in_maintenance,
        count.erased,
    )  # fmt: skip
    rows = session.execute(
        select(count.hour, *(func.sum(column) for column in sums))
        .where(count.hour > now - timedelta(hours=HOURS_SHOWN))
        .group_by(count.hour)
        .order_by(count.hour.desc())
    ).all()
    most = max((int(row[1]) + int(row[6]) for row in rows), default=1)
    return [hour_view(row[0], [int(value) for value in row[1:]], most, now, zone) for row in rows]


def hour_view(hour: datetime, sums: list[int], most: int, now: datetime, zone: tzinfo, why: str = "") -> HourView:
    """One line of a ledger, with its bar."""
    received, scored, duplicate, refused, late, missing, in_maintenance, erased = sums
    running = hour + timedelta(hours=1) > now
    return HourView(
        hour=words.hour(hour, zone, now) + (", running" if running else ""),
        received=received,
        scored=scored,
        duplicate=duplicate,
        refused=refused,
        late=late,
        missing=missing,
        bar=ledger_bar(scored, late, duplicate, refused, missing, most),
        why=why,
        in_maintenance=in_maintenance,
        erased=erased,
    )


def ledger_sum(hours: list[HourView]) -> str:
    """The sum in words: what came in is what was scored, late, twice or rejected."""
    received = sum(hour.received for hour in hours)
    if not received:
        return "Nothing was received in these hours."
    parts = [f"{sum(hour.scored for hour in hours):,} scored"]
    for word, total in (
        ("late, kept in history", sum(hour.late for hour in hours)),
        ("twice, counted once", sum(hour.duplicate for hour in hours)),
        ("rejected with a reason", sum(hour.refused for hour in hours)),
    ):
        if total:
            parts.append(f"{total:,} {word}")
    missing = sum(hour.missing for hour in hours)
    end = f" {missing:,} numbers were skipped and are still missing." if missing else " No number is missing."
    return f"{received:,} received = {' + '.join(parts)}.{_since(hours)}{end}"


def _since(hours: list[HourView]) -> str:
    """What became of those that were stored."""
    worked_on, erased = sum(hour.in_maintenance for hour in hours), sum(hour.erased for hour in hours)
    said = f" {worked_on:,} of these came while it was worked on: kept, not judged." if worked_on else ""
    return said + (f" {erased:,} of those stored were erased since, on request." if erased else "")
