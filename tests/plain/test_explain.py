"""A clock explains itself: segments that sum to what elapsed, and one whole sentence in each language."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from contracts import clock, explain, hours
from contracts.budget import Budget
from contracts.clock import Pause
from contracts.explain import Clock
from contracts.explain_words import SENTENCES, WHAT, WHY, WHY_NOW

OFFICE = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
PARIS = hours.parse({"tz": "Europe/Paris", "weekly": OFFICE, "holidays": "FR"})
MONDAY = datetime(2026, 7, 13, 13, tzinfo=UTC)  # 15:00 in Paris, the eve of a public holiday
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


FOUR_HOURS = Budget(4 * 3600)


def running(budget: Budget = FOUR_HOURS, pauses: tuple[Pause, ...] = ()) -> Clock:
    due = budget.due(PARIS, MONDAY, pauses)
    return Clock("respond", "running", MONDAY, budget, PARIS, pauses, due)


def test_segments_are_in_order_leave_no_gap_and_sum_to_what_elapsed() -> None:
    given = running(Budget(20 * 3600), (Pause(MONDAY + 43 * HOUR, MONDAY + 44 * HOUR, "customer"),))
    now = MONDAY + 70 * HOUR
    said = explain.explain(given, now)
    assert [part.end for part in said.segments[:-1]] == [part.start for part in said.segments[1:]]
    assert (said.segments[0].start, said.segments[-1].end) == (MONDAY, now)
    assert said.counted == clock.elapsed(PARIS, MONDAY, now, given.pauses)
    assert said.counted + said.closed + said.paused == now - MONDAY
    assert {part.zone for part in said.segments} == {"Europe/Paris"}


def test_a_closed_stretch_says_which_holiday_it_covers_and_a_pause_why() -> None:
    given = running(Budget(20 * 3600), (Pause(MONDAY + 43 * HOUR, MONDAY + 44 * HOUR, "vendor"),))
    said = explain.explain(given, MONDAY + 70 * HOUR)
    reasons = [(part.kind, part.reason) for part in said.segments if part.kind != "counted"]
    assert reasons == [("closed", "holiday: National Day"), ("paused", "vendor"), ("closed", "hours")]
    french = explain.explain(given, MONDAY + 20 * HOUR, "fr")
    assert french.segments[-1].reason == "holiday: Fête nationale"


@pytest.mark.parametrize(
    ("given", "after", "english", "french"),
    [
        (
            running(),
            HOUR,
            "We owe you our first response by Wed 15 July 2026, 11:00 (Europe/Paris): 1 h of the promised 4 h is used.",
            "Nous vous devons notre première réponse d'ici le mercredi 15 juillet 2026 à 11:00 (Europe/Paris) :"
            " le délai promis de 4 h est entamé de 1 h.",
        ),
        (
            running(),
            5 * HOUR,
            "Service is closed and opens Wed 15 July 2026, 09:00 (Europe/Paris): we owe you our first response by"
            " Wed 15 July 2026, 11:00 (Europe/Paris), and 2 h of the promised 4 h is used.",
            "Le service est fermé et ouvre le mercredi 15 juillet 2026 à 09:00 (Europe/Paris) : nous vous devons"
            " notre première réponse d'ici le mercredi 15 juillet 2026 à 11:00 (Europe/Paris), et le délai promis"
            " de 4 h est entamé de 2 h.",
        ),
        (
            replace(running(), state="met", met_at=MONDAY + HOUR),
            5 * HOUR,
            "We kept our promise of our first response on Mon 13 July 2026, 16:00 (Europe/Paris), after 1 h of the"
            " promised 4 h.",
            "Nous avons tenu notre promesse, notre première réponse, le lundi 13 juillet 2026 à 16:00 (Europe/Paris),"
            " après 1 h sur un délai promis de 4 h.",
        ),
        (
            replace(running(Budget(3600)), state="breached", breached_at=MONDAY + HOUR),
            90 * MINUTE,
            "We promised our first response by Mon 13 July 2026, 16:00 (Europe/Paris) and still owe it: it is 30 min"
            " late.",
            "Nous avions promis notre première réponse d'ici le lundi 13 juillet 2026 à 16:00 (Europe/Paris) et vous"
            " le devons toujours : le retard est de 30 min.",
        ),
    ],
)
def test_a_customer_reads_one_whole_sentence(given: Clock, after: timedelta, english: str, french: str) -> None:
    assert explain.explain(given, MONDAY + after, "en").sentence == english
    assert explain.explain(given, MONDAY + after, "fr").sentence == french
    assert explain.explain(given, MONDAY + after, "xx").sentence == english


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("party", ["customer", "internal", "vendor"])
@pytest.mark.parametrize("kind", [*WHAT["en"]])
def test_every_situation_has_its_words(language: str, party: str, kind: str) -> None:
    later, early = MONDAY + 44 * HOUR, (Pause(MONDAY + HOUR, MONDAY + 90 * MINUTE, "customer"),)
    base = replace(running(Budget(12 * 3600)), party=party, kind=kind)
    held = replace(base, state="paused", due_at=None, pauses=(Pause(MONDAY + HOUR, None, "maintenance"),))
    for given in (
        base,
        replace(running(Budget(12 * 3600), early), party=party, kind=kind),
        replace(running(Budget(days=2)), party=party, kind=kind),
        held,
        replace(held, budget=Budget(days=2)),
        replace(base, state="met", met_at=later),
        replace(base, state="met", met_at=later, pauses=early),
        replace(base, state="met", met_at=MONDAY + 2 * HOUR, pauses=early),
        replace(base, state="met", met_at=MONDAY + 2 * HOUR, budget=Budget(days=2)),
        replace(base, state="breached", breached_at=MONDAY, due_at=MONDAY),
        replace(base, state="breached", breached_at=MONDAY, due_at=MONDAY, met_at=later),
        replace(base, state="cancelled", due_at=None),
        replace(base, state="cancelled", due_at=None, breached_at=MONDAY),
        replace(base, hours=hours.parse({}), due_at=None),
    ):
        for now in (MONDAY + 2 * HOUR, MONDAY + 20 * HOUR, later):
            said = explain.explain(given, now, language).sentence
            assert said.endswith(".")
            assert "{" not in said
            assert "  " not in said


def test_both_languages_say_the_same_things_with_the_same_facts() -> None:
    for table in (SENTENCES, WHAT, WHY, WHY_NOW):
        assert set(table["en"]) == set(table["fr"])
    for key, english in SENTENCES["en"].items():
        named = [{part[1] for part in string.Formatter().parse(text) if part[1]}
                 for text in (english, SENTENCES["fr"][key])]  # fmt: skip
        assert named[0] == named[1], key


@pytest.mark.parametrize(
    ("seconds", "english", "french"),
    [(0, "0 min", "0 min"), (45, "45 s", "45 s"), (4800, "1 h 20 min", "1 h 20 min"), (90_000, "25 h", "25 h"),
     (180_061, "2 d 2 h 1 min 1 s", "2 j 2 h 1 min 1 s")],
)  # fmt: skip
def test_spans_are_said_to_the_second(seconds: int, english: str, french: str) -> None:
    assert explain.span(timedelta(seconds=seconds)) == english
    assert explain.span(timedelta(seconds=seconds), "fr") == french
