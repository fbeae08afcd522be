"""Ends of turns, told in order with the clock moved by hand: what is left in somebody's hands goes to somebody else."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select, update

from contracts.tiers import DEFAULTS, Tier
from escalation import acts, cover, handover, intake, roster, still_held, undo
from escalation.handover import Note
from escalation.incident import Actor, NotNow
from models.duty import Cover, DutySchedule, Handover, TimeOff, TurnEnd
from models.incidents import Incident, Promise
from models.notices import Notice
from models.people import Person, Shift
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NINE = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
SIX = NINE + 9 * HOUR  # when Dee's turn ends
NOTE = Note("The fan is ordered.", avoid="Do not power it down.")


@pytest.fixture
def house(sessions: Sessions, cast: Cast) -> Cast:
    """Dee has the day until six, Eve the night from then on; Max leads."""
    with work(sessions, SYSTEM) as session:
        session.execute(delete(Shift))
        for person, start, end in ((cast.dee, NINE - HOUR, SIX), (cast.eve, SIX, SIX + 12 * HOUR)):
            session.add(Shift(person_id=person, unit="europe", starts_at=start, ends_at=end))
        session.get_one(Person, cast.max).rungs = ["lead"]
    return cast


def held(sessions: Sessions, cast: Cast, cause: str = "fan") -> uuid.UUID:
    """An incident of severity 2 that Dee has claimed."""
    with work(sessions, SYSTEM) as session:
        opened = intake.report(session, desk.signal(cast.plant_machine, NINE, cause), NINE).incident_id
        assert opened is not None
        acts.claim(session, opened, Actor(cast.dee, "Dee"), NINE)
        return opened


def words_to(sessions: Sessions, person: uuid.UUID) -> list[str]:
    """Which words on ends of turns somebody was sent, in order."""
    with work(sessions, SYSTEM) as session:
        mine = select(Notice).where(Notice.person_id == person, Notice.why.in_(_WHYS)).order_by(Notice.created_at)
        return [notice.body["text"] for notice in session.scalars(mine)]


_WHYS = ("your turn ends", "a turn ended with it in hand")


def lines(sessions: Sessions) -> list[str]:
    with work(sessions, SYSTEM) as session:
        return desk.story(session, "turn_ended")


def minute_by_minute(sessions: Sessions, start: datetime, end: datetime) -> list[datetime]:
    """Look every minute; at which of them something climbed."""
    found = []
    while start <= end:
        climbed, _ = still_held.attend(sessions, start)
        found += [start] * climbed
        start += MINUTE
    return found


def owner(sessions: Sessions, incident: uuid.UUID) -> uuid.UUID | None:
    with work(sessions, SYSTEM) as session:
        return session.get_one(Incident, incident).owner_id


def in_hand(sessions: Sessions, person: uuid.UUID, now: datetime) -> int:
    with work(sessions, SYSTEM) as session:
        return next(one.in_hand for one in roster.read(session, now).engineers if one.person_id == person)


def test_one_word_half_an_hour_before_names_all_and_what_nobody_took_climbs_at_the_end(
    sessions: Sessions, house: Cast
) -> None:
    first, second = held(sessions, house, "fan"), held(sessions, house, "disk")
    assert minute_by_minute(sessions, SIX - HOUR, SIX - 31 * MINUTE) == []
    assert words_to(sessions, house.dee) == []
    assert minute_by_minute(sessions, SIX - 30 * MINUTE, SIX - MINUTE) == []
    (word,) = words_to(sessions, house.dee)
    with work(sessions, SYSTEM) as session:
        assert all(session.get_one(Incident, one).label in word for one in (first, second))
        (notice,) = session.scalars(select(Notice).where(Notice.why == "your turn ends"))
        assert notice.body["path"] == "/handovers/turn"
        assert notice.next_try_at == SIX - 30 * MINUTE, "no quiet hours hold it"
    assert "19:00" in word, "on her own clock"
    assert words_to(sessions, house.max) == []
    assert minute_by_minute(sessions, SIX, SIX + 3 * HOUR) == [SIX, SIX]
    assert len(words_to(sessions, house.max)) == 2
    assert "Dee's turn ended at" in words_to(sessions, house.max)[0]
    assert lines(sessions)[0] == (
        "Dee's turn ended at 2026-03-10T18:00:00Z and nobody has taken it over. Told: Max. "
        "It stays with Dee until somebody accepts it."
    )
    assert owner(sessions, first) == house.dee, "not free: it is hers"
    assert in_hand(sessions, house.dee, SIX + 3 * HOUR) == 2, "and counted"


def test_what_is_accepted_before_the_end_makes_its_giver_free_and_climbs_to_nobody(
    sessions: Sessions, house: Cast
) -> None:
    incident = held(sessions, house)
    still_held.attend(sessions, SIX - 30 * MINUTE)
    with work(sessions, SYSTEM) as session:
        dee, eve = Actor(house.dee, "Dee"), Actor(house.eve, "Eve")
        row = handover.offer(session, incident, dee, SIX - 20 * MINUTE, NOTE, taker_id=house.eve)
        assert isinstance(row, Handover)
        assert isinstance(handover.answer(session, row.id, eve, "accepted", SIX - 15 * MINUTE), Handover)
    assert minute_by_minute(sessions, SIX - 14 * MINUTE, SIX + HOUR) == []
    assert (in_hand(sessions, house.dee, SIX + HOUR), in_hand(sessions, house.eve, SIX + HOUR)) == (0, 1)


def test_an_offer_that_may_still_be_answered_waits_for_its_answer_and_a_refusal_climbs_at_once(
    sessions: Sessions, house: Cast
) -> None:
    incident = held(sessions, house)
    with work(sessions, SYSTEM) as session:
        row = handover.offer(session, incident, Actor(house.dee, "Dee"), SIX - MINUTE, NOTE, taker_id=house.eve)
        assert isinstance(row, Handover)
        offered = row.id
    assert minute_by_minute(sessions, SIX - MINUTE, SIX + 3 * MINUTE) == []
    assert words_to(sessions, house.dee) == [], "what she has offered by then needs no word"
    with work(sessions, SYSTEM) as session:
        eve = Actor(house.eve, "Eve")
        handover.answer(session, offered, eve, "refused", SIX + 4 * MINUTE, reason="Two of my own burn.")
    assert minute_by_minute(sessions, SIX + 4 * MINUTE, SIX + HOUR) == [SIX + 4 * MINUTE]
    assert owner(sessions, incident) == house.dee


def test_an_offer_nobody_answers_climbs_when_its_time_is_up(sessions: Sessions, house: Cast) -> None:
    incident = held(sessions, house)
    with work(sessions, SYSTEM) as session:
        handover.offer(session, incident, Actor(house.dee, "Dee"), SIX - 5 * MINUTE, NOTE, taker_id=house.eve)
    assert still_held.attend(sessions, SIX)[1] == SIX + 5 * MINUTE, "it looks again when the answer is due"
    assert minute_by_minute(sessions, SIX, SIX + HOUR) == [SIX + 5 * MINUTE]


def test_who_stays_on_their_word_is_left_alone_until_then_and_not_longer(sessions: Sessions, house: Cast) -> None:
    incident, dee = held(sessions, house), Actor(house.dee, "Dee")
    until = SIX + 2 * HOUR
    with work(sessions, SYSTEM) as session:
        said = still_held.stay(session, incident, dee, SIX - 25 * MINUTE, until, "The part comes at seven.")
        assert isinstance(said, TurnEnd)
    assert still_held.attend(sessions, SIX)[1] == until
    assert minute_by_minute(sessions, SIX - 25 * MINUTE, SIX + 4 * HOUR) == [until]
    assert words_to(sessions, house.dee) == []
    assert "They stayed until 2026-03-10T20:00:00Z." in lines(sessions)[0]
    with work(sessions, SYSTEM) as session:
        assert desk.story(session, "stays") == [
            "Dee stays with it after their turn, until 2026-03-10T20:00:00Z: The part comes at seven."
        ]
        again = still_held.stay(session, incident, dee, until + MINUTE, until + HOUR, "Nearly there.")
        assert isinstance(again, TurnEnd)
    assert minute_by_minute(sessions, until + MINUTE, until + 2 * HOUR) == [until + HOUR], "a new word climbs anew"


@pytest.mark.parametrize(
    ("who", "until", "reason", "rule"),
    [
        ("dee", SIX + HOUR, " ", "value"),
        ("dee", SIX - MINUTE, "I am there.", "value"),
        ("dee", SIX + 13 * HOUR, "I am there.", "value"),
        ("eve", SIX + HOUR, "I am there.", "person"),
        ("max", SIX + HOUR, "I am there.", "person"),
    ],
)
def test_only_the_owner_stays_with_a_reason_and_not_for_ever(
    sessions: Sessions, house: Cast, who: str, until: datetime, reason: str, rule: str
) -> None:
    incident = held(sessions, house)
    with work(sessions, SYSTEM) as session:
        said = still_held.stay(session, incident, desk.actor(house, who), SIX - 10 * MINUTE, until, reason)
        assert isinstance(said, NotNow)
        assert said.rule == rule


def test_a_word_to_stay_is_taken_back_and_then_it_climbs(sessions: Sessions, house: Cast) -> None:
    incident, dee = held(sessions, house), Actor(house.dee, "Dee")
    with work(sessions, SYSTEM) as session:
        still_held.stay(session, incident, dee, SIX - MINUTE, SIX + HOUR, "I am there.")
    with work(sessions, SYSTEM) as session:
        assert isinstance(undo.undo(session, incident, dee, SIX - MINUTE / 2), Incident)
        assert session.scalars(select(TurnEnd)).all() == []
    assert minute_by_minute(sessions, SIX, SIX + HOUR) == [SIX]


def test_what_waits_for_the_customer_asks_nobody_until_it_goes_on(sessions: Sessions, house: Cast) -> None:
    incident, dee = held(sessions, house), Actor(house.dee, "Dee")
    with work(sessions, SYSTEM) as session:
        acts.wait(session, incident, dee, NINE + MINUTE, "customer", "They look for the key.")
        owes = select(Promise).where(Promise.state == "running", Promise.party == "customer")
        assert session.scalars(owes).all() == []
    assert minute_by_minute(sessions, SIX - 30 * MINUTE, SIX + HOUR) == []
    assert words_to(sessions, house.dee) == []
    with work(sessions, SYSTEM) as session:
        acts.resume(session, incident, Actor(house.max, "Max"), SIX + 2 * HOUR)
    assert minute_by_minute(sessions, SIX + 2 * HOUR, SIX + 3 * HOUR) == [SIX + 2 * HOUR]


def test_what_a_contract_does_not_serve_before_they_are_back_asks_nobody(sessions: Sessions, house: Cast) -> None:
    """Dee goes at eight and is back at eight, between which a gold contract serves no severity 2."""
    eight, tomorrow = SIX + HOUR, datetime(2026, 3, 11, 7, 0, tzinfo=UTC)
    with work(sessions, SYSTEM) as session:
        session.execute(update(Shift).where(Shift.person_id == house.dee).values(ends_at=eight))
        session.add(Shift(person_id=house.dee, unit="europe", starts_at=tomorrow, ends_at=tomorrow + 10 * HOUR))
    incident = held(sessions, house)
    with work(sessions, SYSTEM) as session:  # as gold serves it, and everything that is owed was given
        row = session.get_one(Incident, incident)
        row.terms = {**row.terms, "hours": {**row.terms["hours"], "2": DEFAULTS[Tier.GOLD].hours[2]}}
        session.execute(update(Promise).where(Promise.incident_id == incident).values(state="met", due_at=None))
    assert minute_by_minute(sessions, eight - 30 * MINUTE, eight + HOUR) == []
    assert words_to(sessions, house.dee) == []
    with work(sessions, SYSTEM) as session:  # and with a day off between, its contract is served meanwhile
        session.execute(update(Shift).where(Shift.starts_at == tomorrow).values(
            starts_at=tomorrow + 24 * HOUR, ends_at=tomorrow + 34 * HOUR))  # fmt: skip
    assert minute_by_minute(sessions, eight + HOUR, eight + HOUR) == [eight + HOUR]


def test_two_turns_back_to_back_have_no_end_between_them(sessions: Sessions, house: Cast) -> None:
    held(sessions, house)
    with work(sessions, SYSTEM) as session:  # her shift, then her turn of a schedule, then another single shift
        layer = {"people": [str(house.dee)], "first_day": "2026-03-10", "last_day": "2026-03-10", "handover": "19:00",
                 "weekly": {"tue": [["19:00", "22:00"]]}}  # fmt: skip
        session.add(DutySchedule(name="Soir", unit="americas", zone="Europe/Paris", layers=[layer], changed_at=NINE))
        late = datetime(2026, 3, 10, 21, 0, tzinfo=UTC)
        session.add(Shift(person_id=house.dee, unit="europe", starts_at=late, ends_at=late + HOUR))
    assert minute_by_minute(sessions, SIX - 30 * MINUTE, late + 59 * MINUTE) == []
    (word,) = words_to(sessions, house.dee)
    assert "23:00" in word
    assert minute_by_minute(sessions, late + HOUR, late + 2 * HOUR) == [late + HOUR]


def test_a_cover_moves_the_end_of_both_turns(sessions: Sessions, house: Cast) -> None:
    """Dee's and Eve's turns of one schedule; Dee stands in for Eve's first two hours."""
    with work(sessions, SYSTEM) as session:
        session.execute(delete(Shift))
        layer = {"people": [str(house.dee), str(house.eve)], "first_day": "2026-03-10", "days": 1, "handover": "19:00"}
        row = DutySchedule(name="Jour", unit="europe", zone="Europe/Paris", layers=[layer], changed_at=NINE)
        session.add(row)
        session.flush()
    end = datetime(2026, 3, 11, 18, 0, tzinfo=UTC)
    held(sessions, house)
    still_held.attend(sessions, end - 30 * MINUTE)
    assert len(words_to(sessions, house.dee)) == 1
    with work(sessions, SYSTEM) as session:
        asked = cover.ask(session, session.get_one(DutySchedule, row.id), Actor(house.eve, "Eve"),
                          (end, end + 2 * HOUR), end - 20 * MINUTE)  # fmt: skip
        assert isinstance(asked, Cover)
        taken = cover.answer(session, asked.id, Actor(house.dee, "Dee"), "accepted", end - 10 * MINUTE)
        assert isinstance(taken, Cover)
    assert minute_by_minute(sessions, end - 10 * MINUTE, end + 2 * HOUR - MINUTE) == []
    assert len(words_to(sessions, house.dee)) == 2, "once more, before the end as it is now"
    assert minute_by_minute(sessions, end + 2 * HOUR, end + 3 * HOUR) == [end + 2 * HOUR]


def test_who_goes_absent_in_the_middle_of_a_turn_has_ended_it(sessions: Sessions, house: Cast) -> None:
    held(sessions, house)
    noon = NINE + 3 * HOUR
    with work(sessions, SYSTEM) as session:
        session.add(TimeOff(person_id=house.dee, kind="absent", starts_at=noon, ends_at=noon + 24 * HOUR))
    assert minute_by_minute(sessions, noon + 5 * MINUTE, SIX + HOUR) == [noon + 5 * MINUTE], "once, to the lead"
    assert words_to(sessions, house.dee) == []


def test_a_turn_over_the_change_of_clocks_ends_by_the_wall(sessions: Sessions, house: Cast) -> None:
    """On the last Sunday of March the clocks of Paris skip an hour: a turn to seven in the morning ends an hour
    earlier."""
    with work(sessions, SYSTEM) as session:
        session.execute(delete(Shift))
        layer = {"people": [str(house.dee), str(house.eve)], "first_day": "2026-03-28", "days": 1, "handover": "07:00"}
        session.add(DutySchedule(name="Nuit", unit="europe", zone="Europe/Paris", layers=[layer], changed_at=NINE))
    began = datetime(2026, 3, 28, 7, 0, tzinfo=UTC)
    with work(sessions, SYSTEM) as session:
        opened = intake.report(session, desk.signal(house.plant_machine, began, "fan"), began).incident_id
        assert opened is not None
        acts.claim(session, opened, Actor(house.dee, "Dee"), began)
    end = datetime(2026, 3, 29, 5, 0, tzinfo=UTC)  # seven in summer time
    assert minute_by_minute(sessions, end - 31 * MINUTE, end - MINUTE) == []
    assert "07:00" in words_to(sessions, house.dee)[0]
    assert minute_by_minute(sessions, end, end + MINUTE) == [end]


def test_after_a_sleep_of_ours_what_was_left_climbs_and_what_they_took_afterwards_does_not(
    sessions: Sessions, house: Cast
) -> None:
    held(sessions, house)
    with work(sessions, SYSTEM) as session:  # by night, at home, on her own word
        late = SIX + HOUR
        opened = intake.report(session, desk.signal(house.plant_machine, late, "disk"), late).incident_id
        assert opened is not None
        acts.claim(session, opened, Actor(house.dee, "Dee"), late)
    assert minute_by_minute(sessions, SIX + 2 * HOUR, SIX + 3 * HOUR) == [SIX + 2 * HOUR]
    assert len(words_to(sessions, house.max)) == 1


def test_what_is_taken_within_the_last_half_hour_is_named_in_a_word_of_its_own(sessions: Sessions, house: Cast) -> None:
    held(sessions, house)
    still_held.attend(sessions, SIX - 30 * MINUTE)
    with work(sessions, SYSTEM) as session:
        now = SIX - 10 * MINUTE
        opened = intake.report(session, desk.signal(house.plant_machine, now, "disk"), now).incident_id
        assert opened is not None
        acts.claim(session, opened, Actor(house.dee, "Dee"), now)
        label = session.get_one(Incident, opened).label
    assert minute_by_minute(sessions, SIX - 10 * MINUTE, SIX - MINUTE) == []
    first, later = words_to(sessions, house.dee)
    assert label not in first
    assert label in later
    assert minute_by_minute(sessions, SIX, SIX) == [SIX, SIX]


def test_who_has_no_turns_has_no_end_of_one(sessions: Sessions, house: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.execute(delete(Shift))
    held(sessions, house)
    assert still_held.attend(sessions, SIX) == (0, None)


def test_a_lead_who_holds_it_is_not_told_of_themselves(sessions: Sessions, house: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, house.dee).rungs = ["lead"]
    held(sessions, house)
    still_held.attend(sessions, SIX)
    assert words_to(sessions, house.dee) == []
    assert len(words_to(sessions, house.max)) == 1
