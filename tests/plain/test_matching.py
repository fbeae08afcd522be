"""Openings of two models are paired by machine and time; nothing is counted twice and nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from telemetry.matching import Opening, paired

T0 = datetime(2026, 3, 10, tzinfo=UTC)


def at(minute: int, machine: str = "m", lasts: int | None = 10) -> Opening:
    opened = T0 + timedelta(minutes=minute)
    return Opening(machine, "cpu", 3, opened, None if lasts is None else opened + timedelta(minutes=lasts), "")


def kinds(a: list[Opening], b: list[Opening]) -> list[str]:
    return [pair.by for pair in paired(a, b)]


def test_the_same_time_on_the_same_machine_is_one_problem() -> None:
    assert kinds([at(0)], [at(35)]) == ["both"]
    assert kinds([at(0)], [at(41)]) == ["a", "b"]
    assert kinds([at(0)], [at(0, "other")]) == ["a", "b"]


def test_what_has_not_ended_goes_on() -> None:
    assert kinds([at(0, lasts=None)], [at(600)]) == ["both"]
    assert kinds([at(600)], [at(0, lasts=None)]) == ["both"]


def test_the_nearest_is_chosen_and_each_once() -> None:
    pairs = paired([at(0, lasts=60)], [at(50), at(2)])
    assert [(pair.by, pair.b.opened_at if pair.b else None) for pair in pairs] == [
        ("both", T0 + timedelta(minutes=2)), ("b", T0 + timedelta(minutes=50)),
    ]  # fmt: skip


openings = st.lists(st.builds(at, st.integers(0, 300), st.sampled_from(["m", "n"]), st.integers(0, 60)), max_size=8)


@given(openings, openings)
def test_every_opening_stands_in_one_pair(a: list[Opening], b: list[Opening]) -> None:
    pairs = paired(a, b)
    assert sorted(map(id, a)) == sorted(id(pair.a) for pair in pairs if pair.a is not None)
    assert sorted(map(id, b)) == sorted(id(pair.b) for pair in pairs if pair.b is not None)
