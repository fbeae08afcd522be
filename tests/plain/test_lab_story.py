"""The story opens with one fault under five contracts, goes on slowly, and stays calm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from telemetry.lab import cast, story
from telemetry.lab.cohort import Cohort
from telemetry.lab.faults import Fault, Kind
from telemetry.lab.hardware import ROLES
from telemetry.lab.reports import message, report
from telemetry.lab.sensors import NAMES

BEGAN = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


def test_the_opening_is_the_same_fault_on_the_same_kind_of_machine_under_every_kind_of_contract() -> None:
    houses = [cast.house_of(name) for name in story.OPENING]
    assert [(h.tier, h.expired) for h in houses] == [
        ("platinum", False),
        ("gold", False),
        ("silver", False),
        ("bronze", False),
        ("silver", True),
    ]
    roles = {m.build.role for m in cast.machines() if m.build.name in story.OPENING}
    assert len(roles) == 1


def test_the_opening_begins_seconds_after_the_play() -> None:
    first = story.starting(BEGAN, BEGAN, BEGAN + timedelta(seconds=5), [])
    assert {fault.machine for _, fault in first} == {*story.OPENING, story.LOSES_ON}
    assert {fault.machine for _, fault in first if fault.kind is Kind.FAN} == set(story.OPENING)
    assert cast.house_of(story.LOSES_ON).tier == "platinum"


def test_no_scene_is_played_twice_or_on_a_machine_already_in_trouble() -> None:
    later = BEGAN + timedelta(seconds=5)
    assert story.starting(BEGAN, later, later + timedelta(seconds=1), []) == []
    troubled = [Fault(Kind.LEAK, story.OPENING[0], BEGAN)]
    begun = story.starting(BEGAN, BEGAN, later, troubled)
    assert story.OPENING[0] not in {fault.machine for _, fault in begun}
    assert len(begun) == len(story.OPENING)


def test_slow_dramas_follow_on_other_platinum_machines() -> None:
    due = story.script(BEGAN, BEGAN + timedelta(minutes=30))
    assert [(s.kind, cast.house_of(s.machine).tier) for _, s in due[len(story.OPENING) + 1 :]] == [
        (Kind.LOG, "platinum"),
        (Kind.LEAK, "platinum"),
    ]


def test_life_afterwards_is_lively_but_calm() -> None:
    day = story.script(BEGAN, BEGAN + timedelta(days=1))[len(story.SCRIPT) :]
    assert 14 <= len(day) <= 20
    assert len({scene.kind for _, scene in day}) >= 3
    assert all(cast.house_of(scene.machine).tier in ("platinum", "gold") for _, scene in day)
    assert all(scene.lasts <= timedelta(minutes=35) for _, scene in day)


def test_every_scene_mends_itself() -> None:
    assert all(
        timedelta(0) < scene.lasts < timedelta(hours=2) for _, scene in story.script(BEGAN, BEGAN + timedelta(days=2))
    )


def test_the_same_play_tells_the_same_story() -> None:
    end = BEGAN + timedelta(days=1)
    assert story.script(BEGAN, end) == story.script(BEGAN, end)


def test_a_report_leaves_out_what_a_machine_cannot_measure() -> None:
    row = [float("nan") if name == "psu_ok.2" else 1.0 for name in NAMES]
    body = orjson.loads(report(7, 1_790_000_000_000, row, {"rack": "A1"}))
    assert set(body["metrics"]) == set(NAMES) - {"psu_ok.2"}
    assert (body["seq"], body["at"], body["facts"]) == (7, 1_790_000_000_000, {"rack": "A1"})


def test_several_reports_travel_as_one_array() -> None:
    one, two = (report(n, 1000 * n, [0.0] * len(NAMES)) for n in (1, 2))
    assert message([one]) == one
    assert [r["seq"] for r in orjson.loads(message([one, two]))] == [1, 2]


def test_machines_do_not_speak_in_chorus() -> None:
    cohort = Cohort(cast.machines(), 0, timedelta(minutes=1))
    cohort.begin(BEGAN, {})
    while not cohort.is_live(BEGAN):
        cohort.history(BEGAN, [])
    counts = [len(cohort.live(BEGAN + timedelta(seconds=s), [])) for s in range(1, 21)]
    assert sum(counts[10:]) == len(cast.machines())
    assert max(counts[10:]) <= 6


def test_history_is_taken_up_where_the_product_stopped_hearing() -> None:
    cohort = Cohort(cast.machines()[:3], 0)
    heard = {name: (BEGAN - timedelta(minutes=30), 500) for name in cohort.names}
    cohort.begin(BEGAN, heard)
    first: bytes | None = None
    while first is None:
        told = cohort.history(BEGAN, [])[cohort.names[0]]
        first = told[0] if told else None
    body = orjson.loads(first)
    assert body["seq"] == 501
    assert 0 < body["at"] / 1000 - (BEGAN - timedelta(minutes=30)).timestamp() <= 60


def test_numbers_outlive_a_change_of_the_cast() -> None:
    old = Cohort(cast.machines()[:3], 0, timedelta(minutes=5))
    old.begin(BEGAN, {})
    old.history(BEGAN, [])
    new = Cohort(cast.machines()[:4], 0)
    with pytest.raises(ValueError, match="another fleet"):
        new.restore(old.to_json())
    assert new.spoken[old.names[0]].seq == old.spoken[old.names[0]].seq > 0


def test_every_role_stands_somewhere_in_the_cast() -> None:
    assert {member.build.role for member in cast.machines()} == set(ROLES)


def test_a_fault_of_the_past_is_felt_in_history_from_its_own_instant_on() -> None:
    cohort = Cohort([m for m in cast.machines() if m.build.name == story.LOSES_ON], 0, timedelta(minutes=30))
    cohort.begin(BEGAN, {})
    since = BEGAN - timedelta(minutes=6)
    told = cohort.history(BEGAN, [Fault(Kind.FAN, story.LOSES_ON, since)])[story.LOSES_ON]
    for report_bytes in told:
        body = orjson.loads(report_bytes)
        assert (body["metrics"]["fan_rpm.1"] == 0) == (body["at"] / 1000 >= since.timestamp())
    assert len(told) >= 28
