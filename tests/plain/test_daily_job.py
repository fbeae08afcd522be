"""What comes at its minute every night (a rotated log) is no news where relations judge; at another hour it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from telemetry import habits
from telemetry.lab.hardware import Build
from telemetry.lab.physics import World
from telemetry.lab.sensors import NAMES
from telemetry.lab.state import calm
from telemetry.reading import Heard, Reading
from telemetry.watching import Settings, Verdict, Watching

BUILDS = (Build("web-1", "web", "Europe/Paris", "A1"), Build("db-1", "database", "Europe/Paris", "A1"))
LIVE = datetime(2026, 9, 9, tzinfo=UTC)  # three days of minutes before, three rotations at 01:10 among them
ENDS = LIVE + timedelta(hours=2)


def night() -> list[Verdict]:
    world = World(BUILDS, seed=5)
    watching = Watching(Settings(learn_until_ms=round(LIVE.timestamp() * 1000)))
    told: list[Heard] = []
    now = LIVE - timedelta(days=3)
    while now < ENDS:
        now += timedelta(minutes=1)
        at_ms = round(now.timestamp() * 1000)
        sample = world.step(at_ms, 60, calm(len(BUILDS)))
        for place, build in enumerate(BUILDS):
            metrics = {name: v for name, v in zip(NAMES, sample.values[place].tolist(), strict=True) if v == v}
            told.append(Reading(build.name, at_ms, metrics, None, at_ms, "native"))
    return [v for v in watching.feed(told) if v.opened]


@pytest.mark.timeout(300)
def test_a_log_rotated_every_night_at_its_minute_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [v.summary for v in night()] == []
    monkeypatch.setattr(habits, "BRIEF_MS", -1)  # no habit is that brief
    assert {v.machine for v in night() if v.cause == "disk:/var"} == {"web-1", "db-1"}
