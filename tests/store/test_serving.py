"""Serving a customer another way than the one they came by: room is looked at, and the desk says who has it."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text

from escalation import acts, intake, roster, serving, splitting, undo
from escalation.incident import Actor, NotNow
from escalation.intake import Answer, Signal
from escalation.splitting import Part
from models.agreements import Contract
from models.incidents import Incident, TimelineEntry
from models.people import Person
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast, settle
from tests.desk import minutes
from tests.rig import until


@pytest.fixture
def cast(sessions: Sessions) -> Cast:
    with work(sessions, SYSTEM) as session:
        return settle(session)


def an_incident(
    sessions: Sessions, cast: Cast, cause: str, owner: str = "", by: str = "", machine: uuid.UUID | None = None
) -> uuid.UUID:
    signal = Signal(
        machine or cast.plant_machine, cause, "rule", 3, NOW, f"{cause} on plant-db-1", "It is so.", {}, None
    )
    with work(sessions, SYSTEM) as session:
        opened = intake.report(session, signal, NOW).incident_id
        assert opened is not None
        if owner:
            acts.claim(session, opened, Actor(getattr(cast, owner), owner.capitalize()), NOW)
        if by:
            assert isinstance(serving.serve(session, opened, Actor(cast.dee, "Dee"), NOW, by), Incident)
        return opened


def served(sessions: Sessions, cast: Cast, incident: uuid.UUID, by: str) -> Incident | NotNow:
    with work(sessions, SYSTEM) as session:
        done = serving.serve(session, incident, Actor(cast.dee, "Dee"), NOW, by)
        session.flush()
        session.expunge_all()
        return done


def room(sessions: Sessions, person: uuid.UUID) -> dict[str, int]:
    with work(sessions, SYSTEM) as session:
        known = {one.person_id: one for one in roster.read(session, NOW).engineers}
        return dict(known[person].serving)


def test_another_way_takes_room_there_and_gives_it_back_here(sessions: Sessions, cast: Cast) -> None:
    incident = an_incident(sessions, cast, "fan:1", owner="dee")
    assert room(sessions, cast.dee) == {"written": 1}
    assert isinstance(served(sessions, cast, incident, "phone"), Incident)
    assert room(sessions, cast.dee) == {"phone": 1}
    with work(sessions, SYSTEM) as session:
        said = session.scalars(select(TimelineEntry).where(TimelineEntry.kind == "serving")).one()
        assert said.text == "Served on the phone from now on. Before: in writing."
        assert (said.facts["was"], said.facts["is"], said.public) == ("written", "phone", False)
    assert isinstance(served(sessions, cast, incident, "written"), Incident)
    assert room(sessions, cast.dee) == {"written": 1}


def test_nobody_phones_twice_and_the_refusal_names_who_could(sessions: Sessions, cast: Cast) -> None:
    an_incident(sessions, cast, "fan:1", owner="dee", by="phone")
    second = an_incident(sessions, cast, "fan:2", owner="dee")
    refused = served(sessions, cast, second, "phone")
    assert isinstance(refused, NotNow)
    assert refused.rule == "full"
    assert refused.reason == "Dee has it, with hands full: 1 of 1 phone."
    assert refused.remedy.startswith("Hand it over to Eve (on duty in europe, ")
    assert room(sessions, cast.dee) == {"phone": 1, "written": 1}
    an_incident(sessions, cast, "fan:3", owner="eve", by="phone")
    nobody = served(sessions, cast, second, "phone")
    assert isinstance(nobody, NotNow)
    assert nobody.reason.endswith("Passed over: Eve (hands full: 1 of 1 phone).")
    assert nobody.remedy == "Nobody else on duty has room that way: end another one first, or call back later."


def test_two_customers_at_one_instant_do_not_both_get_the_one_phone(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Contract, cast.joinery_contract).tier = "platinum"
    first = an_incident(sessions, cast, "fan:1", owner="dee")
    second = an_incident(sessions, cast, "fan:1", owner="dee", machine=cast.joinery_machine)
    with ThreadPoolExecutor(1) as pool:
        with work(sessions, SYSTEM) as session:
            assert isinstance(serving.serve(session, first, Actor(cast.dee, "Dee"), NOW, "phone"), Incident)
            other = pool.submit(served, sessions, cast, second, "phone")
            waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            until(lambda: other.done() or session.scalar(waiting), "the second waits for the first")
        refused = other.result(timeout=30)
    assert isinstance(refused, NotNow)
    assert refused.rule == "full"
    assert room(sessions, cast.dee) == {"phone": 1, "written": 1}


def test_room_of_ones_own_counts_and_no_room_at_all_is_no_room(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.dee).capacity = {"phone": 2, "remote": 0}
    an_incident(sessions, cast, "fan:1", owner="dee", by="phone")
    second = an_incident(sessions, cast, "fan:2", owner="dee", by="phone")
    refused = served(sessions, cast, second, "remote")
    assert isinstance(refused, NotNow)
    assert "hands full: 0 of 0 remote" in refused.reason


def test_what_nobody_has_joins_the_line_of_the_other_way(sessions: Sessions, cast: Cast) -> None:
    an_incident(sessions, cast, "fan:1", owner="dee", by="phone")
    an_incident(sessions, cast, "fan:2", owner="eve", by="phone")
    third = an_incident(sessions, cast, "fan:3")
    assert isinstance(served(sessions, cast, third, "phone"), Incident)
    with work(sessions, SYSTEM) as session:
        assert session.get_one(Incident, third).queued_at == NOW
        of_it = (TimelineEntry.kind == "serving", TimelineEntry.incident_id == third)
        said = session.scalars(select(TimelineEntry).where(*of_it)).one()
        assert said.facts["passed"] == {"Dee": "hands full: 1 of 1 phone", "Eve": "hands full: 1 of 1 phone"}


@pytest.mark.parametrize(
    ("by", "reason"),
    [("written", "It is served in writing already."), ("fax", "Nobody is served 'fax'."), ("", "Nobody is served ''.")],
)
def test_what_changes_nothing_or_is_no_way_is_refused_in_words(
    sessions: Sessions, cast: Cast, by: str, reason: str
) -> None:
    refused = served(sessions, cast, an_incident(sessions, cast, "fan:1"), by)
    assert isinstance(refused, NotNow)
    assert refused.reason == reason


def test_what_is_split_off_is_served_as_it_was(sessions: Sessions, cast: Cast) -> None:
    incident, dee = an_incident(sessions, cast, "fan:1", owner="dee", by="remote"), Actor(cast.dee, "Dee")
    with work(sessions, SYSTEM) as session:
        line = session.scalars(select(TimelineEntry.id).where(TimelineEntry.incident_id == incident).limit(1)).one()
        apart = splitting.split(session, incident, dee, NOW, Part("Something else", "two problems", entries=[line]))
        assert isinstance(apart, Answer)
        assert apart.incident is not None
        assert serving.mode(apart.incident) == "remote"


def test_it_is_taken_back_within_the_minute_and_not_done_once_resolved(sessions: Sessions, cast: Cast) -> None:
    incident, dee = an_incident(sessions, cast, "fan:1", owner="dee"), Actor(cast.dee, "Dee")
    assert isinstance(served(sessions, cast, incident, "remote"), Incident)
    with work(sessions, SYSTEM) as session:
        back = undo.undo(session, incident, dee, NOW + minutes(0.5))
        assert isinstance(back, Incident)
        assert (back.served_by, serving.mode(back)) == ("", "written")
        acts.resolve(session, incident, dee, NOW + minutes(1), "A new fan.")
        over = serving.serve(session, incident, dee, NOW + minutes(2), "phone")
        assert isinstance(over, NotNow)
        assert over.reason == "An incident that is resolved cannot be served another way."
