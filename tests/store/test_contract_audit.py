"""Words about contracts that were not said are alarms of the house, and said ones are not."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from contracts import contracting
from escalation import contract_audit, contract_watch
from models.agreements import Contract, ContractNotice, CoverageGap
from models.people import Person
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast
from tests.store.dealing import MAX

DAY = timedelta(days=1)


def rules(session: Session, days: int = 0) -> list[tuple[str, str]]:
    return [(rule, subject) for rule, subject, _, _ in contract_audit.untold(session, NOW + days * DAY)]


def _ends(session: Session, cast: Cast, on: date) -> None:
    row = session.get_one(Contract, cast.plant_contract)
    row.created_at = NOW - 30 * DAY
    contracting.set_end(session, row, on, "x", MAX, NOW)
    session.flush()


def test_an_end_nobody_wrote_of_for_a_day_is_an_alarm_until_it_is_written(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        _ends(session, cast, (NOW + 60 * DAY).date())
        assert rules(session) == []  # the word of the sixtieth day before has all of today
    with work(sessions, SYSTEM) as session:
        assert ("contract_untold", "VC-plant") in rules(session, 1)
    contract_watch.once(sessions, NOW)
    with work(sessions, SYSTEM) as session:
        assert rules(session, 1) == []


def test_a_word_that_reached_nobody_is_an_alarm(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        _ends(session, cast, (NOW + 5 * DAY).date())
        session.execute(update(Person).values(active=False))
    contract_watch.once(sessions, NOW)
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(ContractNotice.told)).all() == [[]]
        assert ("contract_told_nobody", "VC-plant") in rules(session)


def test_a_gap_in_cover_no_account_engineer_knows_of_is_an_alarm_after_a_day(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.add(CoverageGap(customer_id=cast.plant, machine_id=cast.plant_machine, kind="uncovered", since=NOW,
                                found_at=NOW, told=[]))  # fmt: skip
        session.flush()
        assert rules(session) == []
        assert rules(session, 2) == [("gap_untold", "plant-db-1")]
        session.execute(update(CoverageGap).values(told=["Max"]))
        assert rules(session, 2) == []
