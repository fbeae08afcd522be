"""Stories, told in order with the clock moved by hand: the same fault under different contracts."""

from __future__ import annotations

from datetime import date, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

from sqlalchemy import select

from escalation import acts
from escalation.channels.maildir import mail_folder
from escalation.deliver import deliver_once
from escalation.intake import Report, condition_ended, report, report_all
from escalation.tick import tick_all
from models.audit import AuditEntry, first_broken_link
from models.decisions import DecisionRow
from models.incidents import Finding
from models.session import STAFF, SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast


def decision_of(sessions: Sessions, answer: Report) -> DecisionRow:
    with work(sessions, SYSTEM) as session:
        return session.get_one(DecisionRow, answer.decision_id)


def test_a_fan_dies_at_ada_and_at_cy_on_the_same_morning(
    sessions: Sessions, web_sessions: Sessions, cast: Cast, tmp_path: Path
) -> None:
    # Ten in Paris. A fan dies in Ada's machine (platinum) and in Cy's (bronze); the same model sees the same thing.
    ten = cast.now
    with work(sessions, SYSTEM) as session:
        found = [desk.finding(session, machine, ten, "fan") for machine in (cast.joinery_machine, cast.plant_machine)]
        signals = [
            desk.signal(machine, ten, "fan", severity=1, title="A fan stands still", finding_id=id)
            for machine, id in zip((cast.joinery_machine, cast.plant_machine), found, strict=True)
        ]
        cy, ada = report_all(session, signals, ten)

    # Cy's contract does not include being watched: no incident, and a sentence that says what would change it.
    assert (cy.outcome, ada.outcome) == ("refused", "opened")
    refusal = decision_of(sessions, cy)
    assert refusal.reason == (
        "Detection begins with gold, in shadow, and opens incidents on platinum; your contract is bronze."
    )
    assert refusal.remedy

    # Ada is promised a first response within a quarter of an hour, and Dee has mail.
    send = mail_folder(tmp_path, "Vigie <vigie@house.example>", "https://vigie.example")
    deliver_once(sessions, {"email": send}, ten)
    (mail,) = [message_from_bytes(file.read_bytes(), policy=default) for file in tmp_path.iterdir()]
    assert str(mail["To"]) == "dee@example.org"
    assert "A fan stands still" in mail["Subject"]
    assert "first response by 2026-03-10 10:15 (Europe/Paris)" in mail.get_content()

    # Dee takes it a minute later, with Eve beside her; nobody further is called.
    dee = desk.actor(cast, "dee")
    with work(web_sessions, STAFF) as session:
        incident = desk.done(acts.acknowledge(session, desk.the_incident(session).id, dee, ten + desk.minutes(1)))
        assert (incident.owner_id, incident.second_id) == (cast.dee, cast.eve)
    tick_all(sessions, ten + desk.minutes(14))

    # She tells Ada before Ada has noticed anything: promise kept, and we knew first.
    with work(web_sessions, STAFF) as session:
        incident = desk.done(acts.reply(session, incident.id, dee, ten + desk.minutes(12), "A fan has died. Parts go."))
        assert incident.told_customer_at is not None
        assert incident.customer_told_us_at is None
    with work(web_sessions, cast.plant) as session:
        assert desk.promises(session)[0][:2] == ("respond", "met")
    # The fan is changed, the condition ends, Dee resolves.
    later = ten + timedelta(hours=1)
    with work(sessions, SYSTEM) as session:
        condition_ended(session, cast.plant_machine, "fan", later, later, found[1])
    with work(web_sessions, STAFF) as session:
        desk.done(acts.resolve(session, incident.id, dee, later, "The fan was changed."))
        desk.done(acts.close(session, incident.id, dee, later))
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.customer_id == cast.plant).order_by(AuditEntry.id)
        ).all()
        assert first_broken_link(entries) is None
        assert [entry.deed for entry in entries] == [
            "open", "acknowledge", "reply", "condition ended", "resolve", "close",
        ]  # fmt: skip
    # Cy sees the decision about his own machine, and nothing of Ada's.
    with work(web_sessions, cast.joinery) as session:
        assert [row.rule for row in session.scalars(select(DecisionRow))] == ["detection.none"]
        assert desk.incidents(session) == []


def test_nobody_acknowledges_and_the_ladder_climbs_until_somebody_does(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.add(
            desk.NamedPerson(
                customer_id=cast.plant, person_id=desk.engineer(session, "Amy", cast.now), duty="account engineer"
            )
        )
        for name, rung in (("Two", "number-two"), ("One", "number-one")):
            desk.engineer(session, name, cast.now, role="manager", rungs=[rung])
        lead = session.get_one(desk.Person, cast.max)
        lead.rungs = ["lead"]
        report(session, desk.signal(cast.plant_machine, cast.now, severity=1), cast.now)

    called: list[tuple[int, str]] = []
    for minute in range(46):
        tick_all(sessions, cast.now + desk.minutes(minute))
        with work(sessions, SYSTEM) as session:
            now_told = [who for who, rung, _ in desk.told(session) if rung >= 0]
        called += [(minute, who) for who in now_told[len(called) :]]
        if minute == 32:  # number two is awake and acknowledges
            with work(sessions, SYSTEM) as session:
                incident = desk.the_incident(session)
                two = session.scalars(select(desk.Person).where(desk.Person.name == "Two")).one()
                at = cast.now + desk.minutes(32)
                desk.done(acts.acknowledge(session, incident.id, desk.Actor(two.id, "Two"), at))

    assert [(minute, who) for minute, who in called] == [(0, "Dee"), (5, "Eve"), (10, "Amy"), (20, "Max"), (30, "Two")]
    with work(sessions, SYSTEM) as session:
        assert desk.the_incident(session).owner_id == two.id
        assert [text.split(":")[0] for text in desk.story(session, "rung")] == [
            "Rung 1 (engineer on duty)",
            "Rung 2 (second engineer on duty)",
            "Rung 3 (people named for the account)",
            "Rung 4 (lead)",
            "Rung 5 (number two)",
        ]


def test_on_gold_the_fault_is_seen_in_shadow_and_kept_for_the_review(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        machine = desk.covered_machine(session, "golden", "gold", cast.now)
        found = desk.finding(session, machine, cast.now, "fan")
        answer = report(session, desk.signal(machine, cast.now, "fan", finding_id=found), cast.now)
    row = decision_of(sessions, answer)
    assert (answer.outcome, row.outcome) == ("shadow", "shadow")
    assert row.remedy == "With platinum this would have opened an incident."
    ended = cast.now + desk.minutes(9)
    with work(sessions, SYSTEM) as session:
        condition_ended(session, machine, "fan", ended, ended, found)
    with work(sessions, SYSTEM) as session:
        kept = session.get_one(Finding, found)
        assert (kept.shadow, kept.ended_at, kept.incident_id) == (True, ended, None)
        assert desk.told(session) == []
    assert tick_all(sessions, cast.now + timedelta(days=1)) == (0, None)


def test_the_day_after_the_contract_ended_the_answer_is_a_refusal_with_a_way_out(
    sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        machine = desk.covered_machine(session, "lapsed", "platinum", cast.now, ends_on=date(2026, 3, 10))
        first = report(session, desk.signal(machine, cast.now, "fan"), cast.now)
        midnight_passed = cast.now + timedelta(hours=15)  # in Paris, where the contract lives
        second = report(session, desk.signal(machine, midnight_passed, "disk"), midnight_passed)
        again = report(session, desk.signal(machine, midnight_passed, "fan"), midnight_passed)
    assert [first.outcome, second.outcome] == ["opened", "refused"]
    row = decision_of(sessions, second)
    assert row.rule == "contract.expired"
    assert "2026" in row.reason
    assert row.remedy.startswith("Renew it")
    # What was opened under the contract keeps its frozen terms, and what belongs to it still joins it.
    assert (again.outcome, again.incident_id) == ("joined", first.incident_id)
