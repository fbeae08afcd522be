"""The outbox: written once, leased to one sender, tried again on a schedule, ended once."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from escalation import outbox
from escalation.intake import report
from escalation.outbox import BACK_OFF, LEASE, Draft
from models.incidents import Incident
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast


@pytest.fixture
def incident(sessions: Sessions, cast: Cast) -> Incident:
    """An incident whose first page has been sent."""
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
        session.execute(update(Notice).values(settled_at=cast.now))
        return desk.the_incident(session)


def draft(person: uuid.UUID | None = None, address: str = "dee@example.org", round: int = 7) -> Draft:
    return Draft(0, round, "email", address, "subject", {"text": "words"}, "because", person)


def put(sessions: Sessions, incident: Incident, now: datetime, *drafts: Draft) -> list[bool]:
    with work(sessions, SYSTEM) as session:
        return [outbox.enqueue(session, incident, one, now) for one in drafts]


def take(
    sessions: Sessions, now: datetime, limit: int = 10, by: str = "me", busy: tuple[str, ...] = ()
) -> list[Notice]:
    with work(sessions, SYSTEM) as session:
        return outbox.claim(session, now, "email", by, limit, busy)


def test_one_rung_round_person_and_channel_is_one_notice(sessions: Sessions, cast: Cast, incident: Incident) -> None:
    assert put(sessions, incident, cast.now, draft(cast.dee), draft(cast.dee), draft(cast.eve)) == [True, False, True]
    assert put(sessions, incident, cast.now, draft(None, "a@b"), draft(None, "a@b")) == [True, False]


def test_a_leased_notice_is_nobody_elses_until_the_lease_runs_out(
    sessions: Sessions, cast: Cast, incident: Incident
) -> None:
    put(sessions, incident, cast.now, draft())
    (mine,) = take(sessions, cast.now)
    assert (mine.tries, mine.leased_by, mine.lease_until) == (1, "me", cast.now + LEASE)
    assert take(sessions, cast.now + LEASE - timedelta(seconds=1), by="other") == []
    (again,) = take(sessions, cast.now + LEASE, by="other")
    assert (again.id, again.tries, again.leased_by) == (mine.id, 2, "other")


def test_many_senders_take_each_notice_once(sessions: Sessions, cast: Cast, incident: Incident) -> None:
    put(sessions, incident, cast.now, *(draft(None, f"p{number}@example.org") for number in range(40)))
    with ThreadPoolExecutor(4) as pool:
        taken = [
            one.id for got in pool.map(lambda turn: take(sessions, cast.now, 7, f"s{turn}"), range(12)) for one in got
        ]
    assert len(taken) == len(set(taken)) == 40


def test_an_address_gets_one_at_a_time_and_none_while_it_is_busy(
    sessions: Sessions, cast: Cast, incident: Incident
) -> None:
    put(sessions, incident, cast.now, draft(round=1), draft(round=2), draft(address="eve@example.org"))
    assert {one.address for one in take(sessions, cast.now, busy=("eve@example.org",))} == {"dee@example.org"}
    assert len(take(sessions, cast.now, busy=("dee@example.org",))) == 1


def test_failures_follow_the_schedule_and_end(sessions: Sessions, cast: Cast, incident: Incident) -> None:
    put(sessions, incident, cast.now, draft())
    now, pauses = cast.now, []
    while True:
        (notice,) = take(sessions, now)
        with work(sessions, SYSTEM) as session:
            given_up = outbox.fail(session, notice, "busy", now)
        if given_up:
            break
        with work(sessions, SYSTEM) as session:
            due = session.get_one(Notice, notice.id).next_try_at
        assert take(sessions, due - timedelta(milliseconds=1)) == []
        pauses.append(due - now)
        now = due
    assert tuple(pauses) == BACK_OFF
    assert take(sessions, now + timedelta(days=9)) == []


def test_a_receiver_that_asks_for_patience_gets_it(sessions: Sessions, cast: Cast, incident: Incident) -> None:
    put(sessions, incident, cast.now, draft())
    (notice,) = take(sessions, cast.now)
    with work(sessions, SYSTEM) as session:
        outbox.fail(session, notice, "429", cast.now, retry_after=timedelta(minutes=20))
        assert outbox.next_due(session, ["email"], cast.now) == cast.now + desk.minutes(20)
        assert outbox.next_due(session, ["webhook"], cast.now) is None


def test_an_end_is_an_end(sessions: Sessions, cast: Cast, incident: Incident) -> None:
    put(sessions, incident, cast.now, draft())
    (notice,) = take(sessions, cast.now)
    with work(sessions, SYSTEM) as session:
        assert outbox.settle(session, notice.id, {"status": 200}, cast.now)
        assert not outbox.settle(session, notice.id, {}, cast.now)
        assert not outbox.fail(session, notice, "late", cast.now, permanent=True)
        row = session.get_one(Notice, notice.id, populate_existing=True)
        assert (row.settled_at, row.given_up_at, row.receipt) == (cast.now, None, {"status": 200})


def test_a_sender_that_lost_its_lease_does_not_reschedule(sessions: Sessions, cast: Cast, incident: Incident) -> None:
    put(sessions, incident, cast.now, draft())
    (first,) = take(sessions, cast.now)
    later = cast.now + LEASE
    take(sessions, later, by="other")
    with work(sessions, SYSTEM) as session:
        outbox.fail(session, first, "too late", later)
        row = session.get_one(Notice, first.id)
        assert (row.leased_by, row.last_error, row.next_try_at) == ("other", "", later + LEASE)


def test_a_page_held_for_quiet_hours_is_called_off_once_somebody_has_the_incident(
    sessions: Sessions, cast: Cast, incident: Incident
) -> None:
    morning = cast.now + timedelta(hours=7)
    put(sessions, incident, cast.now, replace(draft(cast.dee), not_before=morning))
    put(sessions, incident, morning - timedelta(hours=8), replace(draft(cast.eve, "eve@example.org"), rung=1))
    with work(sessions, SYSTEM) as session:
        session.get_one(Incident, incident.id).state = "acknowledged"
    (late,) = take(sessions, morning)  # never held, only sent late: it is told
    assert late.person_id == cast.eve
    with work(sessions, SYSTEM) as session:
        mine = select(Notice).where(Notice.person_id == cast.dee, Notice.rung == 0, Notice.round == 7)
        row = session.scalars(mine).one()
        assert row.given_up_at == morning
        assert row.last_error.startswith("not needed")
        outbox.send_again(session, row, morning, "Max")
    assert [one.person_id for one in take(sessions, morning)] == [cast.dee]  # somebody wants it sent all the same
    with work(sessions, SYSTEM) as session:
        session.get_one(Incident, incident.id).state = "open"
    put(sessions, incident, cast.now, replace(draft(cast.max, "max@example.org"), not_before=morning))
    assert [one.person_id for one in take(sessions, morning)] == [cast.max]


def test_platinum_goes_first_and_bronze_is_not_starved(sessions: Sessions, cast: Cast, incident: Incident) -> None:
    with work(sessions, SYSTEM) as session:
        other = Incident(
            customer_id=cast.joinery, tier="bronze", cause="x", severity=3, title="x", began_at=cast.now,
            opened_at=cast.now, changed_at=cast.now,
        )  # fmt: skip
        session.add(other)
    patient = cast.now - timedelta(minutes=11)
    put(sessions, other, cast.now, draft(None, "new-bronze@example.org"))
    put(sessions, incident, cast.now, draft(None, "platinum@example.org"))
    put(sessions, other, patient, draft(None, "old-bronze@example.org"))
    order = [take(sessions, cast.now, 1)[0].address.split("@")[0] for _ in range(3)]
    assert order == ["old-bronze", "platinum", "new-bronze"]


def test_every_notice_wears_words_and_a_page_to_go_to(sessions: Sessions, cast: Cast, incident: Incident) -> None:
    with work(sessions, SYSTEM) as session:
        notice = session.scalars(select(Notice)).one()
        assert notice.subject == f"[{incident.label}] severity 2, Ada's Plant (platinum): Memory fills"
        assert notice.body["path"] == f"/incidents/{incident.label}"
        for words in (
            "plant-db-1",
            "Owed next: first response by 2026-03-10 11:00 (Europe/Paris)",
            "on duty in europe",
        ):
            assert words in notice.body["text"]
