"""Who knew first, and the words for it: whole sentences, and never a share without what it counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app import first_words
from escalation.first_known import COUNTS_EN, COUNTS_FR, Share, first

T0 = datetime(2026, 3, 10, 9, tzinfo=UTC)


def at(minute: int | None) -> datetime | None:
    return None if minute is None else T0 + timedelta(minutes=minute)


@pytest.mark.parametrize(
    ("machine", "us", "customer", "told", "who", "lead", "told_s"),
    [
        (0, 3, 40, 5, "machine", 40, 5),
        (0, 3, None, 5, "machine", None, 5),
        (10, None, 0, 12, "customer", 10, 12),
        (None, 4, 9, None, "us", 5, None),
        (5, 2, 9, None, "us", 7, None),
        (5, 5, 5, None, "machine", 0, None),
        (None, None, 7, 9, "customer", None, 2),
        (None, None, None, None, "nobody", None, None),
    ],
)  # fmt: skip
def test_the_earliest_instant_decides(
    machine: int | None, us: int | None, customer: int | None, told: int | None, who: str, lead: int | None,
    told_s: int | None,
) -> None:  # fmt: skip
    found = first(at(machine), at(us), at(customer), at(told))
    assert found.who == who
    assert found.lead_s == (None if lead is None else 60 * lead)
    assert found.told_s == (None if told_s is None else 60 * told_s)


def test_a_single_miss_never_reads_as_all() -> None:
    assert "(99 %)" in first_words.sentence(Share(machine=998, customer=1))
    assert "(100 %)" in first_words.sentence(Share(machine=3))
    assert "%" not in first_words.sentence(Share())


def test_both_languages_say_the_same_numbers() -> None:
    share = Share(machine=7, us=2, customer=1, lead_s=600.0)
    english, french = first_words.sentence(share), first_words.sentence(share, "fr")
    for number in ("9", "10", "90 %", "7", "2", "1"):
        assert number in english
        assert number in french
    assert first_words.counts() == COUNTS_EN
    assert first_words.counts("fr") == COUNTS_FR


def test_what_is_left_out_is_said() -> None:
    assert first_words.left_out(Share(false_alarms=2, cancelled=1)) == "Left out: 2 false alarms and 1 cancelled."
    assert first_words.left_out(Share()) == ""


def test_one_incident_is_said_in_a_sentence() -> None:
    assert first_words.of_one(first(at(0), None, at(40), None)).startswith("Its machine knew first, 40 min before")
    assert first_words.of_one(first(at(10), None, at(0), None)) == "The customer told us first, 10 min before we knew."
    assert "they had said nothing" in first_words.of_one(first(at(0), at(1), None, at(1)))
