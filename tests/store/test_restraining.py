"""What the desk holds back is never silent, never for ever, and never a hard fault."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import func, select

from escalation import acts, intake, promises, restraining, second_look
from escalation.intake import Report
from models.agreements import Contract
from models.audit import AuditEntry
from models.incidents import Finding, Incident
from models.machines import Machine
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast


def raised(sessions: Sessions, cast: Cast, at: datetime, cause: str, loud: float, **more: str) -> Report:
    """A finding of the model on Ada's machine, `loud` times the threshold."""
    with work(sessions, SYSTEM) as session:
        found = desk.finding(session, cast.plant_machine, at, cause)
        evidence = {"peak": 5.75 * loud, "threshold": 5.75}
        session.get_one(Finding, found).evidence = evidence
        signal = desk.signal(cast.plant_machine, at, cause, finding_id=found, evidence=evidence, **more)
        return intake.report(session, signal, at)


def finding_of(sessions: Sessions, cause: str) -> Finding:
    with work(sessions, SYSTEM) as session:
        return session.scalars(select(Finding).where(Finding.cause == cause)).one()


def many(sessions: Sessions, cast: Cast, count: int) -> None:
    for number in range(count):
        assert raised(sessions, cast, cast.now, f"m{number}", 2.0 + number).outcome == "opened"


def look_again(sessions: Sessions, now: datetime) -> None:
    second_look.second_look_loop(sessions)(now)


def dismiss(sessions: Sessions, cast: Cast, count: int) -> None:
    many(sessions, cast, count)
    with work(sessions, SYSTEM) as session:
        for finding in session.scalars(select(Finding).where(Finding.cause.startswith("m"))):
            finding.verdict, finding.judged_at = "false", cast.now
        for incident in session.scalars(select(Incident)):
            incident.state, incident.resolved_at = "resolved", cast.now


def test_when_many_are_open_the_next_must_beat_the_weakest_of_the_loudest(sessions: Sessions, cast: Cast) -> None:
    many(sessions, cast, restraining.MOST_OPEN)
    assert raised(sessions, cast, cast.now, "faint", 1.9).outcome == "held"
    held = finding_of(sessions, "faint")
    assert held.held_back == "admission"
    assert held.held_words.startswith(f"Held back because {restraining.MOST_OPEN} incidents of the model are open")
    assert raised(sessions, cast, cast.now, "level", 2.0).outcome == "held"
    assert raised(sessions, cast, cast.now, "loud", 2.5).outcome == "opened"


def test_hard_faults_silence_and_events_are_never_held_back(sessions: Sessions, cast: Cast) -> None:
    many(sessions, cast, restraining.MOST_OPEN)
    for kind in ("rule", "event", "silence"):
        assert raised(sessions, cast, cast.now, f"hard-{kind}", 1.0, kind=kind).outcome == "opened"


def test_what_waits_opens_by_itself_once_there_is_room(sessions: Sessions, cast: Cast) -> None:
    many(sessions, cast, restraining.MOST_OPEN)
    raised(sessions, cast, cast.now, "faint", 1.9)
    later = cast.now + timedelta(minutes=5)
    look_again(sessions, later)
    assert finding_of(sessions, "faint").incident_id is None
    with work(sessions, SYSTEM) as session:
        first = session.scalars(select(Incident).order_by(Incident.number)).first()
        assert first is not None
        desk.done(acts.resolve(session, first.id, desk.actor(cast, "dee"), later, "Mended."))
    look_again(sessions, later)
    opened = finding_of(sessions, "faint")
    assert opened.incident_id is not None
    assert (opened.held_back, opened.held_words) == ("", "")


def test_a_week_of_false_alarms_makes_detection_ask_for_more(sessions: Sessions, cast: Cast) -> None:
    dismiss(sessions, cast, 7)  # platinum puts up with five
    assert raised(sessions, cast, cast.now, "faint", 1.4).outcome == "held"
    assert finding_of(sessions, "faint").held_back == "budget"
    assert raised(sessions, cast, cast.now, "loud", 1.6).outcome == "opened"
    look_again(sessions, cast.now + timedelta(days=8))
    assert finding_of(sessions, "faint").incident_id is not None


def test_one_incident_that_came_and_went_many_times_is_one_false_alarm(sessions: Sessions, cast: Cast) -> None:
    for minute in range(9):
        assert raised(sessions, cast, cast.now + timedelta(minutes=minute), "m0", 2.0).incident_id is not None
    with work(sessions, SYSTEM) as session:
        incident = session.scalars(select(Incident)).one()
        desk.done(acts.verdict(session, incident.id, desk.actor(cast, "dee"), cast.now, "false"))
        contract = session.get_one(Contract, cast.plant_contract)
        terms = promises.terms_of(incident)
        assert restraining.standing(session, contract.id, terms, cast.now).dismissed == 1


def test_a_person_may_lift_the_back_off_and_take_that_back(sessions: Sessions, cast: Cast) -> None:
    dismiss(sessions, cast, 7)
    with work(sessions, SYSTEM) as session:
        contract = session.get_one(Contract, cast.plant_contract)
        restraining.lift(session, contract, "Max", cast.now)
    assert raised(sessions, cast, cast.now + timedelta(minutes=1), "faint", 1.1).outcome == "opened"
    with work(sessions, SYSTEM) as session:
        restraining.take_back(session, session.get_one(Contract, cast.plant_contract), "Max", cast.now)
        deeds = session.scalars(select(AuditEntry.deed).where(AuditEntry.actor == "Max")).all()
    assert deeds == ["contract.back_off_lifted", "contract.back_off_restored"]
    assert raised(sessions, cast, cast.now + timedelta(minutes=2), "fainter", 1.1).outcome == "held"


def test_a_person_may_open_it_anyway_and_what_is_over_opens_nothing(sessions: Sessions, cast: Cast) -> None:
    dismiss(sessions, cast, 7)
    raised(sessions, cast, cast.now, "faint", 1.1)
    held = finding_of(sessions, "faint").id
    with work(sessions, SYSTEM) as session:
        opened = second_look.open_held(session, held, cast.now, anyway=True)
    assert opened is not None
    assert opened.outcome == "opened"
    raised(sessions, cast, cast.now, "gone", 1.1)
    with work(sessions, SYSTEM) as session:
        intake.condition_ended(session, cast.plant_machine, "gone", cast.now, cast.now)
    look_again(sessions, cast.now + timedelta(days=8))
    assert finding_of(sessions, "gone").incident_id is None


def test_a_fleet_event_is_not_held_back(sessions: Sessions, cast: Cast) -> None:
    dismiss(sessions, cast, 9)
    with work(sessions, SYSTEM) as session:
        other = Machine(id=uuid.uuid4(), customer_id=cast.plant, name="plant-db-2", created_at=cast.now)
        session.add(other)
        session.flush()
        signals = []
        for machine in (cast.plant_machine, other.id):
            found = desk.finding(session, machine, cast.now, "latency")
            evidence = {"peak": 6.0, "threshold": 5.75}
            signals.append(desk.signal(machine, cast.now, "latency", finding_id=found, evidence=evidence))
        intake.report_all(session, signals, cast.now)
        held = session.scalar(select(func.count(Finding.id)).where(Finding.held_back != ""))
        joined = session.scalars(select(Finding.incident_id).where(Finding.cause == "latency")).all()
    assert held == 0
    assert joined[0] is not None
