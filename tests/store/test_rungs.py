"""Rungs by person, schedule, team and named role; repeats, conventions, acknowledgements that wear off, edits."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import proposals
from contracts.ladder_terms import ClimbTerms, is_rung, slug
from contracts.life import By
from contracts.proposals import Effect
from escalation import acts, duty
from escalation.intake import report
from escalation.tick import tick_all
from models.agreements import Contract, ContractTerms, TermsProposal
from models.duty import Detachment, DutySchedule, TimeOff
from models.incidents import Incident
from models.people import Person
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast

MAX, ROOT = By("Max", "person:max"), By("Root", "person:root")


def agree(session: Session, cast: Cast, changes: dict[str, Any]) -> None:
    """Two people agree on another ladder for Ada's plant."""
    contract = session.get_one(Contract, cast.plant_contract)
    waiting = proposals.propose(session, contract, changes, "agreed", MAX, cast.now)
    assert isinstance(waiting, TermsProposal), "a ladder needs a second person"
    assert isinstance(proposals.confirm(session, waiting, ROOT, cast.now), ContractTerms)


def rungs(*who: str, wait: int = 300) -> list[dict[str, Any]]:
    return [{"who": word, "wait": wait} for word in who]


def opened(sessions: Sessions, cast: Cast, later: timedelta = timedelta(0), cause: str = "memory") -> uuid.UUID:
    with work(sessions, SYSTEM) as session:
        now = cast.now + later
        answer = report(session, desk.signal(cast.plant_machine, now, cause, severity=3), now)
        assert answer.incident_id is not None
        return answer.incident_id


@pytest.fixture
def people(sessions: Sessions, cast: Cast) -> dict[str, uuid.UUID]:
    """Ike holds the schedule "Vélizy, nuit"; Max is the account's deputy."""
    with work(sessions, SYSTEM) as session:
        ike = desk.engineer(session, "Ike", cast.now)
        layer = {"people": [str(ike)], "first_day": "2026-03-02"}
        session.add(DutySchedule(name="Vélizy, nuit", unit="asia-pacific", zone="Europe/Paris", layers=[layer],
                                 changed_at=cast.now))  # fmt: skip
        session.add(desk.NamedPerson(customer_id=cast.plant, person_id=cast.max, duty="deputy"))
        session.get_one(Person, cast.root).email = "root@example.org"
        return {"ike": ike}


def test_the_story_says_whose_page_quiet_hours_hold_and_until_when(
    sessions: Sessions, cast: Cast, people: dict[str, uuid.UUID]
) -> None:
    with work(sessions, SYSTEM) as session:
        agree(session, cast, {"ladder": rungs("person:ike@example.org", "person:root@example.org")})
        ike = session.get_one(Person, people["ike"])
        ike.email, ike.zone = "ike@example.org", "Europe/Paris"
        ike.notify = [{"channel": "email", "address": "ike@example.org", "quiet": "09:00-11:30"}]
    opened(sessions, cast)  # ten in Paris
    tick_all(sessions, cast.now + desk.minutes(5))
    with work(sessions, SYSTEM) as session:
        first, second = desk.story(session, "rung")
    assert first.endswith("Ike told. Quiet hours hold the page of Ike until 2026-03-10T10:30:00Z.")
    assert second.endswith("Root told.")


def test_each_kind_of_rung_calls_whom_it_names(sessions: Sessions, cast: Cast, people: dict[str, uuid.UUID]) -> None:
    who = ("team:europe", "schedule:velizy-nuit", "deputy", "person:root@example.org", "account-engineer")
    with work(sessions, SYSTEM) as session:
        agree(session, cast, {"ladder": rungs(*who)})
    incident_id = opened(sessions, cast)
    for minutes in (5, 10, 15, 20):
        tick_all(sessions, cast.now + desk.minutes(minutes))
    with work(sessions, SYSTEM) as session:
        assert desk.told(session)[:6] == [
            ("Dee", 0, 0), ("Eve", 0, 0), ("Ike", 1, 0), ("Max", 2, 0), ("Root", 3, 0)
        ]  # fmt: skip
        said = desk.story(session, "rung")
        assert said[0] == "Rung 1 (everybody on duty in europe): Dee and Eve told."
        assert said[2] == "Rung 3 (deputy): Max told."
        assert said[-1] == "Nobody can be reached on any rung that is left of this incident's ladder."
        assert session.get_one(Incident, incident_id).next_rung_at is None


def test_somebody_absent_leaves_team_and_schedule(sessions: Sessions, cast: Cast, people: dict[str, uuid.UUID]) -> None:
    with work(sessions, SYSTEM) as session:
        for id in (cast.dee, people["ike"]):
            session.add(TimeOff(person_id=id, kind="absent", starts_at=cast.now, ends_at=cast.now + timedelta(days=1)))
    incident_id = opened(sessions, cast)
    with work(sessions, SYSTEM) as session:
        desk_now = duty.on_duty(session, session.get_one(Incident, incident_id), cast.now)
        assert [place.name for place in duty.whom(desk_now, "team:europe")] == ["Eve"]
        assert duty.whom(desk_now, "schedule:velizy-nuit") == []


def test_an_absent_account_engineer_leaves_the_rung_to_the_deputy_and_an_absent_person_leaves_it_dark(
    sessions: Sessions, cast: Cast, people: dict[str, uuid.UUID]
) -> None:
    def called(word: str) -> list[tuple[str, str]]:
        with work(sessions, SYSTEM) as session:
            desk_now = duty.on_duty(session, session.get_one(Incident, incident_id), cast.now)
            return [(place.name, place.reason) for place in duty.whom(desk_now, word)]

    incident_id = opened(sessions, cast)
    with work(sessions, SYSTEM) as session:
        session.add(desk.NamedPerson(customer_id=cast.plant, person_id=people["ike"], duty="account engineer"))
        session.get_one(Person, people["ike"]).email = "ike@example.org"
    assert called("account-engineer")[0][0] == "Ike"
    assert [name for name, _ in called("account")] == ["Ike", "Max"]
    with work(sessions, SYSTEM) as session:
        session.add(TimeOff(person_id=people["ike"], kind="absent", starts_at=cast.now,
                            ends_at=cast.now + timedelta(days=1)))  # fmt: skip
    assert called("account-engineer") == [("Max", "deputy of the account engineer, who is absent")]
    assert [name for name, _ in called("account")] == ["Max"]
    assert called("person:ike@example.org") == []
    with work(sessions, SYSTEM) as session:
        session.add(TimeOff(person_id=cast.max, kind="absent", starts_at=cast.now,
                            ends_at=cast.now + timedelta(days=1)))  # fmt: skip
    assert called("account-engineer") == called("deputy") == called("account") == []


@pytest.mark.parametrize(
    ("convention", "minutes"),
    [("escalate_after", [0, 10, 15]), ("from_previous", [10, 15, 35]), ("from_opening", [5, 10, 20])],
)
def test_the_delay_convention_of_the_contract_is_climbed_by(
    convention: str, minutes: list[int], sessions: Sessions, cast: Cast
) -> None:
    # From the opening the waits must grow; the other two read the same numbers each in its own way.
    waits = [300, 600, 1200] if convention == "from_opening" else [600, 300, 1200]
    ladder = [{"who": who, "wait": wait} for who, wait in zip(("duty", "second", "lead"), waits, strict=True)]
    with work(sessions, SYSTEM) as session:
        climbing = {} if convention == "escalate_after" else {"climbing": {"convention": convention}}
        agree(session, cast, {"ladder": ladder, **climbing})
    incident_id = opened(sessions, cast)
    climbed = []
    for minute in range(60):
        tick_all(sessions, cast.now + desk.minutes(minute))
        with work(sessions, SYSTEM) as session:
            rung = session.get_one(Incident, incident_id).rung
        climbed += [minute] if rung == len(climbed) else []
    assert climbed == minutes


def test_a_ladder_repeats_as_often_as_agreed_and_tells_each_time(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        agree(session, cast, {"ladder": rungs("duty", "second"), "climbing": {"repeats": 1}})
    opened(sessions, cast)
    for minute in (5, 10, 15, 20, 25, 30):
        tick_all(sessions, cast.now + desk.minutes(minute))
    with work(sessions, SYSTEM) as session:
        assert [(name, rung) for name, rung, _ in desk.told(session)] == [
            ("Dee", 0),
            ("Eve", 1),
            ("Dee", 0),
            ("Eve", 1),
        ]


def test_an_acknowledgement_nobody_acts_upon_wears_off(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        agree(session, cast, {"climbing": {"again_after": 1800}})
    idle, busy = opened(sessions, cast), opened(sessions, cast, cause="disk")
    dee = desk.actor(cast, "dee")
    with work(sessions, SYSTEM) as session:
        for id in (idle, busy):
            desk.done(acts.acknowledge(session, id, dee, cast.now + desk.minutes(1)))
        desk.done(acts.reply(session, busy, dee, cast.now + desk.minutes(2), "I look into it."))
    tick_all(sessions, cast.now + desk.minutes(30))
    with work(sessions, SYSTEM) as session:
        assert session.get_one(Incident, idle).state == "acknowledged"
    tick_all(sessions, cast.now + desk.minutes(31))
    with work(sessions, SYSTEM) as session:
        again, worked = session.get_one(Incident, idle), session.get_one(Incident, busy)
        assert (again.state, again.rung, again.owner_id, again.ladder_round) == ("open", 0, cast.dee, 1)
        assert (worked.state, worked.next_rung_at) == ("acknowledged", cast.now + desk.minutes(32))
        assert "It was acknowledged and nobody has worked on it since: the ladder starts over." in desk.story(session)
        desk.done(acts.acknowledge(session, idle, dee, cast.now + desk.minutes(32)))


def test_a_policy_edited_while_climbing_leaves_what_climbs_and_serves_what_opens_next(
    sessions: Sessions, cast: Cast
) -> None:
    before = opened(sessions, cast)
    with work(sessions, SYSTEM) as session:
        agree(session, cast, {"ladder": rungs("lead", wait=600)})
    tick_all(sessions, cast.now + desk.minutes(5))
    after = opened(sessions, cast, desk.minutes(6), "disk")
    with work(sessions, SYSTEM) as session:
        frozen, fresh = session.get_one(Incident, before), session.get_one(Incident, after)
        assert [rung["who"] for rung in frozen.ladder["rungs"]][:2] == [["duty"], ["second"]]
        assert frozen.rung >= 1
        assert [rung["who"] for rung in fresh.ladder["rungs"]] == [["lead"]]
        assert {name for name, _, _ in desk.told(session)} >= {"Dee", "Eve", "Max"}


def test_every_edit_of_a_ladder_waits_for_a_second_person(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        contract = session.get_one(Contract, cast.plant_contract)
        for changes in ({"ladder": rungs("duty", "lead", wait=30)}, {"climbing": {"repeats": 2}}):
            found = proposals.effect(session, contract, changes, None, cast.now)
            assert isinstance(found, Effect)
            assert found.needs, changes
        held = session.scalars(select(TermsProposal)).all()
    assert held == []


@pytest.mark.parametrize(
    ("word", "fits"),
    [("duty", True), ("deputy", True), ("team:europe", True), ("team:mars", False), ("schedule:velizy-nuit", True),
     ("schedule:Vélizy", False), ("person:a@example.org", True), ("person:a", False), ("team", False), ("", False),
     (7, False), ("person:" + "a" * 200 + "@example.org", False)],
)  # fmt: skip
def test_a_word_stands_on_a_ladder_or_not(word: object, fits: bool) -> None:
    assert is_rung(word) is fits


@pytest.mark.parametrize(
    ("given", "field"),
    [({"convention": "later"}, "climbing.convention"), ({"repeats": -1}, "climbing.repeats"),
     ({"repeats": True}, "climbing.repeats"), ({"again_after": 5}, "climbing.again_after"), ({"x": 1}, "climbing: "),
     ([], "climbing: ")],
)  # fmt: skip
def test_how_a_ladder_climbs_is_refused_by_its_field(given: object, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        ClimbTerms.from_json(given)
    assert slug("Vélizy, nuit") == "velizy-nuit"


def test_a_team_leaves_out_who_is_detached_to_another_account_and_an_address_is_read_in_any_case(
    sessions: Sessions, cast: Cast, people: dict[str, uuid.UUID]
) -> None:
    with work(sessions, SYSTEM) as session:
        elsewhere = Detachment(customer_id=cast.joinery, person_id=cast.dee, starts_at=cast.now, reason="a crisis")
        here = Detachment(customer_id=cast.plant, person_id=cast.eve, starts_at=cast.now, reason="a crisis")
        session.add_all([elsewhere, here])
    incident_id = opened(sessions, cast)
    with work(sessions, SYSTEM) as session:
        desk_now = duty.on_duty(session, session.get_one(Incident, incident_id), cast.now)
        assert [place.name for place in duty.whom(desk_now, "team:europe")] == ["Eve"]
        assert [place.name for place in duty.whom(desk_now, "person:Root@Example.org")] == ["Root"]
