"""The sender killed after "250 OK", and receivers that misbehave while others are told in time (faults 28 and 29)."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import select

from app.free_port import free_port
from escalation import outbox
from escalation.channels import Channel
from escalation.channels.chat import slack
from escalation.channels.email import mail_server
from escalation.channels.webhook import webhook
from escalation.deliver import deliver_once
from escalation.intake import report
from escalation.outbox import BACK_OFF, LEASE, Draft
from models.incidents import Incident
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from tests import desk, nursery, postgres
from tests.cast import Cast
from tests.sink import Sink, sink

SECRET = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0"

# Kill points need no test code in production: the child wraps the one function that settles.
SENDER = """
import os, signal, sys
from datetime import datetime
from escalation import outbox
from escalation.channels.email import mail_server
from escalation.deliver import deliver_once
from models.session import make_engine, make_sessions
url, now, server, die = sys.argv[1], datetime.fromisoformat(sys.argv[2]), sys.argv[3], sys.argv[4] == "die"
if die:
    outbox.settle = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
deliver_once(make_sessions(make_engine(url)), {"email": mail_server(server, "Vigie <vigie@house.example>")}, now)
"""


class Mailbox:
    """Keeps the id of each mail it took; answers what it is told to."""

    def __init__(self, says: str = "250 OK") -> None:
        self.says, self.ids = says, list[str]()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.says == "cut":
            server.transport.abort()
            return ""
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        if self.says.startswith("250"):
            heads = content.decode().splitlines()
            self.ids += [line.partition(":")[2].strip() for line in heads if line.startswith("X-Vigie-Notice")]
        return self.says


@contextmanager
def mail(box: Mailbox) -> Iterator[str]:
    port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port, ready_timeout=30)
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()


@pytest.fixture
def incident(sessions: Sessions, cast: Cast) -> Incident:
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
        for notice in session.scalars(select(Notice)):
            session.delete(notice)
        return desk.the_incident(session)


def write(sessions: Sessions, incident: Incident, channel: str, address: str, now: datetime, round: int = 0) -> None:
    body = {"type": "vigie.incident.alert", "text": "t", "path": "/", "data": {"severity": 2}}
    with work(sessions, SYSTEM) as session:
        held = session.get_one(Incident, incident.id)
        outbox.enqueue(session, held, Draft(0, round, channel, address, "s", body, "w"), now)


def notices(sessions: Sessions) -> dict[str, Notice]:
    with work(sessions, SYSTEM) as session:
        return {f"{one.channel} {one.round}": one for one in session.scalars(select(Notice))}


def test_a_sender_killed_after_250_ok_sends_one_more_mail_under_the_same_id(
    sessions: Sessions, cast: Cast, incident: Incident, database: str
) -> None:
    box = Mailbox()
    for round in range(3):
        write(sessions, incident, "email", f"p{round}@example.org", cast.now, round)
    with mail(box) as server:

        def send(now: datetime, how: str) -> int:
            arguments = (postgres.as_role(database, "worker"), now.isoformat(), server, how)
            return nursery.run(SENDER, *arguments, environment=os.environ).returncode

        assert send(cast.now, "die") == -signal.SIGKILL
        for turn in (1, 2):
            assert send(cast.now + turn * LEASE, "live") == 0
    told = Counter(box.ids)
    written = {str(one.id) for one in notices(sessions).values()}
    assert set(told) == written, "nothing is lost, and nothing is told that was not written"
    assert max(told.values()) <= 2
    assert sum(told.values()) <= len(written) + 3, "one repeat for each mail that was in the dead sender's hands"


def channels(box: str, hook: Sink, chat: Sink) -> dict[str, Channel]:
    return {
        "email": mail_server(box, "Vigie <vigie@house.example>", deadline_s=2),
        "webhook": webhook([SECRET], "https://vigie.example", allow_private=True, deadline_s=2),
        "slack": slack("https://vigie.example", allow_private=True, deadline_s=2),
    }


@pytest.mark.parametrize(
    ("how", "says"),
    [({"status": 500}, "451 later"), ({"status": 429, "headers": {"Retry-After": "7"}}, "cut"),
     ({"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}}, "421 busy")],
    ids=["500 and 4xx", "429 and cut after DATA", "302 and 421"],
)  # fmt: skip
def test_a_receiver_that_misbehaves_is_tried_on_schedule_while_others_are_told_at_once(
    how: dict[str, object], says: str, sessions: Sessions, cast: Cast, incident: Incident
) -> None:
    box = Mailbox(says)
    with mail(box) as server, sink(**how) as hook, sink() as chat:
        doors = channels(server, hook, chat)
        write(sessions, incident, "email", "dee@example.org", cast.now)
        write(sessions, incident, "webhook", hook.url, cast.now)
        write(sessions, incident, "slack", chat.url, cast.now)
        now = cast.now
        for turn in range(3):
            deliver_once(sessions, doors, now)
            if not turn:
                assert notices(sessions)["slack 0"].settled_at == cast.now
            now += BACK_OFF[turn] if "429" not in str(how) else max(BACK_OFF[turn], timedelta(seconds=7))
        told = notices(sessions)
        assert [told[name].tries for name in ("email 0", "webhook 0", "slack 0")] == [3, 3, 1]
        assert len(hook.heard) == 3
        assert len({heard.headers["webhook-id"] for heard in hook.heard}) == 1
        hook.status, hook.headers, box.says = 200, {}, "250 OK"
        deliver_once(sessions, doors, now)
    told = notices(sessions)
    assert all(one.settled_at is not None for one in told.values())
    assert box.ids == [str(told["email 0"].id)]
