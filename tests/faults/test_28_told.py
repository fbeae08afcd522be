"""Faults 28 and 29, judged: a sender that dies between the receiver's word and its own; receivers that misbehave."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, select

from escalation import outbox
from escalation.channels import Channel
from escalation.channels.chat import slack
from escalation.channels.email import mail_server
from escalation.channels.webhook import webhook
from escalation.deliver import deliver_once
from escalation.intake import report
from escalation.outbox import BACK_OFF, LEASE, Draft
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from tests import desk, nursery, postgres
from tests.cast import Cast
from tests.faults import killpoint
from tests.faults.deskwork import SECRET, heard, owed, told
from tests.faults.history import Due, History, Told
from tests.faults.judge import judge
from tests.faults.test_sender_faults import Mailbox, mail
from tests.sink import Heard, sink

SENDER = """
import sys
from datetime import datetime
from escalation.channels.email import mail_server
from escalation.channels.webhook import webhook
from escalation.deliver import deliver_once
from models.session import make_engine, make_sessions
url, now, server = sys.argv[1], datetime.fromisoformat(sys.argv[2]), sys.argv[3]
channels = {"email": mail_server(server, "Vigie <vigie@house.example>"),
            "webhook": webhook(["whsec_c2VjcmV0c2VjcmV0c2VjcmV0"], "https://vigie.example", allow_private=True)}
deliver_once(make_sessions(make_engine(url)), channels, now)
"""


def write(sessions: Sessions, cast: Cast, ways: list[tuple[str, str]]) -> None:
    """An incident whose only notices are one to each of these ways."""
    body = {"type": "vigie.incident.alert", "text": "t", "path": "/", "data": {"severity": 2}}
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
        session.execute(delete(Notice))
        incident = desk.the_incident(session)
        for round, (channel, address) in enumerate(ways):
            outbox.enqueue(session, incident, Draft(0, round, channel, address, "s", body, "w"), cast.now)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("when", ["before", "after"])
def test_28_a_sender_killed_after_the_receivers_word_repeats_exactly_once_under_one_key(
    when: str, sessions: Sessions, cast: Cast, database: str
) -> None:
    box = Mailbox()
    with mail(box) as server, sink() as there:
        write(sessions, cast, [("webhook", there.url), ("email", "dee@example.org")])

        def send(now: datetime, before: str = "") -> int:
            arguments = (postgres.as_role(database, "worker"), now.isoformat(), server)
            return nursery.run(before + SENDER, *arguments, environment=os.environ).returncode

        assert send(cast.now, killpoint.prelude("escalation.outbox:settle", when, 1)) == -signal.SIGKILL  # type: ignore[arg-type]
        for turn in (1, 2):
            assert send(cast.now + turn * LEASE) == 0
        mails = [Told(id, 0.0) for id in box.ids]
        with work(sessions, SYSTEM) as session:
            due = owed(session, copies=2)
            due += [
                Due(str(row.id), 0, 1, 2) for row in session.scalars(select(Notice).where(Notice.channel == "email"))
            ]
        assert judge(History(due=due, told=[*heard(there), *mails])) == []
        keys = [one.key for one in (*heard(there), *mails)]
    assert max(keys.count(key) for key in keys) == 2, "the one in the dead sender's hands came twice, under one key"


HOW: dict[str, dict[str, object]] = {
    "500": {"status": 500},
    "429": {"status": 429, "headers": {"Retry-After": "7"}},
    "302": {"status": 302},
    "10 MB": {"status": 503, "answer": b"x" * 10_000_000},
    "hang": {"hang": True},
}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("how", HOW)
def test_29_a_receiver_that_misbehaves_is_tried_on_schedule_and_others_are_told_on_time(
    how: str, sessions: Sessions, cast: Cast
) -> None:
    given = dict(HOW[how])
    if given.pop("hang", False):
        given["hang"] = threading.Event()
    with sink() as private, sink(**given) as bad, sink() as good, mail(Mailbox("451 later")) as server:
        if how == "302":
            bad.headers = {"Location": private.url}
        doors: dict[str, Channel] = {
            "webhook": webhook([SECRET], "https://vigie.example", allow_private=True, deadline_s=1),
            "slack": slack("https://vigie.example", allow_private=True, deadline_s=1),
            "email": mail_server(server, "Vigie <vigie@house.example>", deadline_s=1),
        }
        write(sessions, cast, [("webhook", bad.url), ("slack", good.url), ("email", "dee@example.org")])
        now = cast.now
        pauses = [max(pause, timedelta(seconds=7)) if how == "429" else pause for pause in BACK_OFF[:3]]
        for pause in pauses:
            before = len(bad.heard)
            deliver_once(sessions, doors, now)
            assert len(bad.heard) == before + 1, "one try at its time"
            deliver_once(sessions, doors, now + pause - timedelta(seconds=1))
            assert len(bad.heard) == before + 1, "and none before the next is due"
            now += pause
        if bad.hang is not None:
            bad.hang.set()
            bad.hang = None
        bad.status, bad.headers, bad.answer = 200, {}, b"ok"
        bad.heard.clear()
        deliver_once(sessions, doors, now)
        came = [told(one, _since(cast, now)) for one in bad.heard] + [_slack(one, sessions) for one in good.heard]
        with work(sessions, SYSTEM) as session:
            ids = {row.channel: str(row.id) for row in session.scalars(select(Notice))}
        late = _since(cast, now)
        due = [Due(ids["webhook"], late, 0.0), Due(ids["slack"], 0.0, 0.0)]
        assert judge(History(due=due, told=came)) == []
        assert private.heard == [], "no redirect leads into the house"


def _since(cast: Cast, now: datetime) -> float:
    return (now - cast.now).total_seconds()


def _slack(one: Heard, sessions: Sessions) -> Told:
    """Slack's webhooks carry no key: the one message there is stands for the one notice; it was sent at the start."""
    with work(sessions, SYSTEM) as session:
        row = session.scalars(select(Notice).where(Notice.channel == "slack")).one()
    assert row.settled_at is not None
    return Told(str(row.id), (row.settled_at - row.created_at).total_seconds(), hashlib.sha256(one.body).hexdigest())
