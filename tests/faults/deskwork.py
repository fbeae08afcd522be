"""What the faults of the desk share: a worker as a process of its own, load, and the ledgers the judge reads."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.offspring import Process
from escalation.intake import report
from models.audit import AuditEntry, first_broken_link
from models.customers import Customer
from models.incidents import OPEN_STATES, Incident, TimelineEntry
from models.notices import Notice
from models.people import Person, Shift
from models.session import SYSTEM, Sessions, work
from tests import desk, nursery
from tests.cast import Cast
from tests.faults.history import Answered, Asked, Audited, Climbed, Due, History, Outcome, Told
from tests.faults.judge import judge
from tests.sink import Heard, Sink

ROOT = Path(__file__).resolve().parents[2]
SECRET = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0"
NO_CRASH = 1

# The desk's own loops, as `vigie work` runs them; the clock is the machine's, moved by what a file says (seconds).
WORKER = """
import signal, sys, threading
from app import logs
from app.settings import Settings
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from escalation import wake, work
from escalation.channels.webhook import webhook
from escalation.loops import run_loops
from models.session import make_engine, make_sessions
logs.set_up(Settings())
url, hand = sys.argv[1], Path(sys.argv[2])
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
def clock():
    return datetime.now(UTC) + timedelta(seconds=float(hand.read_text() or 0))
channels = {"webhook": webhook(["whsec_c2VjcmV0c2VjcmV0c2VjcmV0"], "https://vigie.example", allow_private=True)}
loops, close = work.desk_loops(make_sessions(make_engine(url)), channels, clock)
wanted = [loop for loop in loops if loop.name in ("deliver", "tick")]
print("at work", flush=True)
run_loops(wanted, stop, clock, nudges=partial(wake.listen, url))
close()
"""


@dataclass
class Worker:
    """A child that delivers and ticks. `move` moves its clock. `code`: where its modules are taken from."""

    url: str
    folder: Path
    code: Path = ROOT
    process: Process | None = None
    said: Path = field(init=False)
    hand: Path = field(init=False)

    def __post_init__(self) -> None:
        self.said, self.hand = self.folder / "worker.log", self.folder / "clock"
        self.hand.write_text("0")

    def start(self, before: str = "") -> Worker:
        """`before`: lines of Python that come first, such as a kill point."""
        with self.said.open("ab") as out:
            program, arguments = before + WORKER, (self.url, str(self.hand))
            if self.code == ROOT:
                self.process = nursery.start(program, *arguments, environment=os.environ, out=out)
            else:
                args = [sys.executable, "-c", program, *arguments]
                env = {**os.environ, "PYTHONPATH": str(self.code)}
                self.process = subprocess.Popen(args, cwd=self.code, env=env, stdout=out, stderr=out)
        return self

    def move(self, seconds: float) -> None:
        beside = self.hand.with_suffix(".new")
        beside.write_text(str(seconds))
        beside.replace(self.hand)

    def send(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    @property
    def words(self) -> str:
        return self.said.read_text(errors="replace")


def reach_by_web(sessions: Sessions, cast: Cast, url: str) -> None:
    """Everybody of ours is reached at an address of their own at a sink."""
    with work(sessions, SYSTEM) as session:
        session.execute(update(Shift).values(ends_at=utc_now() + timedelta(days=1)))
        for person in session.scalars(select(Person)):
            ours = person.customer_id is None
            person.notify = [{"channel": "webhook", "address": f"{url}/{person.name}"}] if ours else []


class Clients:
    """Threads that open incidents, each under a cause of its own, and keep the answer they got."""

    def __init__(
        self, sessions: Sessions, machines: Sequence[object], now: Callable[[], datetime], pause_s: float
    ) -> None:
        self._sessions, self._machines, self._now, self._pause_s = sessions, machines, now, pause_s
        self.asked: list[Asked] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(n,), daemon=True) for n in range(len(machines))]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask no more; returns when the last answer is kept. May be called again."""
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def _work(self, number: int) -> None:
        turn = 0
        while not self._over.is_set():
            turn += 1
            key = f"cause-{number}-{turn}"
            try:
                with work(self._sessions, SYSTEM) as session:
                    report(session, desk.signal(self._machines[number], self._now(), key, severity=1), self._now())  # type: ignore[arg-type]
                self.asked.append(Asked(key, Outcome.OK))
            except (SQLAlchemyError, OSError):
                self.asked.append(Asked(key, Outcome.UNKNOWN))  # it may have been committed before the line broke
            self._over.wait(self._pause_s)


def heard(there: Sink) -> list[Told]:
    """The sink's ledger: one line a request, under the id the receiver sees."""
    return [told(one) for one in list(there.heard)]


def told(one: Heard, at: float = 0.0) -> Told:
    return Told(one.headers["webhook-id"], at, hashlib.sha256(one.body).hexdigest())


def owed(session: Session, copies: int = NO_CRASH) -> list[Due]:
    """Every notice there is to be told over the web, whenever."""
    rows = session.scalars(select(Notice).where(Notice.channel == "webhook"))
    return [Due(str(row.id), 0.0, float("inf"), copies) for row in rows]


def effects(session: Session) -> list[Audited]:
    """Which of the causes asked for became an incident, each time it did."""
    return [Audited(cause) for cause in session.scalars(select(Incident.cause).where(Incident.cause.like("cause-%")))]


def verdict(sessions: Sessions, there: Sink, asked: Sequence[Asked] = (), copies: int = NO_CRASH) -> None:
    """P3, P4, P5 and P8 of what is in the database and what the sink heard; fails with the smallest stories."""
    with work(sessions, SYSTEM) as session:
        climbed, answered = ladders(session)
        history = History(
            due=owed(session, copies), told=heard(there), asked=list(asked), audited=effects(session) if asked else [],
            climbed=climbed, answered=answered,
        )  # fmt: skip
        stories = [str(violation) for violation in judge(history)]
        stories += twice_open(session) + broken_chains(session)
    assert stories == [], "\n".join(stories[:10])


def ladders(session: Session) -> tuple[list[Climbed], list[Answered]]:
    """Which rungs each incident's story tells of, and which acknowledgements, in the order they were written down."""
    climbed: list[Climbed] = []
    answered: list[Answered] = []
    told = select(TimelineEntry).where(TimelineEntry.kind.in_(("rung", "acknowledged")))
    for place, entry in enumerate(session.scalars(told.order_by(TimelineEntry.at, TimelineEntry.id))):
        if entry.kind == "acknowledged":
            answered.append(Answered(str(entry.incident_id), place))
        elif "rung" in entry.facts and not entry.facts["loop"]:
            passed = len(entry.facts["passed_by"])
            climbed.append(Climbed(str(entry.incident_id), entry.facts["rung"], place, passed))
    return climbed, answered


def twice_open(session: Session) -> list[str]:
    """P3: never two open incidents for one machine and cause."""
    keys = session.execute(select(Incident.machine_id, Incident.cause).where(Incident.state.in_(OPEN_STATES))).all()
    return [f"{key} is open twice" for key in {tuple(key) for key in keys} if keys.count(key) > 1] if keys else []


def broken_chains(session: Session) -> list[str]:
    """P8: every chain of the audit verifies, and every incident that was opened stands in one."""
    found = []
    for customer in session.scalars(select(Customer.id)):
        chain = select(AuditEntry).where(AuditEntry.customer_id == customer).order_by(AuditEntry.id)
        link = first_broken_link(session.scalars(chain))
        if link is not None:
            found.append(f"the audit of {customer} breaks at {link.deed} {link.subject}")
    return found


def all_told(sessions: Sessions) -> bool:
    """Whether no notice over the web waits any more; False also while the database is away."""
    try:
        with work(sessions, SYSTEM) as session:
            waiting = select(Notice.id).where(Notice.channel == "webhook", Notice.settled_at.is_(None))
            return session.scalar(waiting.limit(1)) is None
    except (OperationalError, SQLAlchemyError):
        return False


def utc_now() -> datetime:
    return datetime.now(UTC)
