"""Roll-ups say what was stored, hour by hour and day by day, however late it came and whatever was taken out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import func, select

from models.history import ReadingRollup
from models.session import SYSTEM, Sessions, work
from models.telemetry import ReadingBlock
from telemetry import history, rollups, spans
from telemetry.history import Report
from tests.cast import Cast

START = datetime(2026, 3, 9, 0, 0, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)
HOUR = timedelta(hours=1)
LATER = START + timedelta(days=40)


def told(minutes: range, offset: float = 0.0) -> list[Report]:
    return [(START_MS + minute * 60_000, {"cpu": float(minute % 60) + offset, "mem": 40.0}) for minute in minutes]


def store(sessions: Sessions, cast: Cast, part: int, reports: list[Report]) -> None:
    with work(sessions, SYSTEM) as session:
        history.add(session, part, [(cast.plant_machine, cast.plant, reports)])


def roll(sessions: Sessions, now: datetime = LATER) -> int:
    with work(sessions, SYSTEM) as session:
        return rollups.roll(session, now)


def hours_of(sessions: Sessions, cast: Cast, hours: int = 48) -> dict[int, tuple[float, float, float, int]]:
    """Hour after the start → least, mean, most, count of the processor."""
    with work(sessions, SYSTEM) as session:
        found = spans.read(session, cast.plant_machine, ["cpu"], START, START + hours * HOUR, 2000, "hours")
    line = found.lines.get("cpu")
    if line is None:
        return {}
    at = ((found.at_ms - START_MS) // 3_600_000).tolist()
    rows = zip(at, line.least.tolist(), line.mean.tolist(), line.most.tolist(), line.count.tolist(), strict=True)
    return {hour: (least, mean, most, count) for hour, least, mean, most, count in rows if count}


def kept(sessions: Sessions) -> list[tuple[str, datetime, bytes]]:
    with work(sessions, SYSTEM) as session:
        rows = session.execute(
            select(ReadingRollup.grain, ReadingRollup.starts_at, ReadingRollup.body).order_by(
                ReadingRollup.grain, ReadingRollup.starts_at
            )
        ).all()
        return [(row.grain, row.starts_at, row.body) for row in rows]


def test_an_hour_has_the_least_the_mean_the_most_and_the_count_of_what_was_told(sessions: Sessions, cast: Cast) -> None:
    store(sessions, cast, 1, told(range(90)))
    assert roll(sessions) == 2
    assert hours_of(sessions, cast) == {0: (0.0, 29.5, 59.0, 60), 1: (0.0, 14.5, 29.0, 30)}


def test_rolling_up_again_changes_nothing(sessions: Sessions, cast: Cast) -> None:
    store(sessions, cast, 1, told(range(90)))
    roll(sessions)
    before = kept(sessions)
    assert roll(sessions) == 0
    with work(sessions, SYSTEM) as session:
        session.execute(ReadingBlock.__table__.update().values(rolled=False))  # type: ignore[attr-defined]
    assert roll(sessions) == 2
    assert kept(sessions) == before


def test_what_comes_late_is_in_the_figures_before_and_after_they_are_made_anew(sessions: Sessions, cast: Cast) -> None:
    store(sessions, cast, 1, told(range(30)))
    roll(sessions)
    store(sessions, cast, 2, told(range(30, 60)))
    late = {0: (0.0, 29.5, 59.0, 60)}
    assert hours_of(sessions, cast) == late
    assert roll(sessions) == 1
    assert hours_of(sessions, cast) == late


def test_an_hour_that_still_runs_is_drawn_and_not_rolled_up(sessions: Sessions, cast: Cast) -> None:
    store(sessions, cast, 1, told(range(90)))
    assert roll(sessions, START + timedelta(minutes=100)) == 1
    assert set(hours_of(sessions, cast)) == {0, 1}


def test_a_day_is_made_of_its_hours_and_weighs_them_by_what_they_hold(sessions: Sessions, cast: Cast) -> None:
    store(
        sessions,
        cast,
        1,
        [*told(range(60)), *told(range(24 * 60, 24 * 60 + 10)), (START_MS + 7_200_000, {"cpu": 500.0})],
    )
    roll(sessions)
    with work(sessions, SYSTEM) as session:
        found = spans.read(session, cast.plant_machine, ["cpu"], START, START + timedelta(days=3), 3)
    assert found.made_of == "days"
    line = found.lines["cpu"]
    assert line.count.tolist() == [61, 10]
    assert line.most.tolist() == [500.0, 9.0]
    assert line.mean[0] == pytest.approx((29.5 * 60 + 500) / 61, rel=1e-6)


def test_compaction_of_what_is_rolled_up_rolls_nothing_up_again(sessions: Sessions, cast: Cast) -> None:
    for part in (1, 2, 3):
        store(sessions, cast, part, told(range(part * 10, part * 10 + 10)))
    roll(sessions)
    with work(sessions, SYSTEM) as session:
        assert history.compact(session, LATER) == 1
    assert roll(sessions) == 0


def test_a_metric_that_begins_later_leaves_the_hours_before_it_empty(sessions: Sessions, cast: Cast) -> None:
    store(sessions, cast, 1, told(range(60)))
    roll(sessions)
    store(sessions, cast, 2, [(START_MS + 3_600_000, {"fan": 900.0})])
    roll(sessions)
    with work(sessions, SYSTEM) as session:
        found = spans.read(session, cast.plant_machine, None, START, START + 2 * HOUR, 100, "hours")
    assert np.isnan(found.lines["fan"].mean[0])
    assert found.lines["fan"].count.tolist() == [0, 1]
    assert np.isnan(found.lines["cpu"].mean[1])


def test_the_span_and_the_points_decide_what_a_chart_is_made_of() -> None:
    assert spans.chosen(START, START + timedelta(hours=6), 600) == "reports"
    assert spans.chosen(START, START + timedelta(days=30), 600) == "hours"
    assert spans.chosen(START, START + timedelta(days=365), 600) == "days"
    assert spans.chosen(START, START + timedelta(days=365), 2000) == "hours"
    assert spans.chosen(START, START + timedelta(days=1500), 2000) == "days"
    assert spans.chosen(START, START + HOUR, 600, sealed_until=START + HOUR) == "hours"


def test_roll_ups_of_one_machine_leave_those_of_another_alone(sessions: Sessions, cast: Cast) -> None:
    store(sessions, cast, 1, told(range(60)))
    with work(sessions, SYSTEM) as session:
        history.add(session, 1, [(cast.joinery_machine, cast.joinery, told(range(60), offset=100.0))])
    roll(sessions)
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(ReadingRollup)) == 4
        rollups.take_out(session, cast.joinery_machine, [START])
        assert session.scalar(select(func.count()).select_from(ReadingRollup)) == 2
    assert hours_of(sessions, cast)[0][3] == 60
