"""The window behind a verdict is copied into its evidence and stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from models.session import SYSTEM, Sessions, work
from telemetry import history
from telemetry.frozen import CALM, with_windows
from telemetry.verdict import Verdict
from tests.asked import statements
from tests.cast import Cast

BEGAN = datetime(2026, 3, 9, 6, 0, tzinfo=UTC)
SURE = BEGAN + timedelta(minutes=3)


def verdict(*metrics: str) -> Verdict:
    sure = int(SURE.timestamp() * 1000)
    return Verdict(
        machine="plant-db-1",
        cause="memory",
        kind="anomaly",
        severity=3,
        score=2.0,
        at_ms=sure,
        started_ms=sure,
        metrics=metrics,
        title="Memory in use unusually high",
        summary="Memory in use 93 %, 41 to 55 expected",
        evidence={"since_ms": int(BEGAN.timestamp() * 1000)},
        opened=True,
    )


def report(minute: int) -> history.Report:
    at = BEGAN + timedelta(minutes=minute)
    metrics = {"mem_used_pct": 50.0 + minute / 7}
    if minute % 2 == 0:
        metrics["cpu_util"] = 12.5
    return int(at.timestamp() * 1000), metrics


def freeze(sessions: Sessions, cast: Cast, *metrics: str) -> dict[str, dict[int, float | None]]:
    with work(sessions, SYSTEM) as session:
        evidence, *_ = with_windows(session, [(cast.plant_machine, verdict(*metrics), BEGAN)] * 2)
    return {
        item["name"]: dict(zip(item["at_ms"], item["observed"], strict=True)) for item in evidence.get("series", [])
    }


def test_the_window_reaches_from_a_calm_stretch_to_the_report_that_made_us_sure(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        history.add(session, 1, [(cast.plant_machine, cast.plant, [report(minute) for minute in range(-180, 30)])])
    found = freeze(sessions, cast, "mem_used_pct", "cpu_util")
    at = sorted(found["mem_used_pct"])
    assert at[0] == int((BEGAN - CALM).timestamp() * 1000)
    assert at[-1] == int(SURE.timestamp() * 1000)
    assert found["mem_used_pct"][at[-1]] == 50.4286  # six figures
    assert found["cpu_util"][at[-1]] is None  # not reported in that minute
    assert found["cpu_util"][at[-2]] == 12.5


def test_a_metric_nobody_reported_has_no_window(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        history.add(session, 1, [(cast.plant_machine, cast.plant, [report(0)])])
    assert set(freeze(sessions, cast, "mem_used_pct", "swap_used_pct")) == {"mem_used_pct"}
    assert freeze(sessions, cast) == {}


def questions(sessions: Sessions, deed: Callable[[], object]) -> int:
    """How often `deed` asks for blocks of history."""
    with statements(sessions) as said:
        deed()
    return sum("reading_blocks" in one for one in said)


def test_what_names_no_metric_reads_no_history(sessions: Sessions, cast: Cast) -> None:
    assert questions(sessions, lambda: freeze(sessions, cast)) == 0
    assert questions(sessions, lambda: freeze(sessions, cast, "mem_used_pct")) == 1


def test_many_windows_are_read_some_at_a_time_and_stay_in_order(
    sessions: Sessions, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [(cast.plant_machine, verdict(*names), BEGAN) for names in (("mem_used_pct",), (), ("cpu_util",))] * 2
    with work(sessions, SYSTEM) as session:
        history.add(session, 1, [(cast.plant_machine, cast.plant, [report(minute) for minute in range(-9, 3)])])
        together = with_windows(session, asked)
        monkeypatch.setattr("telemetry.frozen.AT_ONCE", 2)
        assert questions(sessions, lambda: with_windows(session, asked)) == 3
        assert with_windows(session, asked) == together
    assert [[item["name"] for item in one.get("series", [])] for one in together] == [
        ["mem_used_pct"], [], ["cpu_util"], ["mem_used_pct"], [], ["cpu_util"]
    ]  # fmt: skip
