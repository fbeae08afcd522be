"""Hours that run over midnight: in words, in a calendar's JSON form, on dates of their own, and shown again."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.pages import calendar_form
from app.pages.fields import Form
from contracts import amending, clock, hour_words, hours, weekly
from contracts.hours import DAYS
from contracts.tiers import DEFAULTS, Tier

NIGHT = {"mon": [["22:00", "06:00"]], "sun": [["08:00", "12:00"], ["20:00", "04:30"]]}
SPLIT = {
    "mon": [["00:00", "04:30"], ["22:00", "24:00"]],
    "tue": [["00:00", "06:00"]],
    "sun": [["08:00", "12:00"], ["20:00", "24:00"]],
}


def opens(spec: dict[str, Any], at: str) -> bool:
    return clock.is_open(hours.parse(spec), datetime.fromisoformat(at).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Mon 22-6", {"mon": [["22:00", "24:00"]], "tue": [["00:00", "06:00"]]}),
        ("Mon 22:00-06:30", {"mon": [["22:00", "24:00"]], "tue": [["00:00", "06:30"]]}),
        ("Sun 22-6", {"mon": [["00:00", "06:00"]], "sun": [["22:00", "24:00"]]}),
        ("Fri 18-0", {"fri": [["18:00", "24:00"]]}),
        ("Fri 22-6, Sat 8-12", {"fri": [["22:00", "24:00"]], "sat": [["00:00", "06:00"], ["08:00", "12:00"]]}),
        ("Fri 22-9, Sat 8-12", {"fri": [["22:00", "24:00"]], "sat": [["00:00", "12:00"]]}),
    ],
)
def test_a_night_in_words_is_kept_split_at_midnight(words: str, expected: object) -> None:
    assert weekly.spec(words) == {"weekly": expected}


@pytest.mark.parametrize("words", ["Mon 22-22", "Mon 22-25", "Mon 25-6", "Mon 22-6 8-12", "Mon 22:60-6"])
def test_a_night_that_makes_no_sense_is_refused_with_what_to_write(words: str) -> None:
    with pytest.raises(ValueError, match=r"22-6 for a night|overlap or are out of order"):
        weekly.spec(words)


def test_a_night_is_said_back_readably_in_both_languages() -> None:
    assert hour_words.said("Mon-Fri 22-6", "en") == "Mon-Fri 22-6 (next day)"
    assert hour_words.said("Mon-Fri 22:00-06:30", "fr") == "du lundi au vendredi de 22 h à 6 h 30 le lendemain"
    assert hour_words.said("Mon-Fri 8-18", "en") == "Mon-Fri 8-18"


def test_nights_that_end_earlier_lower_a_promise_and_longer_ones_do_not() -> None:
    assert weekly.loses("Sun 22-6", "Sun 22-24")
    assert not weekly.loses("Sun 22-24", "Sun 22-6")
    assert not weekly.loses("Sun 22-6", "Sun 22-24, Mon 0-6")
    gold = DEFAULTS[Tier.GOLD]
    assert amending.changed(gold, {"hours": {"2": "Mon-Sun 20-8"}}).hours[2] == "Mon-Sun 20-8"


def test_a_calendar_takes_an_interval_that_ends_before_it_starts_as_a_night() -> None:
    assert hours.parse({"weekly": NIGHT}) == hours.parse({"weekly": SPLIT})
    assert hours.parse({"weekly": {"mon": [["09:00", "09:00"]]}}) == hours.parse({"weekly": {}})


def test_random_nights_count_as_the_same_hours_written_day_by_day() -> None:
    seed = random.SystemRandom().getrandbits(32)
    print("seed", seed)
    draw = random.Random(seed)
    for _ in range(300):
        given: dict[str, list[list[str]]] = {}
        split: dict[str, list[list[str]]] = {day: [] for day in DAYS}
        for at, day in enumerate(DAYS):
            if draw.random() < 0.3:
                continue
            begin, end = draw.randrange(720, 1440), draw.randrange(0, 700)
            begins, ends = f"{begin // 60:02d}:{begin % 60:02d}", f"{end // 60:02d}:{end % 60:02d}"
            given[day] = [[begins, ends]]
            split[day].append([begins, "24:00"])
            split[DAYS[(at + 1) % 7]].append(["00:00", ends])
        zone = draw.choice(["Europe/Paris", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca"])
        one, other = hours.parse({"tz": zone, "weekly": given}), hours.parse({"tz": zone, "weekly": split})
        start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=draw.randrange(365 * 86_400))
        end_at = start + timedelta(seconds=draw.randrange(20 * 86_400))
        assert clock.elapsed(one, start, end_at) == clock.elapsed(other, start, end_at), (seed, given)


def test_the_night_of_an_own_date_opens_the_next_one_beside_its_usual_hours() -> None:
    spec = {
        "weekly": {"fri": [["09:00", "17:00"]]},
        "date_hours": {"2026-12-24": [["10:00", "12:00"], ["22:00", "06:00"]]},
    }
    assert opens(spec, "2026-12-24T23:59:59")
    assert opens(spec, "2026-12-25T05:59:59")
    assert not opens(spec, "2026-12-25T06:00:00")
    assert opens(spec, "2026-12-25T09:00:00")  # the hours of that Friday still hold
    assert opens({**spec, "holidays": "FR"}, "2026-12-25T05:00:00")  # said by date, a holiday yields
    assert not opens({**spec, "closed_dates": ["2026-12-25"]}, "2026-12-25T05:00:00")
    assert not opens({**spec, "breaks": {"2026-12-25": [["04:00", "06:00"]]}}, "2026-12-25T05:00:00")


def test_each_part_of_a_night_belongs_to_its_own_date() -> None:
    spec = {"weekly": {day: [["22:00", "06:00"]] for day in DAYS}}
    closed = {**spec, "closed_dates": ["2026-03-10"]}
    assert [opens(closed, at) for at in ("2026-03-09T23:00", "2026-03-10T05:00", "2026-03-10T23:00", "2026-03-11T05:00")
            ] == [True, False, False, True]  # fmt: skip
    half = {**spec, "half_days": {"2026-03-10": "12:00"}}
    assert [opens(half, at) for at in ("2026-03-10T05:00", "2026-03-10T23:00", "2026-03-11T05:00")] == [
        True, False, True]  # fmt: skip


@pytest.mark.parametrize(
    "words",
    ["Mon-Fri 22:00-06:00", "Mon-Sun 20:00-08:00", "Sat 22:00-06:00, Sun 08:00-12:00 22:00-01:00", "Sun 18:00-02:00"],
)
def test_the_form_of_a_calendar_takes_a_night_and_shows_it_as_it_was_written(words: str) -> None:
    form = Form({"hours": words, "date_hours": "2026-12-24 22:00-06:00"})
    body = calendar_form.body_of(form)
    assert body is not None
    hours.parse(body)
    filled = calendar_form.fill(body)
    assert filled["hours"] == words
    assert filled["date_hours"] == "2026-12-24 22:00-06:00"
    assert calendar_form.body_of(Form(dict(filled))) == body


def test_the_form_shows_a_night_that_a_program_wrote_as_one_interval() -> None:
    body = {"tz": "Europe/Paris", "weekly": NIGHT, "date_hours": {"2026-12-24": [["22:00", "02:00"]]}}
    filled = calendar_form.fill(body)
    assert filled["hours"] == "Mon 22:00-06:00, Sun 08:00-12:00 20:00-04:30"
    assert filled["date_hours"] == "2026-12-24 22:00-02:00"
    assert set(calendar_form.fill({**body, "weekly": {"mon": [["22:00:30", "06:00"]]}})) == {"whole"}


@pytest.mark.parametrize("words", ["Mon-Tue 00:00-24:00", "Mon 08:00-24:00, Tue 00:00-09:00"])
def test_what_is_no_night_is_not_shown_as_one(words: str) -> None:
    body = calendar_form.body_of(Form({"hours": words}))
    assert body is not None
    assert calendar_form.fill(body)["hours"] == words
