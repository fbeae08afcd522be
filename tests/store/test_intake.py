"""The intake: one open incident per machine and cause, each answer decided by the contract and written down."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import psycopg
import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from escalation import opening
from escalation.intake import Request, condition_ended, open_by_person, report, report_all
from models.audit import AuditEntry, first_broken_link
from models.decisions import DecisionRow
from models.incidents import Finding, Incident
from models.machines import Machine
from models.session import SYSTEM, Sessions, work
from tests import desk, postgres
from tests.cast import Cast


def test_a_signal_opens_an_incident_with_everything_frozen_into_it(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        answer = report(session, desk.signal(cast.plant_machine, cast.now, severity=1), cast.now)
    assert answer.outcome == "opened"
    with work(sessions, SYSTEM) as session:
        incident = desk.the_incident(session)
        assert (incident.id, incident.state, incident.version, incident.tier) == (
            answer.incident_id,
            "open",
            1,
            "platinum",
        )
        assert incident.terms["respond"]["1"] == {"seconds": 900}
        assert [rung["who"] for rung in incident.ladder["rungs"]][:2] == [["duty"], ["second"]]
        assert incident.evidence_digest == opening.digest(incident.evidence)
        decision = session.get_one(DecisionRow, incident.decision_id)
        assert (decision.outcome, decision.rule, decision.ask) == ("granted", "detection.open", "detection")
        assert desk.promises(session) == [("respond", "running", cast.now + timedelta(minutes=15))]
        assert [who for who, _, _ in desk.told(session)] == ["Dee"]
        assert incident.next_rung_at == cast.now + timedelta(minutes=5)
        chain = session.scalars(select(AuditEntry).where(AuditEntry.customer_id == cast.plant).order_by(AuditEntry.id))
        entries = list(chain)
        assert [entry.deed for entry in entries] == ["open"]
        assert first_broken_link(entries) is None


def test_a_second_signal_joins_the_open_incident(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        first = report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
        second = report(session, desk.signal(cast.plant_machine, cast.now), cast.now + timedelta(minutes=1))
    assert (second.outcome, second.incident_id) == ("joined", first.incident_id)
    with work(sessions, SYSTEM) as session:
        assert desk.the_incident(session).severity == 2
        assert len(desk.told(session)) == 1


def test_another_cause_is_another_incident(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        both = [desk.signal(cast.plant_machine, cast.now, cause) for cause in ("memory", "disk:/var")]
        assert [answer.outcome for answer in report_all(session, both, cast.now)] == ["opened", "opened"]


def test_a_machine_that_flaps_200_times_leaves_one_incident_and_few_words(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        for minute in range(0, 400, 2):
            at = cast.now + desk.minutes(minute)
            found = desk.finding(session, cast.plant_machine, at)
            report(session, desk.signal(cast.plant_machine, at, finding_id=found), at)
            condition_ended(session, cast.plant_machine, "memory", at, at + desk.minutes(1), found)
    with work(sessions, SYSTEM) as session:
        incident = desk.the_incident(session)
        assert session.scalar(select(func.count(Finding.id)).where(Finding.incident_id == incident.id)) == 200
        # Once an hour for seven hours, each "seen again", "come back" and "ended".
        assert len(desk.story(session, "joined", "ended")) <= 3 * 8


def test_a_graver_signal_raises_the_severity_and_shortens_the_promise(sessions: Sessions, cast: Cast) -> None:
    later = cast.now + desk.minutes(10)
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now, severity=2), cast.now)
        report(session, desk.signal(cast.plant_machine, later, severity=1), later)
    with work(sessions, SYSTEM) as session:
        incident = desk.the_incident(session)
        assert (incident.severity, incident.version) == (1, 2)
        assert desk.promises(session) == [("respond", "running", cast.now + desk.minutes(15))]
        assert "Severity raised from 2 to 1" in desk.story(session, "severity")[0]


def test_a_finding_reported_twice_changes_nothing_the_second_time(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        found = desk.finding(session, cast.plant_machine, cast.now)
        refused = desk.finding(session, cast.joinery_machine, cast.now)
    answers = []
    for minute in (0, 90):
        at = cast.now + desk.minutes(minute)
        with work(sessions, SYSTEM) as session:
            both = [
                desk.signal(cast.plant_machine, cast.now, finding_id=found),
                desk.signal(cast.joinery_machine, cast.now, finding_id=refused),
            ]
            answers += [answer.outcome for answer in report_all(session, both, at)]
    assert answers == ["opened", "refused", "known", "known"]
    with work(sessions, SYSTEM) as session:
        assert desk.the_incident(session).version == 1
        assert session.scalar(select(func.count(DecisionRow.id))) == 2


@pytest.mark.parametrize(
    ("tier", "kind", "outcome", "rule"),
    [
        ("bronze", "anomaly", "refused", "detection.none"),
        ("bronze", "silence", "refused", "silence.refused"),
        ("silver", "anomaly", "refused", "detection.none"),
        ("silver", "silence", "shown", "silence.shown"),
        ("gold", "anomaly", "shadow", "detection.shadow"),
        ("gold", "silence", "shown", "silence.shown"),
        ("platinum", "anomaly", "opened", "detection.open"),
        ("platinum", "silence", "opened", "silence.open"),
    ],
)
def test_the_contract_decides_what_becomes_of_a_signal(
    sessions: Sessions, cast: Cast, tier: str, kind: str, outcome: str, rule: str
) -> None:
    with work(sessions, SYSTEM) as session:
        machine = desk.covered_machine(session, "somewhere", tier, cast.now)
        found = desk.finding(session, machine, cast.now)
        answer = report(session, desk.signal(machine, cast.now, kind=kind, finding_id=found), cast.now)
    assert answer.outcome == outcome
    with work(sessions, SYSTEM) as session:
        row = session.get_one(DecisionRow, answer.decision_id)
        assert row.rule == rule
        assert row.reason
        assert row.remedy or row.outcome == "granted"
        assert session.get_one(Finding, found).shadow is (outcome == "shadow")
        assert session.get_one(Finding, found).decision_id == row.id
        assert len(desk.incidents(session)) == (1 if outcome == "opened" else 0)
        assert bool(desk.told(session)) is (outcome == "opened")


def test_out_of_contract_is_a_refusal_in_words(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        machine = desk.covered_machine(session, "gone", "platinum", cast.now, ends_on=date(2026, 2, 1))
        answer = report(session, desk.signal(machine, cast.now), cast.now)
    assert (answer.outcome, answer.incident_id) == ("refused", None)
    assert "ended on" in answer.words


def test_a_machine_nobody_knows_is_an_error(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        with pytest.raises(LookupError):
            report(session, desk.signal(uuid.uuid4(), cast.now), cast.now)
        with pytest.raises(LookupError):
            condition_ended(session, uuid.uuid4(), "memory", cast.now, cast.now)


def test_batches_at_once_in_opposite_order_leave_one_incident_each(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        machines = [cast.plant_machine] + [
            desk.covered_machine(session, f"m{number}", "platinum", cast.now) for number in range(3)
        ]

    def batch(turn: int) -> list[str]:
        signals = [desk.signal(machine, cast.now, cause) for machine in machines for cause in ("memory", "cpu")]
        if turn % 2:
            signals.reverse()
        while True:
            try:
                with work(sessions, SYSTEM) as session:
                    return [answer.outcome for answer in report_all(session, signals, cast.now)]
            except OperationalError as error:
                # Waiting too long for one's turn is a reason to try again; a deadlock would be a defect.
                if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
                    raise

    with ThreadPoolExecutor(4) as pool:
        outcomes = [outcome for batch in pool.map(batch, range(8)) for outcome in batch]
    assert outcomes.count("opened") == 8
    assert outcomes.count("joined") == 7 * 8
    with work(sessions, SYSTEM) as session:
        assert len(desk.incidents(session)) == 8


def test_an_end_before_anything_was_opened_is_told_as_that(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        found = desk.finding(session, cast.plant_machine, cast.now)
        report(session, desk.signal(cast.plant_machine, cast.now, finding_id=found), cast.now)
        ended = cast.now - desk.minutes(8)
        condition_ended(session, cast.plant_machine, "memory", ended, cast.now + desk.minutes(1), found)
        [line] = desk.story(session, "ended")
        assert "before this incident was opened" in line


def test_the_end_of_the_condition_is_said_once_and_a_return_takes_it_back(sessions: Sessions, cast: Cast) -> None:
    ended = cast.now + desk.minutes(5)
    with work(sessions, SYSTEM) as session:
        found = desk.finding(session, cast.plant_machine, cast.now)
        report(session, desk.signal(cast.plant_machine, cast.now, finding_id=found), cast.now)
        for _ in range(2):
            condition_ended(session, cast.plant_machine, "memory", ended, ended, found)
    with work(sessions, SYSTEM) as session:
        incident = desk.the_incident(session)
        assert (incident.condition_ended_at, incident.state, incident.version) == (ended, "open", 2)
        assert session.get_one(Finding, found).ended_at == ended
        assert len(desk.story(session, "ended")) == 1
        report(session, desk.signal(cast.plant_machine, ended), ended + desk.minutes(1))
    with work(sessions, SYSTEM) as session:
        assert desk.the_incident(session).condition_ended_at is None


def test_an_incident_two_findings_hold_open_ends_with_the_second(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        both = [desk.finding(session, cast.plant_machine, cast.now + desk.minutes(n)) for n in (0, 1)]
        for found in both:
            report(session, desk.signal(cast.plant_machine, cast.now, finding_id=found), cast.now)
        condition_ended(session, cast.plant_machine, "memory", cast.now, cast.now, both[0])
        assert desk.the_incident(session).condition_ended_at is None
        condition_ended(session, cast.plant_machine, "memory", cast.now, cast.now, both[1])
        assert desk.the_incident(session).condition_ended_at == cast.now


def test_a_person_opens_an_incident_and_is_answered_by_the_contract(sessions: Sessions, cast: Cast) -> None:
    request = Request(3, "Printer on fire", "since nine", cast.joinery_machine, channel="portal")
    with work(sessions, SYSTEM) as session:
        answer = open_by_person(session, cast.joinery, request, desk.actor(cast, "cy"), cast.now)
        again = open_by_person(session, cast.joinery, request, desk.actor(cast, "cy"), cast.now)
        assert answer.incident is not None
        assert again.incident is not None
        assert again.incident.id != answer.incident.id  # each ask is a case of its own
        assert answer.incident.customer_told_us_at == cast.now
        assert answer.decision.rule == "promise.open_incident"
        assert answer.decision.asked_by == "Cy"


def test_two_people_asking_for_the_same_cause_share_one_incident(sessions: Sessions, cast: Cast) -> None:
    request = Request(3, "Slow", "very slow", cast.plant_machine, cause="slow")
    with work(sessions, SYSTEM) as session:
        first = open_by_person(session, cast.plant, request, desk.actor(cast, "ada"), cast.now)
        second = open_by_person(session, cast.plant, request, desk.actor(cast, "bo"), cast.now)
        assert first.incident is not None
        assert second.joined
        assert second.incident is first.incident


def test_a_refused_request_is_an_answer_and_is_on_record(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        machine = desk.covered_machine(session, "late", "bronze", cast.now, ends_on=date(2026, 2, 1))
        customer = session.get_one(Machine, machine).customer_id
        answer = open_by_person(session, customer, Request(1, "Down"), desk.actor(cast, "dee"), cast.now)
        assert answer.incident is None
        assert (answer.decision.outcome, answer.decision.rule) == ("refused", "contract.expired")
        entry = session.scalars(select(AuditEntry).where(AuditEntry.customer_id == customer)).one()
        assert entry.deed == "refuse incident"


def test_pages_and_workers_are_told_when_the_opening_commits(sessions: Sessions, cast: Cast, database: str) -> None:
    with psycopg.connect(postgres.plain(database), autocommit=True) as listener:
        listener.execute("LISTEN vigie_live")
        listener.execute("LISTEN vigie_work")
        with work(sessions, SYSTEM) as session:
            answer = report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
        heard = {notice.channel: notice.payload for notice in listener.notifies(timeout=10, stop_after=2)}
    assert json.loads(heard["vigie_live"]) == {
        "kind": "incident",
        "id": str(answer.incident_id),
        "customer_id": str(cast.plant),
        "version": 1,
    }
    assert "vigie_work" in heard


def test_the_web_role_of_another_customer_sees_nothing_of_it(
    sessions: Sessions, web_sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
    with work(web_sessions, cast.joinery) as session:
        assert session.scalars(select(Incident.id)).all() == []
    with work(web_sessions, cast.plant) as session:
        assert len(session.scalars(select(Incident.id)).all()) == 1
