"""When a way to somebody counts as proved, when it is tried again, and which ways are used at which hour of theirs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from escalation import reach
from escalation.duty import ways
from escalation.quiet import in_hours
from escalation.reach import Proof, Standing, holds, is_due, is_missing, standing
from models.people import Person

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)  # a Tuesday, ten in Paris
PARIS = "Europe/Paris"
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("proof", "expected", "counts"),
    [
        (Proof(), Standing.UNKNOWN, False),
        (Proof(confirmed_at=NOW - HOUR), Standing.CONFIRMED, True),
        (Proof(tested_at=NOW - HOUR), Standing.WAITING, False),
        (Proof(tested_at=NOW - HOUR, answered_at=NOW - 170 * HOUR), Standing.WAITING, True),
        (Proof(tested_at=NOW - 5 * HOUR, answered_at=NOW - 170 * HOUR), Standing.SILENT, False),
        (Proof(tested_at=NOW - 5 * HOUR, answered_at=NOW - 4 * HOUR), Standing.PROVED, True),
        (Proof(tested_at=NOW - 5 * HOUR, confirmed_at=NOW - HOUR), Standing.CONFIRMED, True),
        (Proof(tested_at=NOW - 9 * HOUR, answered_at=NOW - 8 * HOUR, failed_at=NOW - HOUR), Standing.FAILED, False),
        (Proof(tested_at=NOW - HOUR, answered_at=NOW, failed_at=NOW - 2 * HOUR), Standing.PROVED, True),
    ],
)
def test_a_way_stands_by_the_last_thing_known_of_it(proof: Proof, expected: Standing, counts: bool) -> None:
    assert (standing(proof, NOW), holds(proof, NOW)) == (expected, counts)
    assert reach.words(proof, NOW, PARIS)


def test_a_new_one_is_given_time_and_an_unanswered_page_is_missed_after_hours() -> None:
    assert not is_missing([Proof()], NOW - timedelta(days=2), NOW)
    assert is_missing([Proof()], NOW - timedelta(days=10), NOW)
    assert is_missing([], NOW, NOW)
    page = Proof(tested_at=NOW)
    assert not is_missing([page], NOW, NOW + reach.ANSWER_WITHIN)
    assert is_missing([page], NOW, NOW + reach.ANSWER_WITHIN + timedelta(seconds=1))
    assert not is_missing([page, Proof(confirmed_at=NOW)], NOW, NOW + timedelta(days=1))


@pytest.mark.parametrize(
    ("proof", "way", "hours", "on_duty", "due"),
    [
        (Proof(), {}, 0, True, True),
        (Proof(), {}, 12, True, True),  # ten at night, but they are on duty
        (Proof(), {}, 12, False, False),
        (Proof(), {}, 4 * 24, False, False),  # a Saturday
        (Proof(), {"quiet": "22:00-07:00"}, 13, True, False),
        (Proof(tested_at=NOW - timedelta(days=6)), {}, 0, True, False),
        (Proof(tested_at=NOW - timedelta(days=7)), {}, 0, True, True),
        (Proof(tested_at=NOW - timedelta(days=1), failed_at=NOW - timedelta(days=1)), {}, 0, True, True),
    ],
)
def test_a_test_page_comes_once_a_week_in_hours_its_reader_keeps(
    proof: Proof, way: dict[str, str], hours: int, on_duty: bool, due: bool
) -> None:
    assert is_due(proof, way, PARIS, NOW + hours * HOUR, on_duty=on_duty) is due


def person(*ways: dict[str, str]) -> Person:
    return Person(name="Dee", zone=PARIS, notify=list(ways))


MAIL = {"channel": "email", "address": "dee@example.org"}
HOME = {"channel": "email", "address": "dee@home.example"}
PHONE = {"channel": "voice", "address": "+33 6 12 34 56 78"}
CHAT = {"channel": "slack", "address": "https://chat.example/x", "hours": "08:00-19:00"}


@pytest.mark.parametrize(
    ("has", "severity", "hour", "expected"),
    [
        ((MAIL, HOME, PHONE), 1, 9, [MAIL, PHONE]),  # two methods, not two mailboxes of one
        ((MAIL, HOME, PHONE), 3, 9, [MAIL]),
        ((MAIL, HOME), 2, 9, [MAIL, HOME]),
        ((CHAT, PHONE, MAIL), 1, 9, [CHAT, PHONE]),
        ((CHAT, PHONE, MAIL), 1, 20, [PHONE, MAIL]),  # nine at night in Paris: not by chat
        ((CHAT, PHONE), 4, 20, [PHONE]),
        ((CHAT,), 4, 20, [CHAT]),  # a preference makes nobody unreachable
        ((CHAT, PHONE), 1, 20, [PHONE, CHAT]),  # nor leaves the gravest with one method
        ((), 1, 9, []),
    ],
)
def test_the_hour_of_the_person_and_the_severity_choose_the_ways(
    has: tuple[dict[str, str], ...], severity: int, hour: int, expected: list[dict[str, str]]
) -> None:
    assert ways(person(*has), severity, NOW.replace(hour=hour)) == expected


def test_hours_are_the_persons_own_and_may_go_over_midnight() -> None:
    night = {"hours": "20:00-08:00"}
    assert [hour for hour in range(24) if in_hours(night, PARIS, NOW.replace(hour=hour))] == [*range(7), *range(19, 24)]
    assert in_hours({}, PARIS, NOW)
    assert not in_hours({"hours": "00:00-07:00"}, "Asia/Tokyo", NOW)
