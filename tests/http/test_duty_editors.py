"""The editors of duty: schedules with their coming weeks, ladders with their night, and the pages of our people."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

from app.pages.schedules import in_words
from app.words import hour
from contracts import weekly
from models.agreements import TermsProposal
from models.audit import AuditEntry
from models.duty import DutySchedule, TimeOff, Training
from models.people import Person
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast
from tests.http.conftest import Hands, Visitor

Visit = Callable[[str], Visitor]
LADDER = "/customers/plant/contracts/VC-plant/ladder"
SCHEDULE = {
    "name": "Vélizy", "unit": "europe", "zone": "Europe/Paris", "version": "",
    "name-0": "day", "people-0": "dee@example.org\neve@example.org", "first_day-0": "2026-03-02", "last_day-0": "",
    "days-0": "7", "handover-0": "09:00", "hours-0": "Mon-Fri 8-18", "holidays-0": "FR",
    "people-1": "max@example.org", "first_day-1": "2026-03-02", "last_day-1": "2026-03-20", "days-1": "7",
    "handover-1": "09:00", "hours-1": "24x7",
}  # fmt: skip


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_a_schedule_is_looked_at_kept_and_changed_on_its_page(visit: Visit, sessions: Sessions, cast: Cast) -> None:
    max_ = visit("max")
    given = SCHEDULE | {"csrf": max_.csrf}
    looked = text(max_.post("/duty/schedules/new", data=given | {"do": "look"}).text)
    assert "by the form, not kept yet" in looked
    assert "nobody stands there" in looked  # from the 21st on the nights are nobody's
    assert "Eve day" in looked
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(DutySchedule)).all() == []
    kept = max_.post("/duty/schedules/new", data=given | {"do": "keep"})
    assert kept.status_code == 303
    with work(sessions, SYSTEM) as session:
        row = session.scalars(select(DutySchedule)).one()
        assert (row.version, len(row.layers), row.layers[0]["holidays"]) == (1, 2, "FR")
    page = max_.get(kept.location).text
    assert "dee@example.org\neve@example.org" in page
    assert "Mon-Fri 08:00-18:00" in page
    again = given | {"do": "keep", "version": "1", "people-0": "eve@example.org", "active": "yes", "hours-0": "24x7"}
    assert max_.post(kept.location, data=again).status_code == 303
    stale = max_.post(kept.location, data=again)
    assert (stale.status_code, "it is version 2" in stale.text) == (422, True)
    listed = text(visit("dee").get("/duty/schedules").text)
    assert "Vélizy" in listed
    assert visit("dee").post("/duty/schedules/new", data=given | {"do": "keep"}).status_code == 403
    with work(sessions, SYSTEM) as session:
        deeds = session.scalars(select(AuditEntry.deed)).all()
        assert [deed for deed in deeds if deed.startswith("schedule.")] == ["schedule.added", "schedule.changed"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"people-0": "nobody@example.org"}, "nobody@example.org is nobody of ours"),
        ({"hours-0": "always"}, "is not known"),
        ({"days-0": "0"}, "is not a length of turns"),
        ({"days-0": "x"}, "is not a length of turns"),
        ({"first_day-0": "soon"}, "give days as 2026-03-02"),
        ({"last_day-0": "2026-03-01"}, "lies before first_day"),
        ({"zone": "Europe/Velizy"}, "Choose a time zone from the list"),
        ({"holidays-0": "ZZ"}, "holidays"),
        ({"name": ""}, "Give it a name."),
        ({"people-0": "", "name-0": "", "people-1": "", "name-1": ""}, "needs a layer with at least one person"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused_beside_its_field(
    visit: Visit, wrong: dict[str, str], said: str
) -> None:
    max_ = visit("max")
    answer = max_.post("/duty/schedules/new", data=SCHEDULE | wrong | {"do": "keep", "csrf": max_.csrf})
    assert (answer.status_code, said in text(answer.text).replace("&#39;", "'")) == (422, True), text(answer.text)[
        :3000
    ]


def test_a_schedule_is_drawn_over_the_night_the_clocks_change(visit: Visit, cast: Cast) -> None:
    max_ = visit("max")
    night = {"hours-0": "Mon-Sun 0-6 22-24", "handover-0": "02:30", "days-0": "1", "holidays-0": "",
             "last_day-1": ""}  # fmt: skip
    given = SCHEDULE | night | {"do": "look", "drawn_from": "2026-10-24", "csrf": max_.csrf}
    said = text(max_.post("/duty/schedules/new", data=given).text)
    assert "4 weeks from 2026-10-24" in said
    # Half past two comes twice in this night; the turn changes hands at the first, and six o'clock is six o'clock.
    assert re.search(r"25 Oct 02:30 .{0,40}25 Oct 06:00", said), said[said.index("4 weeks from") :][:900]
    wrong = max_.post("/duty/schedules/new", data=given | {"drawn_from": "soon"})
    assert (wrong.status_code, "This is not a date" in wrong.text) == (422, True)


@pytest.mark.parametrize("words", ["Mon-Fri 8-18", "Mon-Fri 8-12 13:30-18, Sat 9-12", "Wed 0-24", "Mon 8-9, Wed 8-9"])
def test_weekly_hours_survive_being_shown(words: str) -> None:
    stored = weekly.spec(words)["weekly"]
    assert weekly.spec(in_words(stored))["weekly"] == stored


def test_spans_of_a_day_that_a_program_gave_in_any_order_are_shown_in_theirs() -> None:
    given = {"mon": [["22:00", "24:00"], ["00:00", "06:00"]]}
    assert weekly.spec(in_words(given))["weekly"] == {"mon": [["00:00", "06:00"], ["22:00", "24:00"]]}


def test_a_turn_on_new_years_night_is_shown_with_its_hour() -> None:
    now = datetime(2026, 12, 20, 9, tzinfo=UTC)
    assert hour(datetime(2027, 1, 1, 2, 30, tzinfo=UTC), UTC, now) == "1 Jan 2027 02:30"
    assert hour(datetime(2025, 1, 1, 2, 30, tzinfo=UTC), UTC, now) == "1 Jan 2025"


def test_a_ladder_plays_its_night_and_waits_for_a_second_person(visit: Visit, sessions: Sessions, cast: Cast) -> None:
    max_ = visit("max")
    assert "VC-plant" in max_.get("/duty/ladders").text
    drawn = max_.get(f"{LADDER}").text
    assert "What it does now" in text(drawn)
    assert 'value="2026-03-11T03:10"' in drawn, "the coming night, not the one that is over"
    given = {"csrf": max_.csrf, "who-0": "team:europe", "wait-0": "2 min", "who-1": "person:max@example.org",
             "wait-1": "5 min", "convention": "escalate_after", "repeats": "1", "again_after": "30 min",
             "at": "2026-03-11T03:10", "severity": "1"}  # fmt: skip
    played = text(max_.post(LADDER, data=given | {"do": "play"}).text)
    assert "What this ladder would do" in played
    assert "03:10 1 everybody on duty in europe Dee, Eve" in played
    assert "03:12 2 max@example.org Max" in played
    assert "repeat 1" in played
    with work(sessions, SYSTEM) as session:
        dee = session.get_one(Person, cast.dee)
        dee.notify = [way | {"quiet": "22:00-07:00"} for way in dee.notify]
    assert "Dee, Eve" in text(max_.post(LADDER, data=given | {"do": "play"}).text), "severity 1 rings in quiet hours"
    held = text(max_.post(LADDER, data=given | {"do": "play", "severity": "3"}).text)
    assert "Dee (quiet hours: told at 07:00), Eve" in held
    no_reason = max_.post(LADDER, data=given | {"do": "propose"})
    assert (no_reason.status_code, "Give it a reason" in no_reason.text) == (422, True)
    done = max_.post(LADDER, data=given | {"do": "propose", "reason": "the team wants it"})
    assert (done.status_code, done.location) == (303, "/customers/plant/contracts/VC-plant#pending")
    with work(sessions, SYSTEM) as session:
        proposal = session.scalars(select(TermsProposal)).one()
        assert proposal.changes["ladder"][0] == {"who": "team:europe", "wait": 120}
        assert proposal.changes["climbing"] == {"repeats": 1, "again_after": 1800}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"who-0": "nobody"}, "is nobody on a ladder"),
        ({"wait-0": "soon"}, "It "),
        ({"who-0": "", "wait-0": ""}, "Name at least one rung"),
        ({"repeats": "99"}, "repeats too often"),
        ({"again_after": "2 d"}, "is in business days"),
        ({"at": "late", "do": "play"}, "Choose a day and an hour."),
    ],
)
def test_a_ladder_that_makes_no_sense_is_refused_beside_its_field(
    visit: Visit, wrong: dict[str, str], said: str
) -> None:
    max_ = visit("max")
    given = {"csrf": max_.csrf, "who-0": "duty", "wait-0": "2 min", "repeats": "0", "do": "propose", "reason": "x"}
    answer = max_.post(LADDER, data=given | wrong)
    assert (answer.status_code, said in text(answer.text)) == (422, True)


def test_a_persons_page_says_and_changes_what_routing_counts_on(visit: Visit, sessions: Sessions, cast: Cast) -> None:
    max_, dee, eve = visit("max"), visit("dee"), visit("eve")
    where = f"/people/{cast.dee}"

    def post(visitor: Visitor, **fields: str) -> int:
        return visitor.post(where, data=fields | {"csrf": visitor.csrf}).status_code

    assert "Dee" in dee.get("/people").text
    assert post(dee, do="presence") == 303
    assert "Not at their place since" in text(eve.get(where).text)
    assert post(eve, do="presence") == 422
    assert post(dee, do="presence") == 303
    assert post(dee, do="room", phone="0", remote="", written="3") == 303
    assert post(dee, do="room", phone="many") == 422
    for number in ("²", "9" * 5000, "-1", "1.5"):
        assert post(dee, do="room", phone=number) == 422
    assert post(dee, do="off", kind="absent", start="2026-03-11T09:00", end="2026-03-11T08:00") == 422
    assert post(dee, do="off", kind="absent", start="2026-03-11T09:00", end="2026-03-11T18:00", reason="school") == 303
    assert post(dee, do="train", subject="storage", level="senior") == 422, "trainings are for who keeps them"
    assert post(max_, do="train", subject="storage", level="senior", expires_on="2026-03-09") == 303
    assert post(max_, do="skills", level="senior", unit="europe", zone="Europe/Paris", languages="fr en",
                site="Vélizy") == 303  # fmt: skip
    assert post(max_, do="skills", languages="french") == 422
    said = text(dee.get(where).text)
    assert "expired 2026-03-09: routed to none of these" in said
    assert "Vélizy; speaks fr, en" in said
    assert "storage expired 2026-03-09" in text(max_.get("/people").text)
    with work(sessions, SYSTEM) as session:
        person = session.get_one(Person, cast.dee)
        assert (person.capacity, person.site) == ({"phone": 0, "written": 3}, "Vélizy")
        off = session.scalars(select(TimeOff)).one()
        assert session.scalars(select(Training.expires_on)).one() == date(2026, 3, 9)
    assert post(dee, do="back", id=str(off.id)) == 303
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(TimeOff)).all() == []
    assert dee.get(f"/people/{cast.ada}").status_code == 404


def test_a_senior_is_detached_to_one_account_on_their_page_and_called_back(
    visit: Visit, sessions: Sessions, cast: Cast, hands: Hands
) -> None:
    max_ = visit("max")
    page, given = f"/people/{cast.dee}", {"do": "detach", "csrf": max_.csrf, "customer": "plant", "why": "the array"}
    refused = max_.post(page, data=given | {"customer": "", "why": ""})
    assert (refused.status_code, "Choose one of the customers." in refused.text) == (422, True)
    assert visit("dee").post(page, data=given | {"csrf": visit("dee").csrf}).status_code == 422, "a manager does that"
    assert max_.post(page, data=given).status_code == 303
    assert "Ada's Plant alone, since 10:00: first for them, routed to nobody else the array" in text(
        max_.get(page).text
    ).replace("&#39;", "'")
    assert "senior, detached to Ada's Plant" in text(max_.get("/duty").text).replace("&#39;", "'")
    twice = max_.post(page, data=given | {"customer": "joinery"})
    assert (twice.status_code, "Dee is detached already." in twice.text) == (422, True)
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.eve).level = "confirmed"
    below = max_.post(f"/people/{cast.eve}", data=given)
    assert (below.status_code, "Eve is not a senior engineer." in below.text) == (422, True)
    hands.forward(minutes=5)
    assert max_.post(page, data={"do": "recall", "csrf": max_.csrf}).status_code == 303
    assert "To no account" in max_.get(page).text
    assert "detached" not in text(max_.get("/duty").text)
