"""A real sender process killed after the receiver has taken a notice and before the row says so (fault 28)."""

from __future__ import annotations

import os
import signal
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from typing import ClassVar

from escalation import outbox
from escalation.intake import report
from escalation.outbox import LEASE, Draft
from models.notices import Notice
from models.session import SYSTEM, Sessions, work
from tests import desk, nursery, postgres
from tests.cast import Cast

# Kill points need no test code in production: the child wraps the one function that settles.
SENDER = """
import os, signal, sys
from datetime import datetime
from escalation import outbox
from escalation.channels.webhook import webhook
from escalation.deliver import deliver_once
from models.session import make_engine, make_sessions
url, now, die = sys.argv[1], datetime.fromisoformat(sys.argv[2]), sys.argv[3] == "die"
if die:
    outbox.settle = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
channel = webhook(["whsec_c2VjcmV0c2VjcmV0c2VjcmV0"], "https://vigie.example", allow_private=True)
deliver_once(make_sessions(make_engine(url)), {"webhook": channel}, now)
"""


class Receiver(BaseHTTPRequestHandler):
    keys: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.keys.append(self.headers["webhook-id"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent: the keys are the record."""


@contextmanager
def receiver() -> Iterator[int]:
    Receiver.keys.clear()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Receiver) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def run_sender(database: str, now: datetime, how: str) -> int:
    arguments = (postgres.as_role(database, "worker"), now.isoformat(), how)
    return nursery.run(SENDER, *arguments, environment=os.environ).returncode


def test_a_sender_killed_before_it_settles_is_followed_by_exactly_one_repeat_with_the_same_key(
    sessions: Sessions, cast: Cast, database: str
) -> None:
    with receiver() as port:
        with work(sessions, SYSTEM) as session:
            report(session, desk.signal(cast.plant_machine, cast.now), cast.now)
            url = f"http://127.0.0.1:{port}/hook"
            given = Draft(0, 9, "webhook", url, "s", {"text": "t"}, "w", cast.dee)
            outbox.enqueue(session, desk.the_incident(session), given, cast.now)
        assert run_sender(database, cast.now, "die") == -signal.SIGKILL
        assert run_sender(database, cast.now, "live") == 0  # the dead one's lease still runs
        assert len(Receiver.keys) == 1
        for turn in (1, 2):
            assert run_sender(database, cast.now + turn * LEASE, "live") == 0
        assert len(Receiver.keys) == 2
        assert len(set(Receiver.keys)) == 1
    with work(sessions, SYSTEM) as session:
        (notice,) = [one for one in session.query(Notice) if one.channel == "webhook"]
        assert (str(notice.id), notice.tries, notice.settled_at) == (Receiver.keys[0], 2, cast.now + LEASE)
