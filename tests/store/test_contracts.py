"""Contracts over their life: terms as versions confirmed by two people, states, dates and renewals."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from contracts import contracting, covering, ledger, proposals
from contracts.contracting import New
from contracts.decision import Ask, Refused
from contracts.life import By
from contracts.terms import Tier
from contracts.tiers import DEFAULTS
from escalation import contract_watch
from models.agreements import (
    Contract,
    ContractLine,
    TermsProposal,
)
from models.audit import AuditEntry, first_broken_link
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast
from tests.store.dealing import LATER, MAX, ROOT, made, proposal, refused, version


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
