"""Stories, told in order with the clock moved by hand: one of each tier and one without a contract, from the first ask
to the promise kept or missed; a contract that grows, and one that ends, while an incident is open.
"""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import allowances, contracting, ledger, proposals
from contracts.decision import Ask, Granted, Refused
from contracts.life import By
from escalation import acts, amended, outside_case
from escalation.incident import Actor, NotNow
from escalation.intake import Answer, Request, open_by_person, report
from escalation.tick import tick_all
from models.agreements import Contract, ContractTerms, TermsProposal
from models.audit import AuditEntry, first_broken_link
from models.customers import Customer, Site
from models.decisions import DecisionRow
from models.incidents import Incident, Promise
from models.machines import Machine
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast

MAX, ROOT = By("Max", "person:max"), By("Root", "person:root")
FRIDAY = datetime(2026, 3, 13, 15, 0, tzinfo=UTC)  # four in the afternoon in Paris


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-{text}").replace(tzinfo=UTC)


def customer_of(session: Session, machine_id: uuid.UUID) -> uuid.UUID:
    return session.get_one(Machine, machine_id).customer_id


def asks(
    session: Session, machine_id: uuid.UUID, severity: int, now: datetime, title: str, channel: str = "portal"
) -> Answer:
    """The customer's contact asks for an incident on a machine."""
    contact = Actor(None, "Zoe", is_customer=True)
    request = Request(severity=severity, title=title, machine_id=machine_id, channel=channel)
    return open_by_person(session, customer_of(session, machine_id), request, contact, now)


def opened(answer: Answer) -> Incident:
    assert answer.incident is not None, answer.decision.reason
    return answer.incident


def owed(session: Session, incident: Incident, kind: str = "respond") -> Promise:
    """The newest promise of a kind to the customer."""
    found = session.scalars(
        select(Promise)
        .where(Promise.incident_id == incident.id, Promise.kind == kind, Promise.party == "customer")
        .order_by(Promise.started_at.desc())
        .limit(1)
    ).one()
    session.refresh(found)
    return found


def asked(session: Session, machine_id: uuid.UUID, kind: str, now: datetime, severity: int = 3) -> tuple[str, str]:
    answer, _, _ = ledger.ask(session, customer_of(session, machine_id), Ask(kind, now, severity, machine_id), now)
    return answer.outcome, answer.rule


def test_bronze_a_call_on_friday_afternoon_is_owed_on_monday_and_is_missed(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        machine = desk.covered_machine(session, "mill", "bronze", cast.now)
        assert asked(session, machine, "software_support", FRIDAY) == ("refused", "scope.software_support")
        assert asked(session, machine, "detection", FRIDAY) == ("refused", "detection.none")
        assert asked(session, machine, "out_of_hours", FRIDAY + timedelta(hours=2)) == ("refused", "hours.closed")
        # One hour of Friday is left, so three of the four hours are Monday's: noon in Paris.
        answer = asks(session, machine, 1, FRIDAY, "The disk array beeps", "phone")
        incident = opened(answer)
        assert owed(session, incident).due_at == at("16T11:00")
        visit, _, _ = ledger.ask(session, incident.customer_id, Ask("site_visit", FRIDAY, 1, machine), FRIDAY)
        assert isinstance(visit, Granted)
        assert visit.on_site_by == at("16T16:00")  # the next business day, by its closing time
    tick_all(sessions, at("16T10:59"))
    with work(sessions, SYSTEM) as session:
        assert owed(session, incident).state == "running"
    tick_all(sessions, at("16T11:01"))
    with work(sessions, SYSTEM) as session:
        late = desk.done(acts.reply(session, incident.id, desk.actor(cast, "dee"), at("16T11:30"), "We are on it."))
        kept = owed(session, late)
        assert (kept.state, kept.breached_at, kept.met_at) == ("breached", at("16T11:00"), at("16T11:30"))
        assert any("missed" in line for line in desk.story(session, "breach"))


def test_silver_silence_is_shown_and_a_wait_for_the_customer_is_not_counted_against_us(
    sessions: Sessions, cast: Cast
) -> None:
    nine = at("10T08:00")  # in Paris
    with work(sessions, SYSTEM) as session:
        machine = desk.covered_machine(session, "yard", "silver", cast.now)
        silent = report(session, desk.signal(machine, nine, "silence", kind="silence"), nine)
        assert (silent.outcome, desk.incidents(session)) == ("shown", [])
        assert asked(session, machine, "installation_advice", nine) == ("refused", "scope.installation_advice")
        incident = opened(asks(session, machine, 2, nine, "The database is slow"))
        assert owed(session, incident).due_at == nine + timedelta(hours=4)
        dee = desk.actor(cast, "dee")
        desk.done(acts.wait(session, incident.id, dee, nine + timedelta(hours=1), "customer", "we need the logs"))
        desk.done(acts.resume(session, incident.id, dee, nine + timedelta(hours=3)))
        assert owed(session, incident).due_at == nine + timedelta(hours=6)
    tick_all(sessions, nine + timedelta(hours=5))
    with work(sessions, SYSTEM) as session:
        desk.done(acts.reply(session, incident.id, dee, nine + timedelta(hours=5), "An index was missing."))
        assert owed(session, incident).state == "met"


def test_gold_the_gravest_is_answered_at_night_and_advice_is_counted(sessions: Sessions, cast: Cast) -> None:
    night = at("14T22:00")  # Saturday, eleven at night in Paris
    with work(sessions, SYSTEM) as session:
        machine = desk.covered_machine(session, "smelter", "gold", cast.now)
        contract = session.scalars(select(Contract).where(Contract.number == "VC-smelter")).one()
        changes = {"allowances": {"advice_hours": {"units": 3, "period": "half"}}}
        waiting = proposals.propose(session, contract, changes, "agreed", MAX, cast.now)
        assert isinstance(waiting, TermsProposal)
        assert isinstance(proposals.confirm(session, waiting, ROOT, cast.now), ContractTerms)
        shadow = report(session, desk.signal(machine, night, "fan"), night)
        assert shadow.outcome == "shadow"
        assert asked(session, machine, "out_of_hours", night, 2) == ("refused", "hours.closed")
        assert asked(session, machine, "out_of_hours", night, 1) == ("granted", "hours.open")
        incident = opened(asks(session, machine, 1, night, "Everything stands still"))
        assert owed(session, incident).due_at == night + timedelta(hours=1)
        dee = desk.actor(cast, "dee")
        desk.done(acts.reply(session, incident.id, dee, night + timedelta(minutes=50), "We see it too."))
        assert owed(session, incident).state == "met"
        assert owed(session, incident, "update").due_at == night + timedelta(minutes=110)
        desk.done(acts.reply(session, incident.id, dee, night + timedelta(minutes=100), "The switch is changed."))
        assert desk.promises(session)[1][:2] == ("update", "met")
        customer = incident.customer_id
        for units, outcome in ((2, "granted"), (2, "refused"), (1, "granted"), (1, "refused")):
            advice = Ask("installation_advice", night, machine_id=machine, units=units)
            answer, _, holds = ledger.ask(session, customer, advice, night)
            assert answer.outcome == outcome
        assert isinstance(answer, Refused)
        assert (answer.rule, answer.next_opening) == ("allowance.spent", datetime(2026, 6, 30, 22, 0, tzinfo=UTC))
        assert holds.left(session, night)["advice_hours"].left == 0


def test_platinum_we_call_first_within_a_quarter_of_an_hour_and_then_one_update_is_missed(
    sessions: Sessions, cast: Cast
) -> None:
    night = at("11T02:00")
    with work(sessions, SYSTEM) as session:
        answer = report(session, desk.signal(cast.plant_machine, night, severity=1), night)
        assert answer.outcome == "opened"
        incident = desk.the_incident(session)
        assert owed(session, incident).due_at == night + timedelta(minutes=15)
        assert asked(session, cast.plant_machine, "proactive_call", night) == ("granted", "scope.proactive_call")
        dee = desk.actor(cast, "dee")
        desk.done(acts.acknowledge(session, incident.id, dee, night + timedelta(minutes=2)))
        desk.done(acts.reply(session, incident.id, dee, night + timedelta(minutes=9), "Memory runs out by five."))
        assert owed(session, incident).state == "met"
        assert incident.customer_told_us_at is None  # we knew first
        assert owed(session, incident, "update").due_at == night + timedelta(minutes=39)
    tick_all(sessions, night + timedelta(minutes=40))
    with work(sessions, SYSTEM) as session:
        states = {(promise[0], promise[1]) for promise in desk.promises(session)}
        assert states >= {("respond", "met"), ("update", "breached"), ("update", "running")}


def test_without_a_contract_the_ask_is_answered_with_a_price_and_the_emergency_is_kept(
    sessions: Sessions, cast: Cast
) -> None:
    night = at("14T22:00")
    with work(sessions, SYSTEM) as session:
        customer = Customer(slug="barn", name="Barn", zone="Europe/Paris", language="fr", created_at=cast.now)
        session.add(customer)
        session.flush()
        site = Site(customer_id=customer.id, name="Barn", zone="Europe/Paris", country="FR", created_at=cast.now)
        session.add(site)
        session.flush()
        machine = Machine(customer_id=customer.id, name="barn-1", site_id=site.id, created_at=cast.now)
        session.add(machine)
        session.flush()
        answer = asks(session, machine.id, 1, night, "Rien ne marche")
        refused = answer.decision
        assert (answer.incident, refused.rule) == (None, "contract.none")
        assert "360,00 EUR de l'heure" in refused.remedy
        paid, emergency = refused.facts["offers"]
        assert (paid["least_cents"], emergency["least_cents"]) == (360_00, 1440_00)
        # The paid way is worked on like bronze: Monday. The customer takes the emergency instead: within the hour.
        zoe, request = Actor(None, "Zoe", is_customer=True), Request(severity=1, title="Rien ne marche")
        taken = outside_case.accept(session, refused.id, "emergency", request, zoe, night)
        assert isinstance(taken, Answer)
        incident = opened(taken)
        assert taken.decision.reason.startswith("Vous avez demandé une intervention d'urgence")
        assert taken.decision.facts["english"]["reason"].startswith("You asked for an emergency intervention")
        assert taken.decision.facts["respond_by"] == "2026-03-14T23:00:00Z"
        assert owed(session, incident).due_at == night + timedelta(hours=1)
        assert (incident.contract_id, incident.severity) == (None, 1)
        again = outside_case.accept(session, refused.id, "paid", request, zoe, night)
        assert isinstance(again, NotNow)
        assert again.rule == "duplicate"
        dee = desk.actor(cast, "dee")
        desk.done(acts.reply(session, incident.id, dee, night + timedelta(minutes=40), "Nous arrivons."))
        assert owed(session, incident).state == "met"
        assert [row.rule for row in session.scalars(select(DecisionRow).order_by(DecisionRow.id))] == [
            "contract.none", "outside.emergency",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "due"), [("paid", "16T12:00"), ("emergency", "14T23:00")]
)  # the four hours of bronze at severity 1 begin on Monday at nine in Paris
def test_each_way_without_a_contract_promises_what_it_says(sessions: Sessions, cast: Cast, path: str, due: str) -> None:
    night = at("14T22:00")
    with work(sessions, SYSTEM) as session:
        session.get_one(Contract, cast.plant_contract).state = "suspended"
        refused = asks(session, cast.plant_machine, 1, night, "It burns").decision
        request = Request(severity=4, title="It burns")
        taken = outside_case.accept(session, refused.id, path, request, Actor(cast.ada, "Ada", is_customer=True), night)
        assert isinstance(taken, Answer)
        assert owed(session, opened(taken)).due_at == at(due)
        late = outside_case.accept(session, refused.id, "barter", request, desk.actor(cast, "ada"), night)
        assert isinstance(late, NotNow)


def test_a_contract_that_grows_while_an_incident_is_open_brings_its_promise_forward(
    sessions: Sessions, cast: Cast
) -> None:
    ten = cast.now
    with work(sessions, SYSTEM) as session:
        machine = desk.covered_machine(session, "harbour", "bronze", ten)
        contract = session.scalars(select(Contract).where(Contract.number == "VC-harbour")).one()
        incident = opened(asks(session, machine, 2, ten, "A controller fails"))
        before = owed(session, incident).due_at
        frozen = dict(incident.terms)
        later = ten + timedelta(hours=1)
        waiting = proposals.propose(session, contract, {"tier": "gold"}, "grows", MAX, later)
        assert isinstance(waiting, TermsProposal)
        version = proposals.confirm(session, waiting, ROOT, later)
        assert isinstance(version, ContractTerms)
        found = amended.follow(session, contract, version, later)
        assert found is not None
        assert len(found.moved) == 1
        # Two hours of gold from the upgrade, not from the opening; earlier than what bronze still owed.
        assert owed(session, incident).due_at == later + timedelta(hours=2)
        assert before is not None
        assert before > later + timedelta(hours=2)
        assert {**incident.terms} == frozen
        assert amended.follow(session, contract, version, later) is None  # once a version
        # The way down moves nothing that runs.
        down = proposals.propose(session, contract, {"tier": "bronze"}, "shrinks", MAX, later)
        assert isinstance(down, TermsProposal)
        lower = proposals.confirm(session, down, ROOT, later)
        assert isinstance(lower, ContractTerms)
        nothing = amended.follow(session, contract, lower, later)
        assert nothing is not None
        assert nothing.moved == ()
        assert owed(session, incident).due_at == later + timedelta(hours=2)
    with work(sessions, SYSTEM) as session:
        dee = desk.actor(cast, "dee")
        desk.done(acts.reply(session, incident.id, dee, later + timedelta(hours=2), "It is changed."))
        assert owed(session, incident).state == "met"
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.customer_id == incident.customer_id).order_by(AuditEntry.id)
        ).all()
        assert first_broken_link(entries) is None


def test_a_contract_that_ends_while_an_incident_is_open_keeps_the_promise_it_gave(
    sessions: Sessions, cast: Cast
) -> None:
    evening = at("10T21:00")
    with work(sessions, SYSTEM) as session:
        contract = session.get_one(Contract, cast.plant_contract)
        contracting.set_end(session, contract, date(2026, 3, 10), "not renewed", MAX, evening)
        incident = opened(asks(session, cast.plant_machine, 3, evening, "A report looks odd"))
        due = owed(session, incident).due_at
        assert due == at("11T01:00")  # four hours around the clock: after the contract has ended
    tick_all(sessions, at("11T00:30"))
    with work(sessions, SYSTEM) as session:
        refused = asks(session, cast.plant_machine, 3, at("11T00:30"), "Another one")
        assert (refused.incident, refused.decision.rule) == (None, "contract.expired")
        running = owed(session, incident)
        assert (running.state, running.due_at) == ("running", due)
        desk.done(acts.reply(session, incident.id, desk.actor(cast, "dee"), at("11T00:45"), "The report was late."))
        assert owed(session, incident).state == "met"
        assert allowances.give_back_incident(session, incident, "Max", "nothing was counted", evening) is None
