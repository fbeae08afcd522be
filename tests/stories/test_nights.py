"""Nights on duty, told in order with the clock moved by hand: who is called, who is let sleep, how far up it goes."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from escalation import acts, duty
from escalation.auditor import audit_house
from escalation.intake import Signal, report, report_all
from escalation.tick import tick_all
from models.customers import Customer, Site
from models.duty import DutySchedule
from models.incidents import OPEN_STATES, Incident
from models.machines import Machine
from models.notices import Notice
from models.people import NamedPerson, Person, Shift
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast

THREE = datetime(2026, 3, 11, 2, 0, tzinfo=UTC)  # three at night in Paris, a Wednesday
SUNDAY = datetime(2026, 3, 15, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def pages(session: Session) -> list[tuple[str, int, str]]:
    """(who, rung, channel) of every page of a rung, in order."""
    rows = select(Notice, Person.name).join(Person, Person.id == Notice.person_id).where(Notice.rung >= 0)
    found = session.execute(rows.order_by(Notice.created_at, Notice.rung, Person.name, Notice.channel)).all()
    return [(name, notice.rung, notice.channel) for notice, name in found]


@pytest.fixture
def house(sessions: Sessions, cast: Cast) -> dict[str, uuid.UUID]:
    """Noa has the night, Ugo stands second; Ana is the account's engineer and asleep; Two and One stand on top."""
    with work(sessions, SYSTEM) as session:
        session.execute(delete(Shift))
        ids = {name: desk.engineer(session, name, cast.now, zone="Europe/Paris") for name in ("Noa", "Ugo", "Ana")}
        for name in ("Noa", "Ugo"):
            layer = {"people": [str(ids[name])], "first_day": "2026-03-02"}
            session.add(DutySchedule(name=f"Nuit {name}", unit="europe", zone="Europe/Paris", layers=[layer],
                                     changed_at=cast.now))  # fmt: skip
        ana = session.get_one(Person, ids["Ana"])
        phone = {"channel": "voice", "address": "+33612345678"}
        # Ana's chat is for the day, her mail rests at night unless it is grave, her telephone rings.
        ana.notify = [{"channel": "slack", "address": "https://chat.example/ana", "hours": "08:00-19:00"},
                      {"channel": "email", "address": "ana@example.org", "quiet": "22:00-07:00", "loud": "0"},
                      phone]  # fmt: skip
        session.add(NamedPerson(customer_id=cast.plant, person_id=ana.id, duty="account engineer"))
        session.get_one(Person, cast.max).rungs = ["lead"]
        for name, rung in (("Two", "number-two"), ("One", "number-one")):
            ids[name] = desk.engineer(session, name, cast.now, role="manager", rungs=[rung])
        return ids


def test_a_platinum_disk_fault_at_three_calls_the_night_and_wakes_the_account_engineer_only_in_her_turn(
    sessions: Sessions, cast: Cast, house: dict[str, uuid.UUID]
) -> None:
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, THREE, "disk", severity=1, title="A disk fails"), THREE)
        terms = session.scalars(select(Incident)).one().ladder["rungs"]
        at = [rung["who"][0] for rung in terms].index("account")
    with work(sessions, SYSTEM) as session:
        told = {name for name, _, _ in pages(session)}
        assert told == {"Noa"}, "the engineer of the night, and nobody else, at the first minute"
    now = THREE
    while True:  # minute by minute until her rung is due
        now += MINUTE
        tick_all(sessions, now)
        with work(sessions, SYSTEM) as session:
            if session.scalars(select(Incident)).one().rung >= at:
                break
        assert now < THREE + timedelta(hours=1)
    with work(sessions, SYSTEM) as session:
        ana = {channel: row for row in session.scalars(select(Notice).where(Notice.person_id == house["Ana"]))
               for channel in (row.channel,)}  # fmt: skip
        assert set(ana) == {"email", "voice"}, "two methods, and not the chat at three"
        assert ana["voice"].next_try_at == now, "her telephone rings"
        assert ana["email"].next_try_at.hour == 6, "her mail waits until seven in Paris, as she wished"
        desk.done(acts.acknowledge(session, desk.the_incident(session).id, desk.actor(cast, "dee"), now))
    count = len(told_so_far(sessions))
    for minutes in range(1, 120, 7):
        tick_all(sessions, now + minutes * MINUTE)
    with work(sessions, SYSTEM) as session:
        assert len(pages(session)) == count, "once it is acknowledged nobody further is called"


def told_so_far(sessions: Sessions) -> list[tuple[str, int, str]]:
    with work(sessions, SYSTEM) as session:
        return pages(session)


def test_when_nobody_acknowledges_it_goes_up_to_number_one_with_a_brief(
    sessions: Sessions, cast: Cast, house: dict[str, uuid.UUID]
) -> None:
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, THREE, "disk", severity=1), THREE)
    for minutes in range(1, 240):
        tick_all(sessions, THREE + minutes * MINUTE)
    with work(sessions, SYSTEM) as session:
        incident = desk.the_incident(session)
        called = [(name, rung) for name, rung, _ in dict.fromkeys(pages(session))]
        order = list(dict.fromkeys(name for name, _ in called))
        assert order == ["Noa", "Ugo", "Ana", "Max", "Two", "One"]
        assert [rung for _, rung in called] == sorted(rung for _, rung in called), "no rung before the one below it"
        top = session.scalars(select(Notice).where(Notice.person_id == house["One"], Notice.rung >= 0)).one()
        assert top.body["path"] == f"/incidents/{incident.label}/brief"
        assert incident.next_rung_at is None
        said = [alarm.rule for alarm in audit_house(session, THREE + 240 * MINUTE)]
        assert "no_due_step" in said, "an open incident nobody further is called for is an alarm of its own"


def test_a_rung_nobody_can_be_reached_on_is_said_passed_by_and_an_alarm_before_it_is_needed(
    sessions: Sessions, cast: Cast, house: dict[str, uuid.UUID]
) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, house["Ugo"]).notify = []
        session.get_one(Person, house["Two"]).notify = []
    # By day, long before the night: the watchman knows already.
    with work(sessions, SYSTEM) as session:
        found = {alarm.subject: alarm.words for alarm in audit_house(session, cast.now) if "unproved" in alarm.rule}
    assert found["number two"] == "Nobody is proved to be reachable as number two: Two."
    assert found["Ugo"] == "Ugo is on duty and not proved to be reachable: no way is known."
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, THREE, "disk", severity=1), THREE)
    for minutes in range(1, 240):
        tick_all(sessions, THREE + minutes * MINUTE)
    with work(sessions, SYSTEM) as session:
        assert {name for name, _, _ in pages(session)} == {"Noa", "Ana", "Max", "One"}
        said = " ".join(desk.story(session, "rung"))
        assert "Nobody can be reached as second engineer on duty." in said
        assert "Nobody can be reached as number two." in said


def test_a_rack_of_forty_machines_of_five_customers_is_one_incident_a_contract_and_few_calls(
    sessions: Sessions, cast: Cast, house: dict[str, uuid.UUID]
) -> None:
    with work(sessions, SYSTEM) as session:
        session.execute(update(Person).values(capacity={"written": 100}))
        machines = []
        for number in range(5):
            first = session.get_one(Machine, desk.covered_machine(session, f"tenant{number}", "platinum", cast.now))
            site = Site(customer_id=first.customer_id, name="Hall 3", zone="Europe/Paris", country="FR",
                        created_at=cast.now)  # fmt: skip
            session.add(site)
            session.flush()
            first.site_id, first.rack = site.id, "R12"
            machines.append(first.id)
            for unit in range(7):
                more = Machine(customer_id=first.customer_id, name=f"t{number}-{unit}", site_id=site.id, rack="R12",
                               created_at=cast.now)  # fmt: skip
                session.add(more)
                session.flush()
                machines.append(more.id)
            _cover_all(session, first.customer_id)
    signals = [Signal(id, "power", kind="rule", severity=1, title="Power lost", summary="on battery",
                      seen_at=THREE + timedelta(seconds=n), evidence={}) for n, id in enumerate(machines)]  # fmt: skip
    with work(sessions, SYSTEM) as session:
        answers = report_all(session, signals, THREE + timedelta(seconds=45))
    with work(sessions, SYSTEM) as session:
        open_ones = session.scalars(select(Incident).where(Incident.state.in_(OPEN_STATES))).all()
        mine = {incident.customer_id for incident in open_ones}
        assert len(answers) == 40
        assert len(mine) == 5
        assert len(open_ones) <= 6, "one for each contract, and the parent they share"
        first_calls = [name for name, rung, _ in pages(session) if rung == 0]
        assert set(first_calls) == {"Noa"}
        assert len(first_calls) <= 6


def _cover_all(session: Session, customer_id: uuid.UUID) -> None:
    from models.agreements import Contract, ContractLine

    contract = session.scalars(select(Contract).where(Contract.customer_id == customer_id)).one()
    session.add(ContractLine(customer_id=customer_id, contract_id=contract.id))


def test_a_sunday_in_three_zones_is_served_by_whose_day_it_is(sessions: Sessions, cast: Cast) -> None:
    """Follow the sun: each zone serves its own, and where a zone sleeps without anybody the others take it."""
    with work(sessions, SYSTEM) as session:
        session.execute(delete(Shift))
        weekly = {day: [["08:00", "20:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
        zones = {"europe": ("Eva", "Europe/Paris"), "americas": ("Ama", "America/Denver"),
                 "asia-pacific": ("Aoi", "Asia/Tokyo")}  # fmt: skip
        for unit, (name, zone) in zones.items():
            id = desk.engineer(session, name, cast.now, zone=zone, unit=unit)
            layer = {"people": [str(id)], "first_day": "2026-03-02", "weekly": weekly}
            session.add(DutySchedule(name=unit, unit=unit, zone=zone, layers=[layer], changed_at=cast.now))
        customer = session.get_one(Customer, cast.plant)
        seen = {}
        for hour in range(24):
            now = SUNDAY + timedelta(hours=hour)
            places = duty.for_customer(session, customer.id, now).order.places
            seen[now.hour] = places[0].name if places else "nobody"
    # Eight to eight: Tokyo 23–11 UTC, Paris 7–19 UTC, Denver (summer time since the 8th) 14–2 UTC. Paris' own come
    # first while they are there; before and after them the sun is followed.
    assert [seen[hour] for hour in range(24)] == [
        *["Ama", "Ama"], *["Aoi"] * 5, *["Eva"] * 12, *["Ama"] * 4, "Ama",
    ]  # fmt: skip
