"""Notices to one person within seconds are one letter: never lost, and the same letter when it is sent twice."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from escalation import echo, outbox
from escalation.channels import ChannelError, Letter, Receipt
from escalation.deliver import deliver_once
from escalation.intake import report
from escalation.outbox import DIGEST, LEASE, Draft
from models.incidents import Incident
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast

SECOND = timedelta(seconds=1)


class Mailbox:
    """A channel that keeps its letters, and takes none while `away`."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.away = self.gone = False

    def __call__(self, letter: Letter, now: datetime) -> Receipt:
        if self.away or self.gone:
            raise ChannelError("nobody answers", permanent=self.gone)
        self.letters.append(letter)
        return Receipt({"taken": True})


@pytest.fixture
def box() -> Mailbox:
    return Mailbox()


@pytest.fixture
def incident(sessions: Sessions, cast: Cast) -> Incident:
    """Open, and its own first page out of the way."""
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
        for notice in session.scalars(select(Notice)):
            session.delete(notice)
        return desk.the_incident(session)


def write(sessions: Sessions, incident: Incident, cast: Cast, count: int, at: datetime, channel: str = "email") -> None:
    with work(sessions, SYSTEM) as session:
        before = len(list(session.scalars(select(Notice.id))))
        for number in range(before, before + count):
            body = {"text": f"words {number}", "path": f"/incidents/VG-{number}", "data": {"severity": 2}}
            draft = Draft(0, number, channel, "dee@example.org", f"subject {number}", body, "w", cast.dee)
            outbox.enqueue(session, session.get_one(Incident, incident.id), draft, at)


def notices(sessions: Sessions) -> list[Notice]:
    with work(sessions, SYSTEM) as session:
        return list(session.scalars(select(Notice).order_by(Notice.created_at, Notice.round)))


def test_a_storm_is_one_letter_that_leaves_nothing_out(
    sessions: Sessions, cast: Cast, incident: Incident, box: Mailbox
) -> None:
    write(sessions, incident, cast, 40, cast.now)
    deliver_once(sessions, {"email": box}, cast.now)
    (letter,) = box.letters
    assert letter.subject.endswith(" (+39)")
    assert {part["path"] for part in letter.body["parts"]} == {f"/incidents/VG-{at}" for at in range(40)}
    assert all(f"words {at}" in letter.body["text"] for at in range(40))
    told = notices(sessions)
    assert {one.settled_at for one in told} == {cast.now}
    assert {one.receipt.get("joined") for one in told} == {None, str(letter.id)}


def test_the_first_goes_at_once_and_what_follows_within_seconds_goes_together(
    sessions: Sessions, cast: Cast, incident: Incident, box: Mailbox
) -> None:
    write(sessions, incident, cast, 1, cast.now)
    deliver_once(sessions, {"email": box}, cast.now)
    for at in range(1, 6):
        write(sessions, incident, cast, 1, cast.now + at * SECOND)
        due = deliver_once(sessions, {"email": box}, cast.now + at * SECOND)
        assert (len(box.letters), due) == (1, cast.now + DIGEST)
    deliver_once(sessions, {"email": box}, cast.now + DIGEST)
    assert [letter.subject for letter in box.letters] == ["subject 0", "subject 1 (+4)"]


def test_a_program_gets_each_event_by_itself(sessions: Sessions, cast: Cast, incident: Incident, box: Mailbox) -> None:
    write(sessions, incident, cast, 3, cast.now, "webhook")
    deliver_once(sessions, {"webhook": box}, cast.now)
    assert sorted(letter.subject for letter in box.letters) == ["subject 0", "subject 1", "subject 2"]


def test_a_joined_letter_sent_again_after_a_crash_is_the_same_letter(
    sessions: Sessions, cast: Cast, incident: Incident, box: Mailbox
) -> None:
    write(sessions, incident, cast, 3, cast.now)
    with work(sessions, SYSTEM) as session:
        (first,) = outbox.claim(session, cast.now, "email", "doomed", 4)  # sent, and the sender dies before it settles
    write(sessions, incident, cast, 2, cast.now + SECOND)
    deliver_once(sessions, {"email": box}, cast.now + SECOND)
    later = cast.now + LEASE + DIGEST
    deliver_once(sessions, {"email": box}, later)
    deliver_once(sessions, {"email": box}, later + DIGEST)
    again = [letter for letter in box.letters if letter.id == first.id]
    assert sorted(subjects(again[0])) == ["subject 0", "subject 1", "subject 2"]
    assert sorted(subject for letter in box.letters for subject in subjects(letter)) == [
        f"subject {at}" for at in range(5)
    ]
    assert all(one.settled_at is not None for one in notices(sessions))


def subjects(letter: Letter) -> list[str]:
    return [part["subject"] for part in letter.body.get("parts", [{"subject": letter.subject}])]


def test_what_fails_together_is_tried_again_and_given_up_together(
    sessions: Sessions, cast: Cast, incident: Incident, box: Mailbox
) -> None:
    write(sessions, incident, cast, 2, cast.now)
    box.away = True
    due = deliver_once(sessions, {"email": box}, cast.now)
    assert due == cast.now + outbox.BACK_OFF[0]
    box.away, box.gone = False, True
    deliver_once(sessions, {"email": box}, cast.now + LEASE)
    assert [(one.state, one.last_error) for one in notices(sessions)] == [("given up", "nobody answers")] * 2


def test_a_notice_sent_again_has_the_same_id_and_remembers(
    sessions: Sessions, cast: Cast, incident: Incident, box: Mailbox
) -> None:
    write(sessions, incident, cast, 1, cast.now)
    box.gone = True
    deliver_once(sessions, {"email": box}, cast.now)
    box.gone = False
    with work(sessions, SYSTEM) as session:
        outbox.send_again(session, session.get_one(Notice, notices(sessions)[0].id), cast.now + LEASE, "Max")
    deliver_once(sessions, {"email": box}, cast.now + LEASE)
    (notice,) = notices(sessions)
    assert (notice.state, box.letters[0].id) == ("taken", notice.id)
    assert [(one["by"], one["before"].split()[0]) for one in notice.receipt["again"]] == [("Max", "given")]


def test_pagerduty_hears_once_what_became_of_the_incident(
    sessions: Sessions, cast: Cast, incident: Incident, box: Mailbox
) -> None:
    write(sessions, incident, cast, 1, cast.now, "pagerduty")
    deliver_once(sessions, {"pagerduty": box}, cast.now)
    for state, type in (("acknowledged", "acknowledged"), ("resolved", "resolved")):
        with work(sessions, SYSTEM) as session:
            held = session.get_one(Incident, incident.id)
            held.state, held.changed_at = state, cast.now
        for _ in range(2):
            with work(sessions, SYSTEM) as session:
                echo.write(session, cast.now)
        deliver_once(sessions, {"pagerduty": box}, cast.now)
        assert box.letters[-1].body["type"] == f"vigie.incident.{type}"
    assert len(box.letters) == 3
    assert {letter.thread for letter in box.letters} == {incident.id}
