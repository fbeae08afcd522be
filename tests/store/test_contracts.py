"""Contracts over their life: made, moved, renewed, amended by two people, counted, and watched as days pass."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts import allowances, contracting, coverage, covering, ledger, proposals
from contracts.contracting import New
from contracts.decision import Ask, Granted, Refused
from contracts.life import By, CannotBe
from contracts.terms import Tier
from contracts.tiers import DEFAULTS
from escalation import contract_watch
from models.agreements import (
    Allowance,
    AllowanceTaking,
    Contract,
    ContractLine,
    ContractNotice,
    ContractTerms,
    CoverageGap,
    TermsProposal,
)
from models.audit import AuditEntry, first_broken_link
from models.customers import Customer
from models.decisions import DecisionRow
from models.machines import Machine, MachineState
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from models.telemetry import DeliveryCount
from tests.cast import NOW, Cast

MAX, ROOT = By("Max", "person:max"), By("Root", "person:root")
LATER = NOW + timedelta(days=30)


def made(session: Session, cast: Cast, tier: Tier = Tier.GOLD, **more: Any) -> Contract:
    given: dict[str, Any] = {
        "starts_on": date(2026, 1, 1),
        "ends_on": date(2026, 12, 31),
        "zone": "Europe/London",
        **more,
    }
    contract = contracting.make(session, cast.joinery, New(tier, **given), MAX, NOW)
    assert isinstance(contract, Contract), contract
    covering.add_line(session, contract, covering.NewLine(), MAX, NOW)
    return contract


def refused(answer: object) -> CannotBe:
    assert isinstance(answer, CannotBe), answer
    assert answer.reason.endswith(".")
    assert answer.remedy.endswith(".")
    return answer


def version(answer: object) -> ContractTerms:
    assert isinstance(answer, ContractTerms), answer
    return answer


def proposal(answer: object) -> TermsProposal:
    assert isinstance(answer, TermsProposal), answer
    return answer


# --- terms as versions


def test_a_better_promise_holds_at_once_and_a_lower_one_waits_for_somebody_else(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        contract = made(session, cast)
        better = version(proposals.propose(session, contract, {"respond": {"1": {"seconds": 1800}}}, "won", MAX, NOW))
        assert (better.version, better.author, better.confirmed_by) == (2, "Max", "")
        worse = proposal(proposals.propose(session, contract, {"update": {"seconds": 7200}}, "asked for", MAX, NOW))
        assert [one["field"] for one in worse.needs] == ["update"]
        holds = ledger.standing(session, cast.joinery, NOW, contract_id=contract.id)
        assert holds.terms is not None
        assert holds.terms.update == DEFAULTS[Tier.GOLD].update
        assert "cannot confirm" in refused(proposals.confirm(session, worse, MAX, NOW)).reason
        assert "cannot confirm" in refused(proposals.confirm(session, worse, By("Max as well", MAX.key), NOW)).reason
        third = version(proposals.confirm(session, worse, ROOT, NOW))
        assert (third.version, third.author, third.confirmed_by) == (3, "Max", "Root")
        holds = ledger.standing(session, cast.joinery, NOW, contract_id=contract.id)
        assert holds.terms is not None
        assert holds.terms.update is not None
        assert (holds.terms.update.seconds, holds.terms.respond[1].seconds, holds.version) == (7200, 1800, 3)
        assert "confirmed already" in refused(proposals.confirm(session, worse, ROOT, NOW)).reason
        assert [[one.field for one in v.differences] for v in proposals.versions(session, contract)] == [
            [], ["respond.1"], ["update"],
        ]  # fmt: skip
        deeds = session.scalars(select(AuditEntry.deed).where(AuditEntry.customer_id == cast.joinery)).all()
        assert {"contract.made", "terms.changed", "terms.proposed", "terms.confirmed"} <= set(deeds)


def test_a_rejected_proposal_changes_nothing_and_its_author_may_withdraw_it(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        contract = made(session, cast)
        for by in (ROOT, MAX):
            waiting = proposal(proposals.propose(session, contract, {"tier": "silver"}, "cheaper", MAX, NOW))
            dropped = proposals.reject(session, waiting, "not so", by, NOW)
            assert isinstance(dropped, TermsProposal)
            assert (dropped.state, dropped.decided_by, dropped.terms_id) == ("rejected", by.name, None)
            refused(proposals.confirm(session, waiting, ROOT, NOW))
        assert len(proposals.versions(session, contract)) == 1


def test_a_change_begins_at_its_instant_and_the_shown_tier_follows_it(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        contract = made(session, cast)
        waiting = proposal(proposals.propose(session, contract, {"tier": "platinum"}, "grows", MAX, NOW, LATER))
        assert version(proposals.confirm(session, waiting, ROOT, NOW)).effective_at == LATER
        assert contract.tier == "gold"
        for now, tier in ((LATER - timedelta(seconds=1), Tier.GOLD), (LATER, Tier.PLATINUM)):
            terms, _ = proposals.at(session, contract, now)
            assert terms.tier is tier
    contract_watch.once(sessions, LATER)
    with work(sessions, SYSTEM) as session:
        assert session.get_one(Contract, contract.id).tier == "platinum"


def test_a_proposal_confirmed_late_begins_when_it_is_confirmed(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        contract = made(session, cast)
        waiting = proposal(proposals.propose(session, contract, {"review_months": 0}, "x", MAX, NOW, LATER))
        late = LATER + timedelta(days=3)
        assert version(proposals.confirm(session, waiting, ROOT, late)).effective_at == late


def test_nothing_is_changed_in_the_past_and_a_change_for_sooner_reaches_what_is_settled_for_later(
    sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        contract = made(session, cast)
        past = proposals.propose(session, contract, {"review_months": 3}, "x", MAX, NOW, NOW - timedelta(seconds=1))
        assert refused(past).field == "effective_at"
        version(proposals.propose(session, contract, {"respond": {"1": {"seconds": 600}}}, "later", MAX, NOW, LATER))
        version(proposals.propose(session, contract, {"respond": {"2": {"seconds": 600}}}, "now", MAX, NOW))
        terms, _ = proposals.at(session, contract, LATER)
        assert (terms.respond[1].seconds, terms.respond[2].seconds) == (600, 600)
        before, _ = proposals.at(session, contract, LATER - timedelta(seconds=1))
        assert (before.respond[1].seconds, before.respond[2].seconds) == (3600, 600)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, "changes"),
        ({"price": 1}, "changes.price"),
        ({"respond": {"1": {"seconds": -1}}}, "changes.respond.1"),
        ({"respond": {"1": {"seconds": 3600}}}, "changes"),
        ({"hours": {"2": "whenever"}}, "changes.hours.2"),
    ],
)
def test_a_change_that_cannot_be_is_refused_by_its_field(
    sessions: Sessions, cast: Cast, changes: dict[str, Any], field: str
) -> None:
    with work(sessions, SYSTEM) as session:
        contract = made(session, cast)
        assert refused(proposals.propose(session, contract, changes, "x", MAX, NOW)).field == field


def test_a_draft_is_edited_by_one_person_and_a_cancelled_contract_by_nobody(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        draft = made(session, cast, state="draft")
        version(proposals.propose(session, draft, {"tier": "bronze"}, "smaller", MAX, NOW))
        contracting.move(session, draft, "cancelled", "no", MAX, NOW)
        refused(proposals.propose(session, draft, {"review_months": 1}, "x", MAX, NOW))


def test_a_proposal_that_would_now_lower_more_than_was_shown_is_not_confirmed(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        contract = made(session, cast)
        waiting = proposal(
            proposals.propose(
                session, contract, {"update": {"seconds": 7200}, "respond": {"1": {"seconds": 3000}}}, "x", MAX, NOW
            )
        )
        version(proposals.propose(session, contract, {"respond": {"1": {"seconds": 600}}}, "better", MAX, NOW))
        assert "propose" in refused(proposals.confirm(session, waiting, ROOT, NOW)).remedy


# --- states, dates, renewal


def test_a_contract_moves_through_its_states_and_each_step_is_in_the_audit(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        contract = made(session, cast, state="draft")
        for to in ("active", "suspended", "active"):
            assert contracting.move(session, contract, to, "so", MAX, NOW) is contract
        refused(contracting.move(session, contract, "draft", "", MAX, NOW))
        refused(contracting.move(session, contract, "expired", "", MAX, NOW))
        assert contracting.set_end(session, contract, date(2026, 3, 9), "sold", MAX, NOW) is contract
        assert contracting.move(session, contract, "expired", "", MAX, NOW) is contract
        assert "last day" in refused(contracting.move(session, contract, "active", "", MAX, NOW)).reason
        assert contracting.set_end(session, contract, date(2026, 3, 10), "not sold", MAX, NOW) is contract
        assert contract.state == "active"
        contracting.move(session, contract, "cancelled", "", MAX, NOW)
        refused(contracting.set_end(session, contract, None, "", MAX, NOW))
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.customer_id == cast.joinery).order_by(AuditEntry.id)
        ).all()
        assert first_broken_link(entries) is None
        assert [entry.deed for entry in entries if entry.deed.startswith("contract.")] == [
            "contract.made", "contract.line_added", "contract.activated", "contract.suspended", "contract.activated",
            "contract.end_moved", "contract.expired", "contract.end_moved", "contract.cancelled",
        ]  # fmt: skip


def test_a_renewal_takes_over_on_its_own_first_day_with_its_own_terms(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.delete(session.get_one(Contract, cast.joinery_contract))
        first = made(session, cast)
        new = New(Tier.PLATINUM, date(2027, 1, 1), date(2027, 12, 31), zone="Europe/London")
        after = contracting.renew(session, first, new, MAX, NOW)
        assert isinstance(after, Contract)
        assert (after.renews_id, after.state, after.tier) == (first.id, "draft", "platinum")
        assert session.scalar(select(func.count()).where(ContractLine.contract_id == after.id)) == 1
        assert "second person" in refused(contracting.move(session, after, "active", "", MAX, NOW)).remedy
        assert contracting.move(session, after, "active", "", ROOT, NOW) is after
        refused(contracting.renew(session, first, new, MAX, NOW))
        overlap = refused(contracting.set_end(session, first, date(2027, 2, 1), "", MAX, NOW))
        assert overlap.field == "ends_on"
        midnight = datetime(2027, 1, 1, tzinfo=UTC)
        for now, number in ((midnight - timedelta(seconds=1), first.number), (midnight, after.number)):
            holds = ledger.standing(session, cast.joinery, now, cast.joinery_machine)
            assert holds.facts.number == number
            assert [one.number for one in holds.passed] == [after.number if number == first.number else first.number]


def test_a_renewal_on_the_same_terms_may_be_made_active_at_once_and_keeps_what_was_agreed(
    sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        first = made(session, cast)
        version(proposals.propose(session, first, {"respond": {"1": {"seconds": 600}}}, "won", MAX, NOW))
        after = contracting.renew(session, first, New(Tier.GOLD, date(2027, 1, 1)), MAX, NOW)
        assert isinstance(after, Contract)
        assert after.state == "active"
        terms, _ = proposals.at(session, after, NOW)
        assert terms.respond[1].seconds == 600
        early = contracting.renew(session, after, New(Tier.GOLD, date(2028, 1, 1)), MAX, NOW)
        assert "last day" in refused(early).reason
        assert refused(
            contracting.renew(session, made(session, cast), New(Tier.GOLD, date(2026, 12, 31)), MAX, NOW)
        ).field == "starts_on"  # fmt: skip


def test_a_service_has_a_line_of_its_own(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        contract = session.get_one(Contract, cast.joinery_contract)
        asked = Ask("open_incident", NOW, service="backup")
        assert ledger.preview(session, cast.joinery, asked, NOW)[2].rule == "coverage.service"
        line = covering.add_line(
            session, contract, covering.NewLine(service="backup", starts_on=date(2026, 3, 11)), MAX, NOW
        )
        assert isinstance(line, ContractLine)
        later = ledger.preview(session, cast.joinery, asked, NOW)[2]
        assert isinstance(later, Refused)
        assert later.next_opening == datetime(2026, 3, 11, tzinfo=UTC)
        covering.end_line(session, contract, line, date(2026, 3, 12), MAX, NOW)
        line.starts_on = None
        session.flush()
        assert ledger.preview(session, cast.joinery, asked, NOW)[2].outcome == "granted"
        assert ledger.preview(session, cast.joinery, asked, NOW + timedelta(days=3))[2].outcome == "refused"
        both = covering.NewLine(machine_id=cast.joinery_machine, service="backup")
        assert refused(covering.add_line(session, contract, both, MAX, NOW)).field == "service"


# --- allowances


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


# --- as days pass


def notices(sessions: Sessions) -> Sequence[tuple[str, str]]:
    with work(sessions, SYSTEM) as session:
        rows = session.execute(select(Notice.address, Notice.subject).order_by(Notice.created_at, Notice.address))
        return [(row.address, row.subject) for row in rows]


def test_the_end_is_told_to_those_who_sign_and_to_ours_once_each_and_then_written_down(
    sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Customer, cast.plant).language = "fr"
        session.get_one(Contract, cast.joinery_contract).ends_on = None
        contracting.set_end(session, session.get_one(Contract, cast.plant_contract), date(2026, 5, 9), "x", MAX, NOW)
    for _ in range(2):
        contract_watch.once(sessions, NOW)
    assert notices(sessions) == [
        ("ada@example.org", "Le contrat VC-plant de Ada's Plant prend fin le 2026-05-09"),
        ("max@example.org", "Contract VC-plant of Ada's Plant ends on 2026-05-09"),
    ]
    for days in range(1, 62):
        contract_watch.once(sessions, NOW + timedelta(days=days))
    with work(sessions, SYSTEM) as session:
        rows = session.scalars(select(ContractNotice).order_by(ContractNotice.written_at)).all()
        assert [(row.kind, row.days_before) for row in rows] == [
            ("expiry", 60), ("expiry", 30), ("expiry", 7), ("ended", -1),
        ]  # fmt: skip
        assert session.get_one(Contract, cast.plant_contract).state == "expired"
    assert len([one for one in notices(sessions) if one[0] == "ada@example.org"]) == 4


def test_a_contract_in_its_days_of_grace_is_not_written_down_as_expired(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        contract = session.get_one(Contract, cast.plant_contract)
        version(proposals.propose(session, contract, {"grace_days": 5}, "x", MAX, NOW))
        contracting.set_end(session, contract, date(2026, 3, 11), "x", MAX, NOW)
    for days, state in ((2, "active"), (6, "active"), (7, "expired")):
        contract_watch.once(sessions, NOW + timedelta(days=days))
        with work(sessions, SYSTEM) as session:
            assert session.get_one(Contract, cast.plant_contract).state == state
    assert any("is honoured" in str(body) for body in _bodies(sessions))


def _bodies(sessions: Sessions) -> list[Any]:
    with work(sessions, SYSTEM) as session:
        return list(session.scalars(select(Notice.body)))


def test_a_machine_that_reports_without_a_line_is_a_finding_until_it_has_one(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        spare = Machine(customer_id=cast.plant, name="plant-spare", created_at=NOW - timedelta(days=9))
        session.add(spare)
        session.add(DeliveryCount(machine="plant-spare", hour=NOW, customer_id=cast.plant, received=3, refused=3))
        for name in ("plant_machine", "joinery_machine"):
            session.get_one(Machine, getattr(cast, name)).created_at = NOW - timedelta(days=9)
        session.add(
            MachineState(
                machine_id=cast.plant_machine, customer_id=cast.plant, last_received_at=NOW - timedelta(hours=1)
            )
        )
        session.flush()
        found = {(one.machine_id, one.kind) for one in coverage.disagreements(session, NOW)}
        assert found == {(spare.id, "uncovered"), (cast.joinery_machine, "unheard")}
        assert {one.machine_id for one in coverage.disagreements(session, NOW, cast.plant)} == {spare.id}
    for _ in range(2):
        contract_watch.once(sessions, NOW)
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(CoverageGap)) == 2
        gap = session.scalars(select(CoverageGap).where(CoverageGap.kind == "uncovered")).one()
        assert gap.told == ["Max"]
        contract = session.get_one(Contract, cast.plant_contract)
        covering.add_line(session, contract, covering.NewLine(machine_id=spare.id), MAX, NOW)
    contract_watch.once(sessions, NOW + timedelta(minutes=5))
    with work(sessions, SYSTEM) as session:
        gap = session.scalars(select(CoverageGap).where(CoverageGap.kind == "uncovered")).one()
        assert gap.ended_at == NOW + timedelta(minutes=5)
    told = [subject for address, subject in notices(sessions) if address == "max@example.org"]
    assert sorted(subject for subject in told if "machines" in subject) == [
        "Ada's Plant: machines report without a contract (1)",
        "Cy Joinery: machines under contract do not report (1)",
    ]
