"""Codes and test pages: sent by the outbox, answered by who reads them, and missed the same day."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from escalation import proving, reach
from escalation.auditor import Watchman, audit_house
from escalation.channels import ChannelError, Letter, Receipt
from escalation.channels.pagerduty import pagerduty
from escalation.deliver import deliver_once
from escalation.incident import NotNow
from models.audit import AuditEntry
from models.notices import Notice
from models.people import Person
from models.reach import ReachProof
from models.session import STAFF, SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast
from tests.sink import sink

DAY = timedelta(days=1)


def pages(sessions: Sessions, kind: str = "vigie.house.test") -> list[Notice]:
    with work(sessions, SYSTEM) as session:
        rows = session.scalars(select(Notice).where(Notice.customer_id.is_(None)).order_by(Notice.id))
        return [row for row in rows if row.body["type"] == kind]


def rules(sessions: Sessions, cast: Cast, later: timedelta) -> set[str]:
    with work(sessions, SYSTEM) as session:
        found = {alarm.rule for alarm in audit_house(session, cast.now + later)}
    return found & {"nobody_reachable", "rung_unproved", "person_unproved", "notice_given_up"}


def answer(sessions: Sessions, page: Notice, cast: Cast, later: timedelta) -> None:
    with work(sessions, SYSTEM) as session:
        row = proving.by_token(session, page.body["path"].removeprefix(proving.PATH), cast.now + later)
        assert row is not None
        proving.answer(session, row, "the link", cast.now + later)


def test_everybody_on_duty_gets_a_test_page_by_each_method_once_a_week(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        dee = session.get_one(Person, cast.dee)
        dee.notify = [*dee.notify, {"channel": "sms", "address": "+33612345678"}, {"channel": "browser", "address": ""}]
    assert proving.test_due(sessions, cast.now) == 3  # Dee by two methods, Eve by one; nobody else is on a rung
    assert proving.test_due(sessions, cast.now + 6 * DAY) == 0
    assert {(page.channel, page.person_id) for page in pages(sessions)} == {
        ("email", cast.dee), ("sms", cast.dee), ("email", cast.eve)
    }  # fmt: skip
    assert proving.test_due(sessions, cast.now + 7 * DAY) == 3


def test_an_unanswered_page_is_an_alarm_today_and_an_answer_ends_it(sessions: Sessions, cast: Cast) -> None:
    proving.test_due(sessions, cast.now)
    assert rules(sessions, cast, timedelta(hours=3)) == set()
    assert rules(sessions, cast, timedelta(hours=5)) == {"nobody_reachable", "rung_unproved", "person_unproved"}
    answer(sessions, pages(sessions)[0], cast, timedelta(hours=5))
    assert rules(sessions, cast, timedelta(hours=6)) == {"person_unproved"}
    answer(sessions, pages(sessions)[1], cast, timedelta(hours=6))
    assert rules(sessions, cast, timedelta(hours=7)) == set()


def test_a_desk_that_can_reach_nobody_falls_silent_to_its_dead_man_watch(sessions: Sessions, cast: Cast) -> None:
    letters: list[Letter] = []

    def hook(letter: Letter, now: object) -> Receipt:
        letters.append(letter)
        return Receipt()

    watchman = Watchman(sessions, {"webhook": hook}, "https://watch.example/alarm")
    proving.test_due(sessions, cast.now)
    watchman.once(cast.now)
    watchman.once(cast.now + timedelta(hours=5))
    assert watchman.well_at == cast.now
    assert "Nobody on duty, in any zone, is proved to be reachable" in letters[-1].body["text"]
    for page in pages(sessions):
        answer(sessions, page, cast, timedelta(hours=5))
    watchman.once(cast.now + timedelta(hours=6))
    assert watchman.well_at == cast.now + timedelta(hours=6)


def test_a_channel_that_gives_up_unproves_the_way_at_once(sessions: Sessions, cast: Cast) -> None:
    proving.test_due(sessions, cast.now)
    for page in pages(sessions):
        answer(sessions, page, cast, timedelta(0))

    def refusing(letter: Letter, now: object) -> Receipt:
        raise ChannelError("550 no such mailbox", permanent=True)

    deliver_once(sessions, {"email": refusing}, cast.now + timedelta(minutes=1))
    assert rules(sessions, cast, timedelta(minutes=2)) == {
        "nobody_reachable", "rung_unproved", "person_unproved", "notice_given_up",
    }  # fmt: skip
    # Mended the next day: the page goes again without waiting for a week.
    assert proving.test_due(sessions, cast.now + DAY) == 2


def test_the_gravest_rungs_are_tried_by_day_though_never_on_a_schedule(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.max).rungs = ["number-one"]
        session.add(desk.NamedPerson(customer_id=cast.plant, person_id=cast.root, duty="escalation owner"))
    assert proving.test_due(sessions, cast.now.replace(hour=22)) == 2  # Dee and Eve, who are on duty
    assert proving.test_due(sessions, cast.now + DAY) == 2  # Max and Root, at ten in the morning
    with work(sessions, SYSTEM) as session:
        said = [words for rule, _, words, _ in proving.unproved(session, cast.now + DAY + timedelta(hours=5))]
    assert "Nobody is proved to be reachable as number one: Max." in said
    assert any(words.startswith("Nobody is proved to be reachable as named for Ada's Plant") for words in said)


def test_people_of_a_demo_are_asked_nothing(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        for name in ("dee", "eve"):
            session.get_one(Person, getattr(cast, name)).demo = True
    assert proving.test_due(sessions, cast.now) == 0


def test_a_code_confirms_its_way_once_and_only_while_it_counts(sessions: Sessions, cast: Cast) -> None:
    dee = desk.actor(cast, "dee")
    key = ("email", "dee@example.org")

    def confirmed(code: str, later: timedelta = timedelta(0)) -> str:
        with work(sessions, SYSTEM) as session:
            said = proving.confirm(session, session.get_one(Person, cast.dee), *key, code, dee, cast.now + later)
            return said.reason if isinstance(said, NotNow) else "confirmed"

    assert confirmed("123456") == "No code is under way to this address."
    with work(sessions, SYSTEM) as session:
        proving.send_code(session, session.get_one(Person, cast.dee), *key, dee, cast.now)
    (notice,) = pages(sessions, "vigie.house.code")
    (code,) = re.findall(r"is (\d{6})\.", notice.body["text"])
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    assert confirmed(wrong) == "This is not the code that was sent."
    assert confirmed(code, timedelta(minutes=31)) == "This code has run out."
    assert confirmed(f" {code} ") == "confirmed"
    assert confirmed(code) == "No code is under way to this address."
    with work(sessions, SYSTEM) as session:
        row = session.scalars(select(ReachProof)).one()
        assert reach.standing(proving.plain(row), cast.now) is reach.Standing.CONFIRMED
        deeds = session.scalars(select(AuditEntry.deed)).all()
        assert [deed for deed in deeds if deed.startswith("way.")] == ["way.code_sent", "way.confirmed"]
        assert code.encode() not in (row.code_hash or b"")


def test_five_wrong_codes_use_a_code_up(sessions: Sessions, cast: Cast) -> None:
    dee = desk.actor(cast, "dee")
    with work(sessions, SYSTEM) as session:
        person = session.get_one(Person, cast.dee)
        proving.send_code(session, person, "email", "dee@example.org", dee, cast.now)
    (code,) = re.findall(r"is (\d{6})\.", pages(sessions, "vigie.house.code")[0].body["text"])
    tries = [*(f"{(int(code) + n) % 1_000_000:06}" for n in range(1, 6)), code]
    said = []
    for one in tries:
        with work(sessions, SYSTEM) as session:
            found = proving.confirm(session, session.get_one(Person, cast.dee), "email", "dee@example.org", one, dee,
                                    cast.now)  # fmt: skip
            said.append(found.reason if isinstance(found, NotNow) else "confirmed")
    assert said == [*["This is not the code that was sent."] * 5, "Too many wrong codes."]


def test_a_call_that_was_taken_answers_and_a_message_that_was_only_delivered_does_not(
    sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        number = "+33612345678"
        session.get_one(Person, cast.dee).notify = [{"channel": name, "address": number} for name in ("sms", "voice")]
    proving.test_due(sessions, cast.now)
    with work(sessions, SYSTEM) as session:
        for page in session.scalars(select(Notice).where(Notice.person_id == cast.dee)):
            proving.heard(session, page, "a receipt of acme", cast.now)
        rows = session.scalars(select(ReachProof).where(ReachProof.person_id == cast.dee))
        assert {row.channel: row.answered_by for row in rows} == {"sms": "", "voice": "a receipt of acme"}


@pytest.mark.parametrize("scope", ["plant", "nobody"])
def test_a_word_of_the_house_is_seen_by_no_customer(
    sessions: Sessions, web_sessions: Sessions, cast: Cast, scope: str
) -> None:
    proving.test_due(sessions, cast.now)
    if scope == "plant":
        with work(web_sessions, cast.plant) as session:
            assert (session.scalars(select(Notice)).all(), session.scalars(select(ReachProof)).all()) == ([], [])
    else:
        with web_sessions.begin() as session:
            assert (session.scalars(select(Notice)).all(), session.scalars(select(ReachProof)).all()) == ([], [])
    with work(web_sessions, STAFF) as session:
        assert len(session.scalars(select(Notice)).all()) == 2


def test_a_page_at_pagerduty_is_a_page_of_its_own_and_ended_there_once_answered(sessions: Sessions, cast: Cast) -> None:
    """There what was sent stays open, and a second page under the same key would call nobody."""
    with work(sessions, SYSTEM) as session:
        dee, eve = session.get_one(Person, cast.dee), session.get_one(Person, cast.eve)
        dee.notify, eve.notify = [{"channel": "pagerduty", "address": "R0UT1NGKEY"}], []
    heard: list[dict[str, str]] = []
    with sink(status=202, answer=b'{"status":"success"}') as there:
        channels = {"pagerduty": pagerduty("https://vigie.example", there.url, allow_private=True)}

        def told(after: timedelta) -> list[tuple[str, str]]:
            deliver_once(sessions, channels, cast.now + after)
            new = [one.json for one in there.heard[len(heard) :]]
            heard.extend(new)
            return [(one["event_action"], one["dedup_key"]) for one in new]

        proving.test_due(sessions, cast.now)
        [first] = pages(sessions)
        assert told(0 * DAY) == [("trigger", str(first.id))]
        proving.test_due(sessions, cast.now + 7 * DAY)  # nobody answered the first one
        second = next(page for page in pages(sessions) if page.id != first.id)
        assert sorted(told(7 * DAY)) == sorted([("trigger", str(second.id)), ("resolve", str(first.id))])
        answer(sessions, second, cast, 7 * DAY)
        answer(sessions, second, cast, 7 * DAY)
        assert told(7 * DAY) == [("resolve", str(second.id))]

        with work(sessions, SYSTEM) as session:
            dee = session.get_one(Person, cast.dee)
            proving.send_code(session, dee, "pagerduty", "R0UT1NGKEY", desk.actor(cast, "dee"), cast.now + 8 * DAY)
        [code] = pages(sessions, "vigie.house.code")
        assert told(8 * DAY) == [("trigger", str(code.id))]
        digits = re.findall(r"\d{6}", code.body["text"])[0]
        with work(sessions, SYSTEM) as session:
            dee = session.get_one(Person, cast.dee)
            said = proving.confirm(
                session, dee, "pagerduty", "R0UT1NGKEY", digits, desk.actor(cast, "dee"), cast.now + 8 * DAY
            )
            assert not isinstance(said, NotNow)
        assert told(8 * DAY) == [("resolve", str(code.id))]
