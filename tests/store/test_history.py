"""History gives back what was reported, in few points, however it lies in parts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy import select
from structlog.testing import capture_logs

from models.session import SYSTEM, Sessions, work
from models.telemetry import ReadingBlock
from telemetry import history
from tests.cast import Cast

START = datetime(2026, 3, 9, 0, 0, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)


def told(minutes: range) -> list[history.Report]:
    return [(START_MS + minute * 60_000, {"cpu": float(minute), "mem": 40.0}) for minute in minutes]


def store(sessions: Sessions, cast: Cast, part: int, reports: list[history.Report]) -> None:
    with work(sessions, SYSTEM) as session:
        history.add(session, part, [(cast.plant_machine, cast.plant, reports)])


def test_a_span_is_read_across_hours_and_parts(sessions: Sessions, cast: Cast) -> None:
    store(sessions, cast, 1, told(range(90)))
    store(sessions, cast, 2, told(range(90, 180)))
    with work(sessions, SYSTEM) as session:
        span = history.read(
            session, cast.plant_machine, ["cpu"], START + timedelta(minutes=30), START + timedelta(minutes=150)
        )
    assert set(span.lines) == {"cpu"}
    assert list(span.lines["cpu"].mean) == [float(minute) for minute in range(30, 150)]
    assert span.at_ms[0] == START_MS + 30 * 60_000


def test_many_reports_become_few_points_that_keep_the_extremes(sessions: Sessions, cast: Cast) -> None:
    reports = told(range(600))
    reports[333] = (reports[333][0], {"cpu": 10_000.0, "mem": 40.0})
    store(sessions, cast, 1, reports)
    with work(sessions, SYSTEM) as session:
        span = history.read(session, cast.plant_machine, None, START, START + timedelta(hours=10), max_points=50)
    assert len(span.at_ms) == 50
    assert span.reports == 600
    assert np.max(span.lines["cpu"].most) == 10_000.0
    assert np.min(span.lines["cpu"].least) == 0.0
    assert set(span.lines["mem"].mean) == {40.0}


def test_compaction_leaves_one_part_and_changes_no_value(sessions: Sessions, cast: Cast) -> None:
    for part in range(1, 4):
        store(sessions, cast, part, told(range(part * 20, part * 20 + 20)))
    with work(sessions, SYSTEM) as session:
        before = history.reports(session, cast.plant_machine, None, START, START + timedelta(hours=2))
    with work(sessions, SYSTEM) as session:
        assert history.compact(session, START + timedelta(hours=12)) == 1
        assert history.compact(session, START + timedelta(hours=12)) == 0
    with work(sessions, SYSTEM) as session:
        after = history.reports(session, cast.plant_machine, None, START, START + timedelta(hours=2))
        parts = session.execute(select(ReadingBlock.part, ReadingBlock.reports).order_by(ReadingBlock.hour)).all()
    assert parts == [(0, 40), (3, 20)]
    assert list(after.at_ms) == list(before.at_ms)
    assert list(after.values["cpu"]) == list(before.values["cpu"])


def test_a_machine_that_somebody_holds_is_left_for_the_next_turn_and_the_log_says_so(
    sessions: Sessions, cast: Cast
) -> None:
    for part in range(1, 4):
        store(sessions, cast, part, told(range(part * 10, part * 10 + 10)))
    later = START + timedelta(hours=12)
    with capture_logs() as said, work(sessions, SYSTEM) as other, work(sessions, SYSTEM) as session:
        history.hold(other, cast.plant_machine)
        assert history.compact(session, later) == 0
    told_of = {"machine": str(cast.plant_machine), "hour": START.isoformat(), "parts": 3}
    assert told_of.items() <= next(line for line in said if line["event"] == "compaction waits").items()
    with work(sessions, SYSTEM) as session:
        assert history.compact(session, later) == 1


def test_a_late_part_joins_the_compacted_hour(sessions: Sessions, cast: Cast) -> None:
    store(sessions, cast, 1, told(range(10)))
    store(sessions, cast, 2, told(range(20, 30)))
    with work(sessions, SYSTEM) as session:
        history.compact(session, START + timedelta(hours=12))
    store(sessions, cast, 3, told(range(10, 20)))
    store(sessions, cast, 4, told(range(30, 31)))
    with work(sessions, SYSTEM) as session:
        assert history.compact(session, START + timedelta(hours=12)) == 1
        columns = history.reports(session, cast.plant_machine, None, START, START + timedelta(hours=1))
    assert list(columns.values["cpu"]) == [float(minute) for minute in range(31)]


def test_an_unknown_span_is_empty_and_no_error(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        span = history.read(session, cast.plant_machine, None, START, START + timedelta(hours=1))
    assert len(span.at_ms) == 0
    assert span.lines == {}
