"""Remote diagnostics as rows: only under contract, only with consent, each step told and on record."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from escalation import diagnosis, diagnostics
from escalation.incident import NotNow
from escalation.intake import report
from models.audit import AuditEntry
from models.decisions import DecisionRow
from models.diagnostics import DiagnosticAsk, DiagnosticConsent
from models.incidents import Incident, TimelineEntry
from models.machines import Machine, MachineState
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast
from tests.rig import until

HOUR = timedelta(hours=1)
RESULT = {"disks": [{"mount": "/", "used_pct": 97.0}]}


@pytest.fixture
def incident(sessions: Sessions, cast: Cast) -> uuid.UUID:
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
        return desk.the_incident(session).id


def consent(session: Session, cast: Cast, *, machine: bool = True) -> DiagnosticConsent:
    row = session.get_one(Machine, cast.plant_machine) if machine else None
    given = diagnostics.consent(session, cast.plant, row, desk.actor(cast, "ada"), cast.now + HOUR, cast.now)
    assert isinstance(given, DiagnosticConsent)
    return given


def ask(session: Session, cast: Cast, incident: uuid.UUID, reading: str = "disk_usage", **more: object) -> object:
    found = session.get_one(Incident, incident)
    unit, lines = str(more.get("unit", "")), int(str(more.get("lines", 0)))
    at = cast.now + timedelta(seconds=float(str(more.get("after_s", 0))))
    return diagnostics.ask(session, found, reading, unit, lines, desk.actor(cast, "dee"), at)


def told(session: Session) -> list[str]:
    lines = select(TimelineEntry.text).where(TimelineEntry.kind == "diagnostics", TimelineEntry.public)
    return list(session.scalars(lines.order_by(TimelineEntry.at, TimelineEntry.id)))


def deeds(session: Session) -> set[str]:
    return set(session.scalars(select(AuditEntry.deed).where(AuditEntry.deed.startswith("diagnostics"))))


def test_without_consent_nothing_is_asked(sessions: Sessions, cast: Cast, incident: uuid.UUID) -> None:
    with work(sessions, SYSTEM) as session:
        answer = ask(session, cast, incident)
        assert isinstance(answer, NotNow)
        assert answer.rule == "consent"
        assert session.scalars(select(DiagnosticAsk)).all() == []


def test_only_a_person_of_the_customer_consents_and_never_for_ever(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        machine = session.get_one(Machine, cast.plant_machine)
        for who, until in (("dee", HOUR), ("ada", timedelta(days=31)), ("ada", timedelta(minutes=1)), ("ada", -HOUR)):
            given = diagnostics.consent(session, cast.plant, machine, desk.actor(cast, who), cast.now + until, cast.now)
            assert isinstance(given, NotNow)


@pytest.mark.parametrize("machine", [True, False], ids=["one machine", "every machine"])
def test_an_answer_is_filed_on_the_incident(sessions: Sessions, cast: Cast, incident: uuid.UUID, machine: bool) -> None:
    with work(sessions, SYSTEM) as session:
        consent(session, cast, machine=machine)
        asked = ask(session, cast, incident)
        assert isinstance(asked, DiagnosticAsk)
        taken_at = round(cast.now.timestamp() * 1000)
        body = {"id": str(asked.id), "at": taken_at, "result": {**RESULT, "x\0": "a\0b"}}
        later = cast.now + timedelta(seconds=4)
        assert diagnostics.answered(session, cast.plant_machine, str(asked.id), body, later)
        assert not diagnostics.answered(session, cast.plant_machine, str(asked.id), body, later), "told before"
    with work(sessions, SYSTEM) as session:
        row = session.scalars(select(DiagnosticAsk)).one()
        assert (row.state, row.result["disks"], row.taken_at) == ("answered", RESULT["disks"], cast.now)
        assert told(session) == [
            "Asked plant-db-1 for how full its disks are, with Ada's consent. "
            "It was never heard, so there may be no answer.",
            "plant-db-1 answered with how full its disks are: 1 disk.",
        ]
        assert deeds(session) == {"diagnostics.consented", "diagnostics.asked", "diagnostics.answered"}


def test_nobody_elses_answer_counts(sessions: Sessions, cast: Cast, incident: uuid.UUID) -> None:
    with work(sessions, SYSTEM) as session:
        consent(session, cast)
        asked = ask(session, cast, incident)
        assert isinstance(asked, DiagnosticAsk)
        for machine, ask_id in ((cast.joinery_machine, str(asked.id)), (cast.plant_machine, str(uuid.uuid4())),
                                (cast.plant_machine, "nonsense")):  # fmt: skip
            assert not diagnostics.answered(session, machine, ask_id, {"result": RESULT}, cast.now)
        assert asked.state == "waiting"


def test_a_machines_no_is_told_with_its_reason(sessions: Sessions, cast: Cast, incident: uuid.UUID) -> None:
    with work(sessions, SYSTEM) as session:
        consent(session, cast)
        asked = ask(session, cast, incident, "log_tail", unit="sshd.service", lines=20)
        assert isinstance(asked, DiagnosticAsk)
        body = {"refused": "unit_not_allowed"}
        assert diagnostics.answered(session, cast.plant_machine, str(asked.id), body, cast.now)
        assert (asked.state, asked.why) == ("refused", "unit_not_allowed")
        assert "the last 20 lines of sshd.service: unit_not_allowed" in told(session)[-1]


def test_what_is_not_answered_is_given_up_and_a_late_answer_is_not_kept(
    sessions: Sessions, cast: Cast, incident: uuid.UUID
) -> None:
    with work(sessions, SYSTEM) as session:
        heard = cast.now - timedelta(minutes=9)
        session.add(
            MachineState(
                machine_id=cast.plant_machine, customer_id=cast.plant, speaking="silent", last_received_at=heard
            )
        )
        consent(session, cast)
        asked = ask(session, cast, incident)
        assert isinstance(asked, DiagnosticAsk)
        assert diagnostics.expire(session, cast.now + timedelta(seconds=119)) == 0
        assert diagnostics.expire(session, cast.now + timedelta(seconds=121)) == 1
        late = cast.now + timedelta(seconds=122)
        assert not diagnostics.answered(session, cast.plant_machine, str(asked.id), {"result": RESULT}, late)
        assert (asked.state, asked.result) == ("expired", {})
        assert told(session)[-1] == (
            "No word from plant-db-1 on how full its disks are within 2 minutes: it could not be sent. "
            "It was last heard at 2026-03-10T08:51:00Z, so there may be no answer."
        )


def test_consent_taken_back_ends_what_is_under_way(sessions: Sessions, cast: Cast, incident: uuid.UUID) -> None:
    with work(sessions, SYSTEM) as session:
        given = consent(session, cast)
        asked = ask(session, cast, incident)
        assert isinstance(asked, DiagnosticAsk)
        assert diagnostics.revoke(session, given, desk.actor(cast, "ada"), cast.now + timedelta(seconds=1))
        assert not diagnostics.revoke(session, given, desk.actor(cast, "ada"), cast.now + timedelta(seconds=2))
        later = cast.now + timedelta(seconds=3)
        assert not diagnostics.answered(session, cast.plant_machine, str(asked.id), {"result": RESULT}, later)
        assert asked.result == {}
        assert isinstance(ask(session, cast, incident, after_s=5), NotNow)
        assert "diagnostics.consent_revoked" in deeds(session)


def test_consent_ends_by_itself(sessions: Sessions, cast: Cast, incident: uuid.UUID) -> None:
    with work(sessions, SYSTEM) as session:
        consent(session, cast)
        assert isinstance(ask(session, cast, incident, after_s=3599), DiagnosticAsk)
        assert isinstance(ask(session, cast, incident, after_s=3601), NotNow)


@pytest.mark.parametrize("tier", ["bronze", "silver", "gold", "platinum"])
def test_the_contract_decides(sessions: Sessions, cast: Cast, tier: str) -> None:
    with work(sessions, SYSTEM) as session:
        machine = session.get_one(Machine, desk.covered_machine(session, "covered-1", tier, cast.now))
        incident = Incident(
            customer_id=machine.customer_id, machine_id=machine.id, cause="memory", kind="anomaly", severity=3,
            title="t", summary="s", state="working", began_at=cast.now, opened_at=cast.now, changed_at=cast.now,
            tier=tier,
        )  # fmt: skip
        session.add(incident)
        session.add(
            DiagnosticConsent(
                customer_id=machine.customer_id, given_by="Ada", given_at=cast.now, until_at=cast.now + HOUR
            )
        )
        session.flush()
        answer = diagnostics.ask(session, incident, "processes", "", 0, desk.actor(cast, "dee"), cast.now)
        if tier != "platinum":
            assert isinstance(answer, DecisionRow)
            assert (answer.outcome, answer.rule) == ("refused", "scope.remote_diagnostics")
            assert session.scalars(select(DiagnosticAsk)).all() == []
        else:
            assert isinstance(answer, DiagnosticAsk)
            again = diagnostics.ask(session, incident, "smart", "", 0, desk.actor(cast, "dee"), cast.now)
            assert isinstance(again, DiagnosticAsk)
            assert again.decision_id == answer.decision_id, "an hour of looking is asked of the contract once"


DEEDS: dict[str, Callable[[Session, Cast, uuid.UUID, uuid.UUID], object]] = {
    "answered": lambda session, cast, asked, given: diagnostics.answered(
        session, cast.plant_machine, str(asked), {"result": RESULT}, cast.now
    ),
    "given up": lambda session, cast, asked, given: diagnostics.expire(session, cast.now + HOUR),
    "taken back": lambda session, cast, asked, given: diagnostics.revoke(
        session, session.get_one(DiagnosticConsent, given), desk.actor(cast, "ada"), cast.now
    ),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_who_ends_an_ask_waits_for_its_incident_before_the_ask_is_held(
    sessions: Sessions, cast: Cast, incident: uuid.UUID, deed: str
) -> None:
    """Whoever works on the incident may go on to its asks: the other way round, each would wait for the other."""
    with work(sessions, SYSTEM) as session:
        given = consent(session, cast).id
        asked = ask(session, cast, incident)
        assert isinstance(asked, DiagnosticAsk)
        asked_id = asked.id

    def end() -> object:
        with work(sessions, SYSTEM) as session:
            return DEEDS[deed](session, cast, asked_id, given)

    with ThreadPoolExecutor(1) as aside:
        with work(sessions, SYSTEM) as session:
            session.execute(select(Incident.id).where(Incident.id == incident).with_for_update())
            ending = aside.submit(end)
            until(lambda: session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")), "the other waits")
            held = select(DiagnosticAsk.state).where(DiagnosticAsk.id == asked_id)
            assert session.scalar(held.with_for_update(nowait=True)) == "waiting"
        assert ending.result(30)
    with work(sessions, SYSTEM) as session:
        assert session.get_one(DiagnosticAsk, asked_id).ended_at is not None


def test_an_ask_ends_with_the_consent_it_rests_on(sessions: Sessions, cast: Cast, incident: uuid.UUID) -> None:
    late = 3600 - 20.0
    with work(sessions, SYSTEM) as session:
        given = consent(session, cast)
        asked = ask(session, cast, incident, after_s=late)
        assert isinstance(asked, DiagnosticAsk)
        assert asked.expires_at == given.until_at
        after = given.until_at + timedelta(seconds=1)
        assert not diagnostics.answered(session, cast.plant_machine, str(asked.id), {"result": RESULT}, after)
        assert diagnostics.expire(session, after) == 1
        assert (asked.state, asked.why, asked.result) == ("refused", diagnosis.LAPSED, {})
