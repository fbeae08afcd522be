"""What contracts give in a period: taken, given back exactly once, ordered on top, never overspent."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts import allowances, ledger, proposals
from contracts.decision import Ask, Granted, Refused
from models.agreements import (
    Allowance,
    AllowanceTaking,
    Contract,
    ContractTerms,
)
from models.decisions import DecisionRow
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast
from tests.store.dealing import MAX, ROOT, proposal, version


def counted(session: Session, cast: Cast, **units: int) -> Contract:
    contract = session.get_one(Contract, cast.plant_contract)
    changes = {"allowances": {kind: {"units": number, "period": "quarter"} for kind, number in units.items()}}
    answer = proposals.propose(session, contract, changes, "counted", MAX, NOW)
    return contract if isinstance(answer, ContractTerms) else _confirmed(session, contract, answer)


def _confirmed(session: Session, contract: Contract, answer: object) -> Contract:
    version(proposals.confirm(session, proposal(answer), ROOT, NOW))
    return contract


def visit(session: Session, cast: Cast, now: datetime = NOW, units: int = 1) -> tuple[Granted | Refused, DecisionRow]:
    answer, row, _ = ledger.ask(session, cast.plant, Ask("site_visit", now, units=units), now)
    assert isinstance(answer, Granted | Refused)
    return answer, row


def test_what_is_taken_is_named_by_its_decision_and_given_back_exactly_once(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        counted(session, cast, visits=2)
        _, first = visit(session, cast)
        _, second = visit(session, cast)
        third, row = visit(session, cast)
        assert isinstance(third, Refused)
        assert (third.rule, third.next_opening) == ("allowance.spent", datetime(2026, 3, 31, 22, 0, tzinfo=UTC))
        assert first.facts["uses"] == "visits"
        assert allowances.give_back(session, row.id, "Max", "refused anyway", NOW) is None
        assert allowances.give_back(session, second.id, "Max", "cancelled", NOW) is not None
        assert allowances.give_back(session, second.id, "Max", "again", NOW) is None
        assert session.scalars(select(Allowance.used)).one() == 1
        assert visit(session, cast)[0].outcome == "granted"
        next_quarter = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)
        assert visit(session, cast, next_quarter)[0].outcome == "granted"
        holds = ledger.standing(session, cast.plant, next_quarter)
        left = holds.left(session, next_quarter)["visits"]
        assert (left.left, left.used, left.period.first) == (1, 1, date(2026, 4, 1))


def test_eight_who_give_the_same_back_at_once_give_it_back_once(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        counted(session, cast, visits=3)
        for _ in range(3):
            _, row = visit(session, cast)
    start, given = threading.Barrier(8), []

    def back() -> None:
        start.wait(timeout=30)
        with work(sessions, SYSTEM) as session:
            given.append(allowances.give_back(session, row.id, "x", "cancelled", NOW) is not None)

    threads = [threading.Thread(target=back) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert (len(given), sum(given)) == (8, 1)
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(Allowance.used)).one() == 2


def test_ordering_more_and_new_terms_move_what_is_granted_but_never_below_what_is_used(
    sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        contract = counted(session, cast, visits=2)
        visit(session, cast, units=2)
        holds = ledger.standing(session, cast.plant, NOW)
        assert holds.span is not None
        assert holds.terms is not None
        row = allowances.order_more(session, holds.span, holds.terms, "visits", 1, holds.today(NOW))
        assert row is not None
        assert (row.granted, row.extra, row.used) == (3, 1, 2)
        assert allowances.order_more(session, holds.span, holds.terms, "cases", 1, holds.today(NOW)) is None
        less = proposals.propose(session, contract, {"allowances": {"visits": {"units": 1, "period": "quarter"}}}, "x",
                                 MAX, NOW)  # fmt: skip
        version(proposals.confirm(session, proposal(less), ROOT, NOW))
        left = ledger.standing(session, cast.plant, NOW).left(session, NOW)["visits"]
        assert (left.granted, left.left) == (2, 0)
        assert visit(session, cast)[0].outcome == "refused"


def test_a_preview_takes_nothing(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        counted(session, cast, visits=1)
        for _ in range(3):
            _, left, answer = ledger.preview(session, cast.plant, Ask("site_visit", NOW), NOW)
            assert (answer.outcome, left["visits"].left) == ("granted", 1)
        assert session.scalar(select(func.count()).select_from(AllowanceTaking)) == 0
        assert session.scalar(select(func.count()).select_from(DecisionRow)) == 0
