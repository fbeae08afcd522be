"""Hours as terms write them: weekly words, calendars by name, and several together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from contracts import amending, clock, hour_words, hours
from contracts.decision import Ask, ContractFacts, Granted, Refused, Usage, decide
from contracts.terms import Terms, Tier
from contracts.tiers import DEFAULTS

PARIS = {"tz": "Europe/Paris", "weekly": {"mon": [["08:00", "18:00"]]}}
TOKYO = {"tz": "Asia/Tokyo", "weekly": {"mon": [["09:00", "17:00"]]}}
CALENDARS = {"paris": PARIS, "tokyo": TOKYO, "place": {"weekly": {"mon": [["10:00", "12:00"]]}}}
MONDAY = datetime(2026, 3, 9, tzinfo=UTC)


def at(hour: int) -> datetime:
    return MONDAY.replace(hour=hour)


@pytest.mark.parametrize(
    ("words", "open_at", "closed_at"),
    [
        ("calendar:paris", 7, 6),
        ("calendar:paris or calendar:tokyo", 0, 9 + 12),
        ("calendar:paris or Mon-Fri 18-20", 18, 20),  # words alone are read in the zone of the place, here UTC
        ("calendar:paris and calendar:tokyo", 7, 8),
        ("calendar:paris and Mon-Fri 8-9", 8, 9),
        ("calendar:place", 10, 9),
        ("24x7", 3, None),
    ],
)
def test_hours_are_those_of_the_calendars_they_name(words: str, open_at: int, closed_at: int | None) -> None:
    read = hours.parse(hour_words.spec(words, "UTC", "", CALENDARS))
    assert clock.is_open(read, at(open_at))
    assert closed_at is None or not clock.is_open(read, at(closed_at))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("calendar:Paris", "names no calendar"),
        ("calendar:", "names no calendar"),
        ("calendar:a or calendar:b and 24x7", "mixes or and and"),
        ("calendar:a or", "names no calendar"),
        ("Mon-Fri", "is not known"),
        (" or ".join(["24x7"] * 9), "more than 8"),
        ("", "is not known"),
    ],
)
def test_words_that_cannot_be_read_are_refused_by_their_field(words: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"hours.2: .*{said}"):
        hour_words.checked("hours.2", words)


def test_a_calendar_that_is_not_known_is_named() -> None:
    with pytest.raises(ValueError, match="there is no calendar 'mill'"):
        hour_words.spec("calendar:mill or 24x7", "UTC", "", CALENDARS)


LOSES: list[tuple[str, str, bool]] = [
    ("Mon-Fri 8-18", "calendar:x", True),
    ("calendar:x", "Mon-Fri 8-18", True),
    ("calendar:x", "24x7", False),
    ("24x7", "calendar:x", True),
    ("calendar:x", "calendar:x or calendar:y", False),
    ("calendar:x or calendar:y", "calendar:x", True),
    ("calendar:x", "calendar:x and calendar:y", True),
    ("calendar:x and calendar:y", "calendar:x", False),
    ("calendar:x and calendar:y", "calendar:z", True),
    ("Mon-Fri 9-17", "Mon-Fri 8-18 or calendar:x", False),
    ("Mon-Sat 9-17", "Mon-Fri 8-18 or calendar:x", True),
    ("Mon-Fri 9-17 or Sat 9-12", "Mon-Sat 8-18", False),
]


@pytest.mark.parametrize(("before", "after", "lowers"), LOSES)
def test_what_may_be_less_than_before_counts_as_lowered(before: str, after: str, lowers: bool) -> None:
    assert hour_words.loses(before, after) is lowers
    old = amending.changed(DEFAULTS[Tier.SILVER], {"hours": {"3": before}})
    new = amending.changed(old, {"hours": {"3": after}})
    assert [one.field for one in amending.needs_second(old, new)] == (["hours.3"] if lowers else [])


def test_days_beside_hours_of_a_calendar_cannot_be_compared_and_count_as_lowered() -> None:
    old = amending.changed(DEFAULTS[Tier.SILVER], {"hours": {"4": "calendar:x"}})
    new = amending.changed(old, {"respond": {"4": {"seconds": 60}}})
    assert [one.field for one in amending.needs_second(old, new)] == ["respond.4"]


def _terms(words: str) -> Terms:
    return amending.changed(DEFAULTS[Tier.GOLD], {"hours": {"2": words}, "clocks": {"calendars": CALENDARS}})


@pytest.mark.parametrize("language", ["en", "fr"])
def test_an_answer_counts_and_speaks_by_the_calendar_of_its_severity(language: str) -> None:
    facts = ContractFacts("active", "VC-1", "UTC", "UTC")

    def asked(kind: str, words: str, severity: int = 2) -> Any:
        return decide(Ask(kind, at(9), severity), _terms(words), Usage(), at(9), facts, language)

    # Open together one hour a Monday, 8 to 9 by the clock of Paris: two hours of it are up on the Monday after.
    promised = asked("open_incident", "calendar:paris and calendar:tokyo")
    assert isinstance(promised, Granted)
    assert promised.respond_by == datetime(2026, 3, 23, 8, tzinfo=UTC)
    refused = asked("out_of_hours", "calendar:place")
    assert isinstance(refused, Refused)
    assert refused.next_opening == at(10)
    assert ("by the calendar place" if language == "en" else "selon le calendrier place") in refused.reason
    assert isinstance(asked("out_of_hours", "calendar:place", 1), Granted)  # severity 1 keeps its own hours
    both = asked("out_of_hours", "calendar:place or calendar:tokyo")
    said = "whenever one of place and tokyo is open" if language == "en" else "un seul de place et tokyo est ouvert"
    assert said in both.reason


def test_terms_keep_the_words_and_name_their_calendars() -> None:
    terms = _terms("calendar:paris or calendar:tokyo")
    assert terms.named() == {"paris", "tokyo"}
    assert Terms.from_json(terms.to_json()) == terms
    assert terms.to_json()["hours"]["2"] == "calendar:paris or calendar:tokyo"
