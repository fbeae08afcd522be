"""Terms in force, what covers a machine, allowances under concurrency, and answers as they are kept."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts import ledger
from contracts.decision import Ask, Granted, Refused
from contracts.tiers import DEFAULTS, Budget, Tier
from models.agreements import Allowance, Contract, ContractLine, ContractTerms
from models.base import new_id
from models.customers import Customer, Site
from models.decisions import DecisionRow
from models.machines import Machine
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast


def contract_of(session: Session, customer: uuid.UUID, number: str, tier: Tier, **more: object) -> Contract:
    """A contract over the whole customer."""
    facts = {"state": "active", "starts_on": date(2026, 1, 1), "zone": "Europe/Paris", "country": "FR", **more}
    contract = Contract(id=new_id(), customer_id=customer, number=number, tier=tier.value, created_at=NOW, **facts)
    session.add(contract)
    session.flush()  # lines refer to it
    session.add(ContractLine(customer_id=customer, contract_id=contract.id))
    session.flush()
    return contract


def version_of(session: Session, contract: Contract, number: int, tier: Tier, since: datetime) -> ContractTerms:
    terms = ContractTerms(
        customer_id=contract.customer_id,
        contract_id=contract.id,
        version=number,
        effective_at=since,
        body=DEFAULTS[tier].to_json(),
        created_at=NOW,
    )
    session.add(terms)
    session.flush()
    return terms


def test_the_terms_in_force_are_those_of_the_instant(sessions: Sessions, cast: Cast) -> None:
    later = NOW + timedelta(days=1)
    with work(sessions, SYSTEM) as session:
        contract = session.get_one(Contract, cast.plant_contract)
        first = version_of(session, contract, 91, Tier.SILVER, NOW)
        second = version_of(session, contract, 92, Tier.GOLD, later)
        for now, expected, tier in (
            (NOW, first.id, Tier.SILVER),
            (later - timedelta(seconds=1), first.id, Tier.SILVER),
            (later, second.id, Tier.GOLD),
        ):
            holds = ledger.standing(session, cast.plant, now)
            assert holds.terms is not None
            assert (holds.terms_id, holds.terms.tier) == (expected, tier)


def test_a_contract_without_edited_terms_has_those_of_its_tier(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        holds = ledger.standing(session, cast.joinery, NOW)
    assert (holds.terms, holds.terms_id) == (DEFAULTS[Tier.BRONZE], None)


def test_a_customer_without_a_contract_stands_without_terms(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.delete(session.get_one(Contract, cast.joinery_contract))
        session.flush()
        answer, row, holds = ledger.ask(session, cast.joinery, Ask("open_incident", NOW), NOW)
    assert (holds.terms, holds.contract_id) == (None, None)
    assert (answer.rule, row.contract_id) == ("contract.none", None)


def test_the_machines_site_chooses_the_clock(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        holds = ledger.standing(session, cast.plant, NOW, cast.plant_machine)
    assert (holds.facts.hours_zone, holds.facts.country) == ("Europe/Paris", "FR")


@pytest.mark.parametrize(
    ("line", "covered"),
    [
        ({}, True),
        ({"machine": "own"}, True),
        ({"machine": "other"}, False),
        ({"site": "own"}, True),
        ({"site": "other"}, False),
        ({"starts_on": date(2026, 3, 11)}, False),
        ({"ends_on": date(2026, 3, 9)}, False),
        ({"starts_on": date(2026, 3, 10), "ends_on": date(2026, 3, 10)}, True),
        (None, False),
    ],
)
def test_a_line_covers_a_machine_a_site_or_everything_while_it_runs(
    sessions: Sessions, cast: Cast, line: dict[str, object] | None, covered: bool
) -> None:
    with work(sessions, SYSTEM) as session:
        for old in session.scalars(select(ContractLine).where(ContractLine.contract_id == cast.plant_contract)):
            session.delete(old)
        if line is not None:
            session.add(written(session, cast, line))
        session.flush()
        assert ledger.standing(session, cast.plant, NOW, cast.plant_machine).facts.covered is covered
        assert ledger.standing(session, cast.plant, NOW).facts.covered


def written(session: Session, cast: Cast, line: dict[str, object]) -> ContractLine:
    """A line of the plant's contract, from words: own or other machine or site."""
    machine = session.get_one(Machine, cast.plant_machine)
    elsewhere = Site(id=new_id(), customer_id=cast.plant, name="Elsewhere", created_at=NOW)
    spare = Machine(id=new_id(), customer_id=cast.plant, name="plant-spare", created_at=NOW)
    session.add_all([elsewhere, spare])
    session.flush()  # the line refers to them
    machines = {"own": machine.id, "other": spare.id}
    sites = {"own": machine.site_id, "other": elsewhere.id}
    return ContractLine(
        customer_id=cast.plant,
        contract_id=cast.plant_contract,
        machine_id=machines.get(str(line.get("machine"))),
        site_id=sites.get(str(line.get("site"))),
        starts_on=line.get("starts_on"),
        ends_on=line.get("ends_on"),
    )


def test_of_several_contracts_the_one_in_force_answers_then_the_higher_tier(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        contract_of(session, cast.joinery, "VC-9001", Tier.PLATINUM, ends_on=date(2026, 2, 1))
        assert ledger.standing(session, cast.joinery, NOW).contract_id == cast.joinery_contract
        gold = contract_of(session, cast.joinery, "VC-9002", Tier.GOLD)
        assert ledger.standing(session, cast.joinery, NOW).contract_id == gold.id
        contract_of(session, cast.joinery, "VC-9003", Tier.PLATINUM, state="suspended")
        assert ledger.standing(session, cast.joinery, NOW).contract_id == gold.id


def test_an_answer_is_kept_in_its_words_for_its_customer_alone(
    sessions: Sessions, web_sessions: Sessions, cast: Cast
) -> None:
    question = Ask("open_incident", NOW, 1, cast.plant_machine)
    with work(sessions, SYSTEM) as session:
        answer, row, _ = ledger.ask(session, cast.plant, question, NOW, asked_by="Ada")
        kept = row.id
    assert isinstance(answer, Granted)
    with work(web_sessions, cast.plant) as session:
        row = session.get_one(DecisionRow, kept)
        assert (row.outcome, row.rule, row.reason, row.remedy) == ("granted", answer.rule, answer.reason, answer.remedy)
        assert (row.ask, row.severity, row.machine_id, row.asked_by) == ("open_incident", 1, cast.plant_machine, "Ada")
        assert row.facts["respond_by"] == "2026-03-10T09:15:00Z"
    with work(web_sessions, cast.joinery) as session:
        assert session.get(DecisionRow, kept) is None


def test_an_answer_given_in_french_stands_in_english_beside_it(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Customer, cast.joinery).language = "fr"
        holds = ledger.standing(session, cast.joinery, NOW, cast.joinery_machine)
        question = Ask("detection", NOW, 2, cast.joinery_machine)
        english = holds.decide(question, NOW, language="en")
        answer, row, _ = ledger.ask(session, cast.joinery, question, NOW)
        assert row.reason == answer.reason != english.reason
        assert row.facts["english"] == {"reason": english.reason, "remedy": english.remedy}
        session.get_one(Customer, cast.joinery).language = "en"
        assert "english" not in ledger.ask(session, cast.joinery, question, NOW)[1].facts


def test_deciding_without_asking_writes_nothing_down(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        holds = ledger.standing(session, cast.joinery, NOW, cast.joinery_machine)
        assert holds.decide(Ask("telemetry", NOW), NOW).outcome == "granted"
        assert session.scalar(select(func.count()).select_from(DecisionRow)) == 0


def test_another_customers_machine_is_not_known(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session, pytest.raises(LookupError):
        ledger.ask(session, cast.plant, Ask("telemetry", NOW, machine_id=cast.joinery_machine), NOW)


def allow(sessions: Sessions, cast: Cast, granted: int, start: date, end: date) -> None:
    with work(sessions, SYSTEM) as session:
        session.add(
            Allowance(
                customer_id=cast.plant,
                contract_id=cast.plant_contract,
                kind="visits",
                period_start=start,
                period_end=end,
                granted=granted,
            )
        )


def test_the_last_visit_of_the_year_is_given_once_to_eight_who_ask_at_once(sessions: Sessions, cast: Cast) -> None:
    allow(sessions, cast, 1, date(2026, 1, 1), date(2026, 12, 31))
    answers: list[object] = []
    start = threading.Barrier(8)

    def visit() -> None:
        start.wait(timeout=30)
        with work(sessions, SYSTEM) as session:
            answers.append(ledger.ask(session, cast.plant, Ask("site_visit", NOW), NOW)[0])

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert (len(answers), len(refused)) == (8, 7)
    assert {answer.rule for answer in refused} == {"allowance.spent"}
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(Allowance.used)).one() == 1


def test_a_period_ends_by_the_contracts_own_calendar(sessions: Sessions, cast: Cast) -> None:
    allow(sessions, cast, 0, date(2026, 1, 1), date(2026, 3, 10))
    midnight = datetime(2026, 3, 10, 23, 0, tzinfo=UTC)  # in Paris
    with work(sessions, SYSTEM) as session:
        before, _, _ = ledger.ask(session, cast.plant, Ask("site_visit", NOW), midnight - timedelta(seconds=1))
        after, _, _ = ledger.ask(session, cast.plant, Ask("site_visit", NOW), midnight)
    assert (before.outcome, after.outcome) == ("refused", "granted")


def test_a_refused_ask_uses_nothing_up(sessions: Sessions, cast: Cast) -> None:
    allow(sessions, cast, 1, date(2026, 1, 1), date(2026, 12, 31))
    with work(sessions, SYSTEM) as session:
        session.get_one(Contract, cast.plant_contract).state = "suspended"
        assert ledger.ask(session, cast.plant, Ask("site_visit", NOW), NOW)[0].outcome == "refused"
        assert session.scalars(select(Allowance.used)).one() == 0


def test_an_incident_is_promised_a_response_and_then_updates_at_severity_one() -> None:
    terms = DEFAULTS[Tier.GOLD]
    (respond,) = ledger.promises_for(terms, 2, NOW, "Europe/Paris", "FR")
    assert (respond.kind, respond.budget, respond.due_at) == ("respond", Budget(7200), NOW + timedelta(hours=2))
    update = ledger.update_after(terms, 1, NOW, "Europe/Paris", "FR")
    assert update is not None
    assert (update.kind, update.due_at) == ("update", NOW + timedelta(hours=1))
    assert ledger.update_after(terms, 2, NOW, "Europe/Paris", "FR") is None
