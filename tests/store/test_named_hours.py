"""A severity served by a calendar of its own name: promised by it, frozen with it, refused when nobody knows it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from contracts import calendar_uses, calendars, contracting, covering, ledger, proposals
from contracts.calendars import Draft
from contracts.contracting import New
from contracts.decision import Ask, Granted
from contracts.life import By, CannotBe
from contracts.terms import Tier
from models.agreements import Contract, TermsProposal
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast

MAX = By("Max", "person:max")
NIGHTS = {"tz": "Europe/London", "weekly": {day: [["20:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}}


def calendar(session: Session, name: str, body: dict[str, Any], owner: Any = None, on: date = date(2026, 1, 1)) -> None:
    calendars.add(session, name, name, Draft(body, on, "agreed"), "Max", NOW, owner)


def made(session: Session, cast: Cast, hours: dict[str, str]) -> Contract | CannotBe:
    new = New(Tier.SILVER, date(2026, 1, 1), zone="Europe/London", changes={"hours": hours})
    contract = contracting.make(session, cast.joinery, new, MAX, NOW)
    if isinstance(contract, Contract):
        covering.add_line(session, contract, covering.NewLine(), MAX, NOW)
    return contract


def promised(session: Session, cast: Cast, contract: Contract, severity: int) -> Granted:
    _, _, answer = ledger.preview(
        session, cast.joinery, Ask("open_incident", NOW, severity), NOW, contract_id=contract.id
    )
    assert isinstance(answer, Granted), answer
    return answer


def test_each_severity_counts_by_the_calendar_it_names(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        calendar(session, "nights", NIGHTS)
        calendar(session, "both", {"union": [{"calendar": "nights"}, {"tz": "UTC", "always_open": True}]})
        contract = made(session, cast, {"1": "calendar:both", "2": "calendar:nights", "3": "Mon-Fri 8-18"})
        assert isinstance(contract, Contract), contract
        # Asked on Tuesday at nine: two hours around the clock; four hours of nights; a business day of the house's own.
        assert promised(session, cast, contract, 1).respond_by == NOW + timedelta(hours=2)
        assert promised(session, cast, contract, 2).respond_by == datetime(2026, 3, 11, 0, tzinfo=UTC)
        assert promised(session, cast, contract, 3).respond_by == NOW + timedelta(days=1)


def test_a_later_version_holds_for_later_asks(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        calendar(session, "nights", NIGHTS)
        contract = made(session, cast, {"2": "calendar:nights"})
        assert isinstance(contract, Contract), contract
        row = calendars.by_name(session, "nights")
        assert row is not None
        calendars.change(session, row, Draft({"always_open": True}, date(2026, 3, 11), "more"), "Max", NOW)
        assert promised(session, cast, contract, 2).respond_by == datetime(2026, 3, 11, 0, tzinfo=UTC)
        later = NOW + timedelta(days=1)
        ask = Ask("open_incident", later, 2)
        _, _, answer = ledger.preview(session, cast.joinery, ask, later, contract_id=contract.id)
        assert isinstance(answer, Granted)
        assert answer.respond_by == later + timedelta(hours=4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("calendar:nowhere", "there is no calendar 'nowhere'"),
        ("Mon-Fri 8-18 or calendar:theirs", "there is no calendar 'theirs'"),
        ("calendar:coming", "is not in force yet on 2026-03-10"),
    ],
)
def test_a_calendar_nobody_knows_or_somebody_else_owns_is_refused_by_its_field(
    sessions: Sessions, cast: Cast, words: str, said: str
) -> None:
    with work(sessions, SYSTEM) as session:
        calendar(session, "theirs", NIGHTS, cast.plant)
        calendar(session, "coming", NIGHTS, on=date(2027, 1, 1))
        refused = made(session, cast, {"2": words})
        assert isinstance(refused, CannotBe)
        assert said in refused.reason
        contract = made(session, cast, {})
        assert isinstance(contract, Contract), contract
        answer = proposals.propose(session, contract, {"hours": {"2": words}}, "x", MAX, NOW)
        assert isinstance(answer, CannotBe)
        assert (answer.field, said in answer.reason) == ("changes.hours", True)


def test_who_names_a_calendar_is_said_and_keeps_it(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        for name in ("nights", "spare", "vendor"):
            calendar(session, name, NIGHTS)
        calendar(session, "sun", {"union": [{"calendar": "nights"}]})
        contract = made(session, cast, {"2": "calendar:nights"})
        assert isinstance(contract, Contract), contract
        clocks = {"clocks": {"vendor": {"budget": {"seconds": 60}, "hours": "calendar:vendor"}}}
        assert isinstance(proposals.propose(session, contract, clocks, "vendor", MAX, NOW), TermsProposal)

        def used(name: str) -> list[tuple[str, str]]:
            row = calendars.by_name(session, name)
            assert row is not None
            return [(use.kind, use.name) for use in calendar_uses.uses(session, row, NOW)]

        assert used("nights") == [("contract", contract.number), ("calendar", "sun")]
        assert used("vendor") == [("proposal", contract.number)]
        assert used("spare") == []
        for name, gone in (("nights", False), ("vendor", False), ("spare", True), ("sun", True)):
            row = calendars.by_name(session, name)
            assert row is not None
            answer = calendar_uses.remove(session, row, "Max", NOW)
            assert (answer is None) is gone
            assert (calendars.by_name(session, name) is None) is gone
