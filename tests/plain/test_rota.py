"""Schedules of duty: turns, layers, covers, absences, and the gaps seen before they happen."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.rota import Layer, Schedule, Stretch, gaps, layer, now_and_next, on_duty, stretches

ANA, BEN, CAL = (uuid.UUID(int=n) for n in (1, 2, 3))
PARIS = "Europe/Paris"
MONDAY = date(2026, 3, 2)


def at(day: int, hour: int = 0, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def weekly(*people: uuid.UUID, **more: object) -> Layer:
    return Layer(people, MONDAY, 7, time(9), **more)  # type: ignore[arg-type]


def test_people_take_weekly_turns_and_hand_over_at_the_local_hour() -> None:
    found = stretches(Schedule(PARIS, (weekly(ANA, BEN),)), at(2, 8), at(23, 8))
    assert [(one.start, one.person) for one in found] == [(at(2, 8), ANA), (at(9, 8), BEN), (at(16, 8), ANA)]


def test_the_local_hour_of_the_hand_over_stays_when_the_clocks_change() -> None:
    found = stretches(Schedule(PARIS, (weekly(ANA, BEN),)), at(16, 8), at(6, 7, month=4))
    assert [one.start for one in found] == [at(16, 8), at(23, 8), at(30, 7)]  # 9 in the morning is 7 UTC in summer


def test_the_first_layer_with_somebody_wins_and_the_next_fills_the_rest() -> None:
    office = weekly(BEN, name="office", weekly={"mon": [["09:00", "17:00"]]})
    always = weekly(ANA, name="always")
    found = stretches(Schedule(PARIS, (office, always)), at(9, 0), at(10, 0))
    assert [(one.start.hour, one.person) for one in found] == [(0, ANA), (8, BEN), (16, ANA)]


def test_an_accepted_cover_wins_over_every_layer_and_the_latest_over_earlier_ones() -> None:
    covers = (Stretch(at(3), at(5), BEN, "cover"), Stretch(at(4), at(5), CAL, "cover"))
    found = stretches(Schedule(PARIS, (weekly(ANA),), covers), at(2, 9), at(6))
    assert [(one.start.day, one.person) for one in found] == [(2, ANA), (3, BEN), (4, CAL), (5, ANA)]


def test_an_absence_falls_to_the_next_layer_and_else_is_a_gap() -> None:
    away = (Stretch(at(4), at(5), ANA),)
    alone = Schedule(PARIS, (weekly(ANA),), absences=away)
    assert [(one.start, one.end) for one in gaps(alone, at(2, 8), at(9, 8))] == [(at(4), at(5))]
    beside = Schedule(PARIS, (weekly(ANA), weekly(BEN)), absences=away)
    assert gaps(beside, at(2, 8), at(9, 8)) == []
    assert on_duty(beside, at(4, 12)) == BEN


def test_before_the_first_and_after_the_last_day_nobody_stands() -> None:
    short = Schedule(PARIS, (weekly(ANA, last_day=date(2026, 3, 4)),))
    found = stretches(short, at(1), at(8))
    assert [(one.start, one.person) for one in found] == [(at(1), None), (at(2, 8), ANA), (at(5, 8), None)]


def test_now_and_next_say_who_follows() -> None:
    now, following = now_and_next(Schedule(PARIS, (weekly(ANA, BEN),)), at(4))
    assert (now.person, following.person, following.start) == (ANA, BEN, at(9, 8))


def test_a_layer_survives_its_stored_form() -> None:
    one = weekly(ANA, BEN, name="nights", last_day=date(2026, 9, 1), weekly={"sat": [["00:00", "24:00"]]})
    assert layer(one.to_json()) == one


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"first_day": "2026-03-02"}, "layers.people: is missing"),
        ({"people": [], "first_day": "2026-03-02"}, "layers.people: names nobody"),
        ({"people": [str(ANA)], "first_day": "March"}, "give days as 2026-03-02"),
        ({"people": ["ana"], "first_day": "2026-03-02"}, "layers: badly formed"),
        ({"people": [str(ANA)], "first_day": "2026-03-02", "days": 0}, "layers.days: 0 is not a length"),
        ({"people": [str(ANA)], "first_day": "2026-03-02", "days": "7"}, "layers.days: '7' is not a length"),
        ({"people": [str(ANA)], "first_day": "2026-03-02", "handover": "25:00"}, "hours as 09:00"),
        ({"people": [str(ANA)], "first_day": "2026-03-02", "last_day": "2026-03-01"}, "lies before first_day"),
        ({"people": [str(ANA)], "first_day": "2026-03-02", "weekly": {"lun": []}}, "'lun' is not a day"),
    ],
)
def test_a_wrong_layer_is_refused_with_the_field_and_what_would_do(given: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        layer(given)


def test_a_century_is_not_drawn_at_once() -> None:
    with pytest.raises(ValueError, match="400 days"):
        stretches(Schedule(PARIS, (weekly(ANA),)), at(1), at(1) + timedelta(days=401))


_span = st.tuples(st.integers(0, 600), st.integers(1, 200)).map(
    lambda pair: (at(1) + timedelta(hours=pair[0]), at(1) + timedelta(hours=pair[0] + pair[1]))
)
_people = st.sampled_from((ANA, BEN, CAL))
_stretch = st.builds(lambda span, who: Stretch(span[0], span[1], who), _span, _people)


@given(
    st.lists(st.builds(Layer, st.lists(_people, min_size=1, max_size=3).map(tuple), st.just(MONDAY), st.integers(1, 9)),
             max_size=3).map(tuple),
    st.lists(_stretch, max_size=3).map(tuple),
    st.lists(_stretch, max_size=4).map(tuple),
    _span,
)  # fmt: skip
def test_every_instant_has_one_answer_and_nobody_absent_is_on_duty(
    layers: tuple[Layer, ...],
    covers: tuple[Stretch, ...],
    absences: tuple[Stretch, ...],
    span: tuple[datetime, datetime],
) -> None:
    found = stretches(Schedule(PARIS, layers, covers, absences), *span)
    assert (found[0].start, found[-1].end) == span
    assert all(one.end == following.start for one, following in pairwise(found))
    for one in found:
        for away in absences:
            if one.person == away.person:
                assert one.end <= away.start or away.end <= one.start


def test_a_gap_of_one_minute_is_seen() -> None:
    night = {day: [["00:00", "08:00"], ["08:01", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    found = gaps(Schedule(PARIS, (weekly(ANA, weekly=night),)), at(3), at(4))
    assert [(one.start, one.end) for one in found] == [(at(3, 7), at(3, 7) + timedelta(minutes=1))]


@pytest.mark.parametrize(("day", "hours_of_night"), [(30, 11), (29, 10)])
def test_a_night_is_an_hour_shorter_when_the_clocks_go_forward(day: int, hours_of_night: int) -> None:
    night = {name: [["00:00", "08:00"], ["21:00", "24:00"]] for name in ("sat", "sun", "mon")}
    drawn = Schedule(PARIS, (weekly(ANA, weekly=night),))
    found = [one for one in stretches(drawn, at(day - 1, 12), at(day, 12)) if one.person == ANA]
    assert sum((one.end - one.start for one in found), timedelta()) == timedelta(hours=hours_of_night)


def test_a_hand_over_in_the_hour_that_does_not_exist_leaves_no_gap() -> None:
    turns = Layer((ANA, BEN), date(2026, 3, 22), 7, time(2, 30))
    drawn = Schedule(PARIS, (turns,))
    assert gaps(drawn, at(28), at(30)) == []
    assert {on_duty(drawn, at(28, 12)), on_duty(drawn, at(29, 12))} == {ANA, BEN}


def test_of_overlapping_covers_each_instant_has_the_latest_and_what_is_left_the_earlier() -> None:
    covers = tuple(Stretch(at(3, start), at(3, end), who, "cover") for start, end, who in
                   ((2, 10, BEN), (4, 6, CAL), (5, 8, ANA)))  # fmt: skip
    found = stretches(Schedule(PARIS, (), covers), at(3, 2), at(3, 10))
    assert [(one.start.hour, one.end.hour, one.person) for one in found] == [
        (2, 4, BEN), (4, 5, CAL), (5, 8, ANA), (8, 10, BEN)]  # fmt: skip
