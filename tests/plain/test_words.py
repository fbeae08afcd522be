"""What a person reads, held to a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app import words

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 5, 14, 0, 29, tzinfo=UTC)  # 02:29 in Paris


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-3, "0 s"),
        (40, "40 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (6600, "1 h 50"),
        (86400, "1 d"),
        (86400 + 7200, "1 d 2 h"),
        (5 * 86400 + 7200, "5 d"),
    ],
)
def test_a_span_has_at_most_two_units(seconds: float, said: str) -> None:
    assert words.span(seconds) == said


@pytest.mark.parametrize(
    ("left", "urgency", "said"),
    [
        (-360, "late", "6 min late"),
        (30, "now", "in 30 s"),
        (11 * 60 - 1, "now", "in 11 min"),
        (16 * 60, "close", "in 16 min"),
        (34 * 60, "soon", "in 34 min"),
        (3 * 3600 + 27 * 60, "far", "in 3 h 27"),
        (31 * 3600 + 31 * 60, "far", "Fri 10:00"),
    ],
)
def test_weight_of_a_promise_is_its_urgency(left: float, urgency: str, said: str) -> None:
    assert words.chip(NOW + timedelta(seconds=left), NOW, PARIS) == words.Chip(urgency, said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("instant", "said"),
    [
        (NOW + timedelta(minutes=11), "02:40"),
        (NOW + timedelta(hours=30), "Fri 08:29"),
        (NOW - timedelta(days=2), "Tue 02:29"),
        (NOW + timedelta(days=20), "3 Jun 02:29"),
        (NOW + timedelta(days=365), "14 May 2027"),
    ],
)
def test_an_hour_says_no_more_than_is_needed(instant: datetime, said: str) -> None:
    assert words.hour(instant, PARIS, NOW) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (12400, "12,400"),
        (214.4, "214"),
        (75.31, "75.3"),
        (4.0, "4"),
        (0.1234, "0.123"),
        (-0.00001, "0"),
    ],
)
def test_an_amount_has_three_figures(value: float | None, said: str) -> None:
    assert words.amount(value) == said


def test_expectation_reads_as_one_number_when_its_ends_do() -> None:
    assert words.between(15, 30) == "15 to 30"
    assert words.between(69.61, 69.62) == "69.6"
    assert words.between(None, 80) == "at most 80"
    assert words.between(3, None) == "at least 3"
    assert words.between(None, None) == ""


def test_counts_have_a_noun() -> None:
    assert words.count(0, "machine") == "no machines"
    assert words.count(1, "machine") == "1 machine"
    assert words.count(1200, "reply", "replies") == "1,200 replies"


def test_long_lists_end_in_a_number() -> None:
    assert words.listed([]) == ""
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def test_bytes_that_are_no_text_are_shown_escaped() -> None:
    assert words.first_bytes(b'{"a":\n1}') == '{"a":\\x0a1}'
    assert words.first_bytes(b"\xff\x00") == "ÿ\\x00"
    assert words.first_bytes(b"x" * 61) == "x" * 60 + "…"


def test_what_never_was_is_never_ago() -> None:
    assert words.ago(None, NOW) == "never"
    assert words.ago(NOW - timedelta(seconds=8), NOW) == "8 s ago"
    assert words.lead(NOW - timedelta(minutes=31), NOW) == "31 min before"
