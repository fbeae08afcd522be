"""Delivery: what is due is told, one that hangs or fails delays nobody else, and what cannot be told is said."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.orm import Session

from escalation import deliver, outbox
from escalation.channels import ChannelError, Letter, Receipt
from escalation.deliver import Deliverer, deliver_once
from escalation.intake import report
from escalation.outbox import LEASE, Draft
from models.audit import AuditEntry
from models.incidents import Incident
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from tests import desk, postgres
from tests.cast import Cast


class Sink:
    """A channel of ours: remembers what it took; addresses in `broken` fail, those in `hanging` wait for `let_go`."""

    def __init__(self, broken: dict[str, Exception] | None = None, hanging: tuple[str, ...] = ()) -> None:
        self.taken: list[str] = []
        self.broken = broken or {}
        self.hanging = hanging
        self.let_go = threading.Event()
        self.some = threading.Condition()

    def __call__(self, letter: Letter, now: datetime) -> Receipt:
        if letter.address in self.hanging:
            self.let_go.wait(30)
        if letter.address in self.broken:
            raise self.broken[letter.address]
        with self.some:
            self.taken.append(letter.address)
            self.some.notify_all()
        return Receipt({"took": str(letter.id)})

    def wait_for(self, count: int) -> None:
        with self.some:
            assert self.some.wait_for(lambda: len(self.taken) >= count, 30)


@pytest.fixture
def incident(sessions: Sessions, cast: Cast) -> Incident:
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
        session.execute(update(Notice).values(settled_at=cast.now))
        return desk.the_incident(session)


def put(sessions: Sessions, incident: Incident, now: datetime, channel: str, *addresses: str) -> None:
    with work(sessions, SYSTEM) as session:
        for number, address in enumerate(addresses):
            outbox.enqueue(session, incident, Draft(0, 10 + number, channel, address, "s", {"text": "t"}, "w"), now)


def ended(sessions: Sessions, address: str) -> list[tuple[bool, bool]]:
    with work(sessions, SYSTEM) as session:
        rows = session.scalars(select(Notice).where(Notice.address == address))
        return [(row.settled_at is not None, row.given_up_at is not None) for row in rows]


def test_everything_due_is_told_and_settled_with_its_receipt(
    sessions: Sessions, cast: Cast, incident: Incident
) -> None:
    put(sessions, incident, cast.now, "email", "a", "b", "a", "c")
    sink = Sink()
    assert deliver_once(sessions, {"email": sink}, cast.now) is None
    assert sorted(sink.taken) == ["a", "a", "b", "c"]
    assert ended(sessions, "a") == [(True, False), (True, False)]


def test_a_channel_that_fails_delays_no_other_channel(sessions: Sessions, cast: Cast, incident: Incident) -> None:
    put(sessions, incident, cast.now, "email", "a")
    put(sessions, incident, cast.now, "webhook", "a")
    hook = Sink({"a": ChannelError("500")})
    mail = Sink()
    assert deliver_once(sessions, {"email": mail, "webhook": hook}, cast.now) == cast.now + outbox.BACK_OFF[0]
    assert mail.taken == ["a"]
    hook.broken.clear()
    assert deliver_once(sessions, {"webhook": hook}, cast.now + outbox.BACK_OFF[0]) is None
    assert hook.taken == ["a"]


def test_a_receiver_that_hangs_delays_only_itself(sessions: Sessions, cast: Cast, incident: Incident) -> None:
    put(sessions, incident, cast.now, "email", "slow", "slow", "slow", "slow", "slow", "a", "b", "c", "d", "e")
    sink = Sink(hanging=("slow",))
    wanted = threading.Event()
    deliverer = Deliverer(sessions, {"email": sink}, lambda: cast.now, done=wanted.set)
    try:
        while len(sink.taken) < 5:
            wanted.clear()
            deliverer.once(cast.now)
            wanted.wait(10)
        assert sorted(sink.taken) == ["a", "b", "c", "d", "e"]
        sink.let_go.set()
        while deliverer.settled():
            deliverer.once(cast.now)
        assert len(sink.taken) == 10
    finally:
        sink.let_go.set()
        deliverer.close()


def test_a_defect_in_a_channel_is_tried_again_like_a_hiccup(sessions: Sessions, cast: Cast, incident: Incident) -> None:
    put(sessions, incident, cast.now, "email", "a", "b")
    deliver_once(sessions, {"email": (sink := Sink({"a": KeyError("oops")}))}, cast.now)
    assert sink.taken == ["b"]
    assert ended(sessions, "a") == [(False, False)]


def test_a_letter_that_cannot_be_written_and_a_channel_that_cannot_be_leased_stop_no_other(
    sessions: Sessions, cast: Cast, incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    for channel in ("email", "pigeon", "webhook"):
        put(sessions, incident, cast.now, channel, "a", "b")
    written, leased = deliver.letter_of, outbox.claim

    def writes(notice: Notice, others: Sequence[Notice] = ()) -> Letter:
        if notice.address == "a":
            raise TypeError("'<' not supported between instances of 'str' and 'int'")
        return written(notice, others)

    def leases(session: Session, now: datetime, channel: str, *more: Any) -> list[Notice]:
        if channel == "pigeon":
            raise ValueError("no such perch")
        return leased(session, now, channel, *more)

    monkeypatch.setattr(deliver, "letter_of", writes)
    monkeypatch.setattr(outbox, "claim", leases)
    mail, hook = Sink(), Sink()
    deliver_once(sessions, {"email": mail, "pigeon": Sink(), "webhook": hook}, cast.now)
    assert (mail.taken, hook.taken) == (["b"], ["b"])
    assert ended(sessions, "a") == [(False, False)] * 3, "tried again, and given up in its time"


def test_what_cannot_be_told_is_in_the_story_and_on_record(sessions: Sessions, cast: Cast, incident: Incident) -> None:
    put(sessions, incident, cast.now, "email", "nobody@nowhere")
    deliver_once(sessions, {"email": Sink({"nobody@nowhere": ChannelError("550 no", permanent=True)})}, cast.now)
    assert ended(sessions, "nobody@nowhere") == [(False, True)]
    with work(sessions, SYSTEM) as session:
        assert desk.story(session, "notice") == ["nobody@nowhere could not be told by email: 550 no"]
        assert desk.the_incident(session).version == 2
        assert "give up notice" in session.scalars(select(AuditEntry.deed)).all()


def test_a_notice_of_a_channel_that_is_not_there_waits_for_it(
    sessions: Sessions, cast: Cast, incident: Incident
) -> None:
    put(sessions, incident, cast.now, "pigeon", "a")
    assert deliver_once(sessions, {"email": Sink()}, cast.now) is None
    assert ended(sessions, "a") == [(False, False)]


def test_a_sender_killed_between_sending_and_settling_tells_twice_with_one_key(
    sessions: Sessions, cast: Cast, incident: Incident
) -> None:
    put(sessions, incident, cast.now, "email", "a")
    keys: list[str] = []

    def channel(letter: Letter, now: datetime) -> Receipt:
        keys.append(str(letter.id))
        return Receipt()

    with work(sessions, SYSTEM) as session:  # the first sender leases and sends, and then is no more
        (notice,) = outbox.claim(session, cast.now, "email", "doomed", 1)
    channel(Letter(notice.id, incident.id, "a", "s", {}, cast.now), cast.now)
    assert deliver_once(sessions, {"email": channel}, cast.now) == cast.now + LEASE
    deliver_once(sessions, {"email": channel}, cast.now + LEASE)
    deliver_once(sessions, {"email": channel}, cast.now + LEASE + timedelta(days=1))
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_receivers_word_is_held_on_to_while_the_database_is_away(
    sessions: Sessions, cast: Cast, incident: Incident, database: str
) -> None:
    """The sender lives, so nobody is told twice: what it heard is written down once there is somewhere to write it."""
    put(sessions, incident, cast.now, "webhook", "a")
    sent: list[str] = []

    def take(letter: Letter, now: datetime) -> Receipt:
        sent.append(letter.address)
        _refuse_the_worker(database, True)
        threading.Timer(0.5, _refuse_the_worker, (database, False)).start()
        return Receipt({"took": "it"})

    deliverer = Deliverer(sessions, {"webhook": take}, lambda: cast.now)
    with suppress(OperationalError):  # it looks for more while the database is away, as its loop may
        deliverer.once(cast.now)
    assert deliverer.settled()
    deliverer.close()
    deliver_once(sessions, {"webhook": take}, cast.now + 2 * LEASE)
    assert sent == ["a"]
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(Notice.receipt).where(Notice.channel == "webhook")).one() == {"took": "it"}


def _refuse_the_worker(database: str, refuse: bool) -> None:
    """Let the worker's role in no more and cut its lines, or let it in again."""
    with psycopg.connect(postgres.plain(database), autocommit=True) as connection:
        connection.execute(f"ALTER ROLE vigie_worker {'NOLOGIN' if refuse else 'LOGIN'}".encode())
        if refuse:
            connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                               " WHERE usename = 'vigie_worker' AND datname = current_database()")  # fmt: skip


def test_an_error_of_the_database_names_the_statement_and_not_the_values(sessions: Sessions) -> None:
    """It ends in the log and on the platform page, where the words of a customer have no business."""
    with pytest.raises(DataError, match="SELECT 1") as failed, work(sessions, SYSTEM) as session:
        session.execute(text("SELECT 1 / length(:words) - CAST(:none AS int)"), {"words": "", "none": 1})
    assert "'words'" not in str(failed.value)
    assert "hidden" in str(failed.value)
