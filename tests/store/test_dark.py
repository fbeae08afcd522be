"""Rungs nobody can be reached on are an alarm by day: of any ladder in force, now and within a week."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select

from escalation import proving
from escalation.auditor import Watchman, audit_house
from escalation.channels import Letter, Receipt
from models.agreements import Contract, ContractTerms
from models.duty import Detachment, DutySchedule, TimeOff
from models.people import Person, Shift
from models.reach import ReachProof
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def staffed(sessions: Sessions, cast: Cast) -> None:
    """Every rung of the usual ladders has somebody: Max leads and is number two, Root is number one."""
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.max).rungs = ["lead", "number-two"]
        session.get_one(Person, cast.root).rungs = ["number-one"]
        session.add(desk.NamedPerson(customer_id=cast.plant, person_id=cast.dee, duty="account engineer"))


def alarms(sessions: Sessions, cast: Cast, *rules: str, later: timedelta = timedelta(0)) -> dict[str, str]:
    with work(sessions, SYSTEM) as session:
        found = audit_house(session, cast.now + later)
    return {alarm.subject: alarm.words for alarm in found if alarm.rule in (rules or ("rung_dark",))}


def absent(sessions: Sessions, who: uuid.UUID, start: datetime, length: timedelta) -> None:
    with work(sessions, SYSTEM) as session:
        session.add(TimeOff(person_id=who, kind="absent", starts_at=start, ends_at=start + length))


def calls(sessions: Sessions, cast: Cast, *words: str) -> None:
    """Ada's contract gets this ladder."""
    with work(sessions, SYSTEM) as session:
        contract = session.get_one(Contract, cast.plant_contract)
        body = {"ladder": [{"who": word, "wait": 300} for word in words]}
        terms = ContractTerms(customer_id=cast.plant, contract_id=contract.id, version=1, body=body,
                              effective_at=cast.now - DAY, created_at=cast.now)  # fmt: skip
        session.add(terms)


def test_no_alarm_while_somebody_stands_on_each_rung(sessions: Sessions, cast: Cast) -> None:
    assert alarms(sessions, cast) == {}


@pytest.mark.parametrize(("who", "rung"), [("max", "number two"), ("root", "number one")])
def test_number_two_and_number_one_are_missed_before_an_incident_needs_them(
    sessions: Sessions, cast: Cast, who: str, rung: str
) -> None:
    absent(sessions, getattr(cast, who), cast.now + 3 * DAY, DAY)
    ahead = alarms(sessions, cast)
    assert list(ahead) == [rung]
    assert ahead[rung].startswith(f"Nobody will be reached as {rung} from 2026-03-13 09:00 to 2026-03-14 09:00 UTC")
    now = alarms(sessions, cast, later=3 * DAY)
    assert "is absent until 2026-03-14 09:00 UTC" in now[rung]
    assert alarms(sessions, cast, later=4 * DAY) == {}


def test_two_on_a_rung_may_be_absent_one_after_the_other_and_not_at_once(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.eve).rungs = ["number-one"]
    absent(sessions, cast.root, cast.now + DAY, DAY)
    absent(sessions, cast.eve, cast.now + 2 * DAY, DAY)
    assert alarms(sessions, cast) == {}
    absent(sessions, cast.eve, cast.now + DAY, DAY / 2)
    assert list(alarms(sessions, cast)) == ["number one"]


def test_an_absent_lead_leaves_the_rung_to_another_manager(sessions: Sessions, cast: Cast) -> None:
    absent(sessions, cast.max, cast.now, DAY)
    assert "lead" not in alarms(sessions, cast), "the administrator is called"
    absent(sessions, cast.root, cast.now, DAY)
    assert {"team lead", "lead"} & set(alarms(sessions, cast))


@pytest.mark.parametrize(
    ("word", "subject", "because"),
    [
        ("deputy", "deputy of Ada's Plant", "nobody stands on it"),
        ("person:gone@example.org", "gone@example.org", "nobody stands on it"),
        ("team:asia-pacific", "everybody on duty in asia-pacific", "nobody has a turn of duty there"),
        ("schedule:nights", "on duty by nights", "there is no schedule of this name"),
    ],
)
def test_a_rung_nobody_holds_is_an_alarm_at_once(
    sessions: Sessions, cast: Cast, word: str, subject: str, because: str
) -> None:
    calls(sessions, cast, "duty", word)
    assert because in alarms(sessions, cast)[subject]


@pytest.mark.parametrize("word", ["account-engineer", "person:dee@vigie.example"])
def test_a_rung_of_somebody_who_works_for_another_account_alone_is_dark(
    sessions: Sessions, cast: Cast, word: str
) -> None:
    calls(sessions, cast, "duty", word)
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.dee).email = "dee@vigie.example"
        session.add(Detachment(person_id=cast.dee, customer_id=cast.plant, starts_at=cast.now - DAY, reason="",
                               made_by="Max"))  # fmt: skip
    assert not any("Dee" in words for words in alarms(sessions, cast).values())
    with work(sessions, SYSTEM) as session:
        session.scalars(select(Detachment)).one().customer_id = cast.joinery
    assert any("Dee is detached to another account" in words for words in alarms(sessions, cast).values())


def test_turns_of_managers_alone_are_no_engineer_on_duty(sessions: Sessions, cast: Cast) -> None:
    layer = {"people": [str(cast.max)], "first_day": f"{cast.now - 7 * DAY:%Y-%m-%d}", "days": 7}
    with work(sessions, SYSTEM) as session:
        session.execute(delete(Shift))
        session.add(DutySchedule(name="Vélizy", unit="europe", zone="Europe/Paris", layers=[layer],
                                 changed_at=cast.now))  # fmt: skip
    (said,) = alarms(sessions, cast).values()
    assert "Max has duty and is no engineer" in said
    with work(sessions, SYSTEM) as session:
        row = session.scalars(select(DutySchedule)).one()
        row.layers = [{**layer, "people": [str(cast.dee)]}, layer]
    assert alarms(sessions, cast) == {}


def test_a_rung_of_a_contract_that_is_over_is_nobody_s_alarm(sessions: Sessions, cast: Cast) -> None:
    calls(sessions, cast, "duty", "deputy")
    with work(sessions, SYSTEM) as session:
        session.get_one(Contract, cast.plant_contract).state = "cancelled"
    assert alarms(sessions, cast) == {}


def test_people_without_a_way_and_not_proved_are_not_reached(sessions: Sessions, cast: Cast) -> None:
    calls(sessions, cast, "account-engineer", "team:europe")
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.dee).notify = []
    assert alarms(sessions, cast) == {
        "account engineer of Ada's Plant": "Nobody can be reached as account engineer of Ada's Plant: Dee has no way "
        "to be reached. A ladder in force calls them."
    }
    absent(sessions, cast.eve, cast.now, DAY)
    because = alarms(sessions, cast)["everybody on duty in europe"]
    assert "Dee has no way to be reached and Eve is absent until" in because


def test_a_named_person_whose_test_page_came_back_from_nobody_is_not_reached(sessions: Sessions, cast: Cast) -> None:
    calls(sessions, cast, "duty", "person:eve@example.org")
    with work(sessions, SYSTEM) as session:
        session.add(ReachProof(person_id=cast.eve, channel="email", address="eve@example.org", tested_at=cast.now))
    assert alarms(sessions, cast) == {}
    late = alarms(sessions, cast, later=timedelta(hours=5))
    assert "Eve is not proved to be reachable" in late["eve@example.org"]


def test_who_is_called_by_a_ladder_or_a_shift_to_come_gets_test_pages(sessions: Sessions, cast: Cast) -> None:
    calls(sessions, cast, "duty", "person:root@example.org")
    with work(sessions, SYSTEM) as session:
        root = session.get_one(Person, cast.root)
        root.rungs = []
        ike = desk.engineer(session, "Ike", cast.now)
        session.add(Shift(person_id=ike, unit="americas", starts_at=cast.now + DAY, ends_at=cast.now + 2 * DAY))
    with work(sessions, SYSTEM) as session:
        assert {cast.root, ike} <= proving.called(session, cast.now).soon


def _schedule(name: str, unit: str, zone: str, *layers: dict[str, Any], now: datetime) -> DutySchedule:
    return DutySchedule(name=name, unit=unit, zone=zone, layers=list(layers), changed_at=now)


def test_gaps_are_told_of_the_schedule_and_of_the_zone_that_meant_to_have_somebody(
    sessions: Sessions, cast: Cast
) -> None:
    """Two sites of one zone and one of another: each by its own hours."""
    gaps = ("duty_gap", "zone_gap", "schedule_gap")
    by_day = {day: [["08:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    with work(sessions, SYSTEM) as session:
        session.execute(delete(Shift))
        ike, jo = desk.engineer(session, "Ike", cast.now), desk.engineer(session, "Jo", cast.now)
        paris, tokyo = "Europe/Paris", "Asia/Tokyo"
        day = {"first_day": "2026-03-02", "weekly": by_day}
        session.add_all([
            _schedule("Vélizy", "europe", paris, {"people": [str(cast.dee)], **day}, now=cast.now),
            _schedule("Grenoble", "europe", paris, {"people": [str(cast.eve)], **day}, now=cast.now),
            _schedule("Tokyo", "asia-pacific", tokyo, {"people": [str(ike)], "first_day": "2026-03-02"}, now=cast.now),
            _schedule("Home", "americas", tokyo, {"people": [str(jo)], "first_day": "2026-03-02"}, now=cast.now),
        ])  # fmt: skip
    assert alarms(sessions, cast, *gaps) == {}, "nobody means to be in Europe by night"
    absent(sessions, cast.dee, cast.now + DAY, timedelta(hours=2))
    assert list(alarms(sessions, cast, *gaps)) == ["Vélizy from 2026-03-11 09:00"]
    absent(sessions, cast.eve, cast.now + DAY + timedelta(hours=1), timedelta(hours=2))
    told = alarms(sessions, cast, *gaps)
    assert set(told) == {
        "Vélizy from 2026-03-11 09:00", "europe from 2026-03-11 10:00", "Grenoble from 2026-03-11 11:00"
    }  # fmt: skip
    both = "Nobody will be on duty in europe from 2026-03-11 10:00 to 2026-03-11 11:00 UTC."
    assert told["europe from 2026-03-11 10:00"].startswith(both)


def test_a_rotation_that_ends_with_nothing_after_it_is_a_gap(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        layer = {"people": [str(cast.dee)], "first_day": "2026-03-02", "last_day": "2026-03-10", "handover": "09:00"}
        session.add(_schedule("Vélizy", "americas", "Europe/Paris", layer, now=cast.now))
    assert list(alarms(sessions, cast, "zone_gap")) == ["americas from 2026-03-11 08:00"]


def test_a_dark_rung_is_told_once_a_day(sessions: Sessions, cast: Cast) -> None:
    letters: list[str] = []

    def channel(letter: Letter, now: datetime) -> Receipt:
        letters.append(letter.subject)
        return Receipt()

    absent(sessions, cast.root, cast.now, 7 * DAY)
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.root).notify = [{"channel": "email", "address": "root@example.org"}]
    watchman = Watchman(sessions, {"email": channel})
    for hours in (0, 1, 23, 24, 25):
        watchman.once(cast.now + timedelta(hours=hours))
    assert len([subject for subject in letters if "number one" in subject]) == 2
