"""The life of a contract, when its end is told, the periods of its allowances, and which of several answers."""

from __future__ import annotations

import random
from datetime import date, timedelta
from itertools import permutations, product

import pytest

from contracts import precedence
from contracts.allowances import Period, period_of
from contracts.explaining import sentences
from contracts.life import NEXT, STATES, CannotBe, Notice, move, notice_due
from contracts.precedence import Candidate, Passed, choose
from contracts.terms import PERIODS

TODAY = date(2026, 3, 10)


@pytest.mark.parametrize(("state", "to"), list(product(STATES, STATES)))
def test_a_state_is_followed_only_by_those_the_table_names(state: str, to: str) -> None:
    for ends in (None, TODAY + timedelta(days=1), TODAY, TODAY - timedelta(days=1)):
        answer = move(state, to, ends, TODAY)
        is_over = ends is not None and ends < TODAY
        allowed = to in NEXT[state] and (to != "expired" or is_over) and (to != "active" or not is_over)
        assert (answer is None) is allowed, (ends, answer)
        if isinstance(answer, CannotBe):
            assert answer.reason.endswith(".")
            assert answer.remedy.endswith(".")


def test_a_cancelled_contract_stays_cancelled_and_days_of_grace_put_its_expiry_off() -> None:
    assert NEXT["cancelled"] == ()
    yesterday = TODAY - timedelta(days=1)
    assert isinstance(move("active", "expired", yesterday, TODAY, grace_days=1), CannotBe)
    assert move("active", "expired", yesterday, TODAY, grace_days=0) is None


def test_an_end_is_told_once_for_each_number_of_days_and_the_nearest_after_a_sleep() -> None:
    last = date(2026, 6, 30)
    written: list[Notice] = []
    told = []
    for day in range(100):
        today = date(2026, 4, 1) + timedelta(days=day)
        due = notice_due(last, today, (60, 30, 7), day > 80, written)
        if due is not None:
            written.append(due)
            told.append((today, due.kind, due.days_before))
        assert notice_due(last, today, (60, 30, 7), False, written) is None
    assert told == [
        (date(2026, 5, 1), "expiry", 60),
        (date(2026, 5, 31), "expiry", 30),
        (date(2026, 6, 23), "renewal", 7),
        (date(2026, 7, 1), "ended", -1),
    ]
    assert notice_due(last, date(2026, 6, 29), (60, 30, 7), False, []) == Notice("expiry", 7, last)
    assert notice_due(None, TODAY, (60,), False, []) is None
    # Another last day begins anew.
    assert notice_due(date(2026, 7, 2), date(2026, 6, 29), (60, 30, 7), False, written) is not None


@pytest.mark.parametrize("name", PERIODS)
def test_periods_follow_each_other_without_gap_or_overlap(name: str) -> None:
    chance = random.Random(7)
    for _ in range(40):
        starts = date(2024, 1, 1) + timedelta(days=chance.randrange(800))
        seen: Period | None = None
        for day in range(900):
            today = starts + timedelta(days=day)
            found = period_of(today, starts, name)
            assert found.first <= today <= found.last, (starts, today)
            if seen is not None and found != seen:
                assert found.first == seen.last + timedelta(days=1)
            seen = found


@pytest.mark.parametrize(
    ("starts", "today", "name", "first", "last"),
    [
        ("2026-01-01", "2026-03-10", "year", "2026-01-01", "2026-12-31"),
        ("2025-04-15", "2026-04-14", "year", "2025-04-15", "2026-04-14"),
        ("2025-04-15", "2026-04-15", "year", "2026-04-15", "2027-04-14"),
        ("2024-02-29", "2025-02-28", "year", "2025-02-28", "2026-02-27"),
        ("2026-01-31", "2026-02-28", "month", "2026-02-28", "2026-03-30"),
        ("2026-01-31", "2026-02-27", "month", "2026-01-31", "2026-02-27"),
        ("2026-01-01", "2026-06-30", "quarter", "2026-04-01", "2026-06-30"),
        ("2026-01-01", "2026-07-01", "half", "2026-07-01", "2026-12-31"),
        ("2026-06-01", "2026-03-10", "half", "2026-06-01", "2026-11-30"),
    ],
)
def test_a_period_counts_from_the_contracts_first_day(
    starts: str, today: str, name: str, first: str, last: str
) -> None:
    found = period_of(date.fromisoformat(today), date.fromisoformat(starts), name)
    assert found == Period(date.fromisoformat(first), date.fromisoformat(last))


def one(number: str, **more: object) -> Candidate:
    given: dict[str, object] = {
        "standing": "active",
        "tier_rank": 2,
        "starts_on": date(2026, 1, 1),
        "covered": True,
        "lines": (("default", ""),),
        **more,
    }
    return Candidate(number=number, **given)  # type: ignore[arg-type]  # each test names what it changes


FACTS = {"machine": "m", "site": "s", "service": ""}

# the contract that answers, the one that does not, and why
ORDER = [
    (one("B"), one("A", standing="grace", tier_rank=4), "standing"),
    (one("B"), one("A", covered=False, tier_rank=4, lines=()), "cover"),
    (one("B", renews="A", tier_rank=1), one("A", tier_rank=4), "successor"),
    (one("B", lines=(("machine", "m"),), tier_rank=1), one("A", tier_rank=4), "line"),
    (one("B", lines=(("machine", "m"),)), one("A", lines=(("site", "s"),), tier_rank=4), "line"),
    (one("B", lines=(("site", "s"),)), one("A", tier_rank=4), "line"),
    (one("B", tier_rank=3), one("A"), "tier"),
    (one("B", starts_on=date(2025, 1, 1)), one("A"), "start"),
    (one("A"), one("B"), "number"),
]


@pytest.mark.parametrize(("first", "second", "why"), ORDER, ids=[why for _, _, why in ORDER])
def test_of_two_contracts_the_order_chooses_and_says_why(first: Candidate, second: Candidate, why: str) -> None:
    for pair in permutations((first, second)):
        choice = choose(pair, FACTS)
        assert (choice.number, choice.passed) == (first.number, (Passed(second.number, why),))
    for language in ("en", "fr"):
        (said,) = sentences(first.number, choice.passed, language)
        assert said.endswith(".")
        assert first.number in said
        assert second.number in said


def test_whatever_their_order_the_same_contract_answers() -> None:
    chance = random.Random(11)
    for _ in range(300):
        lines = [(("default", ""),), (("machine", "m"),), (("site", "s"),), (("machine", "other"),), ()]
        several = [
            one(f"VC-{n}", standing=chance.choice(precedence.STANDINGS), tier_rank=chance.randint(1, 4),
                covered=chance.random() < 0.8, lines=chance.choice(lines),
                starts_on=date(2026, 1, chance.randint(1, 3)))
            for n in range(5)
        ]  # fmt: skip
        first = choose(several, FACTS)
        chance.shuffle(several)
        assert choose(several, FACTS) == first
        assert {first.number, *(passed.number for passed in first.passed)} == {each.number for each in several}


def test_the_line_of_another_machine_never_brings_a_contract_forward() -> None:
    mine, other = one("B"), one("A", lines=(("machine", "x"),), covered=False, tier_rank=4)
    assert choose([mine, other], FACTS).number == "B"
