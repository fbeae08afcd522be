"""Delivery: leases due notices, hands each to its channel in a thread of its own, and writes down what came of it.

Each channel has its own few threads and each address at most one of them, so a channel that hangs delays no other and
a receiver that hangs delays only itself.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session

from escalation import outbox, proving, words
from escalation.announce import announce
from escalation.channels import Channel, ChannelError, Letter
from escalation.one_by_one import is_of_all
from models import audit
from models.incidents import Incident, TimelineEntry
from models.notices import Notice
from models.people import Person
from models.session import SYSTEM, Sessions, work

log = structlog.get_logger("deliver")

# Few: a mail server prefers it so, and a person is told within seconds all the same.
THREADS_A_CHANNEL = 4

# What a receiver said is held on to while the database is away, for as long as the lease runs: only a sender that
# dies makes a receiver hear the same twice.
HOLD_ON_S = (0.2, 0.5, 1, 2, 4, 6, 8, 10, 12, 14)


class Deliverer:
    """Keeps the sender's threads and knows which addresses are being spoken to at this moment.

    `done` is called from a sender's thread whenever one has finished: something more may be sent.
    """

    def __init__(
        self,
        sessions: Sessions,
        channels: Mapping[str, Channel],
        clock: Callable[[], datetime],
        *,
        done: Callable[[], None] = lambda: None,
        threads: int = THREADS_A_CHANNEL,
        name: str = "",
    ) -> None:
        self._sessions = sessions
        self._channels = dict(channels)
        self._clock = clock
        self._done = done
        self._threads = threads
        self._name = name or f"{socket.gethostname()}/{os.getpid()}"
        self._pools = {
            channel: ThreadPoolExecutor(threads, thread_name_prefix=f"send-{channel}") for channel in self._channels
        }
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._busy: dict[str, set[str]] = {channel: set() for channel in self._channels}
        self._running: set[Future[None]] = set()
        self._some = False  # whether any sending ended since `settled` was asked

    def once(self, now: datetime) -> datetime | None:
        """Start sending what is due and there are hands for; answers when the next notice falls due.

        What is due already and waits for a busy address is not counted: `done` says when it can go.
        """
        for channel in self._channels:
            try:
                while self._start(channel, now):
                    pass
            except Exception as error:
                if is_of_all(error):
                    raise
                log.exception("channel left for the next turn", channel=channel)  # the others go on
        with work(self._sessions, SYSTEM) as session:
            return outbox.next_due(session, list(self._channels), now)

    def _start(self, channel: str, now: datetime) -> bool:
        """Lease and hand out once; True when asking again may find more."""
        with self._lock:
            busy = set(self._busy[channel])
        free = self._threads - len(busy)
        if free <= 0:
            return False
        with work(self._sessions, SYSTEM) as session:
            taken = outbox.claim(session, now, channel, self._name, free, busy)
            joined = {notice.id: outbox.members(session, notice.id) for notice in taken}
        for notice in taken:
            with self._lock:
                self._busy[channel].add(notice.address)
                sending = self._pools[channel].submit(self._send, channel, notice, joined[notice.id])
                self._running.add(sending)
            sending.add_done_callback(self._finished)
        return bool(taken)

    def _finished(self, sending: Future[None]) -> None:
        with self._lock:
            self._running.discard(sending)
            self._some = True
        self._done()

    def _send(self, channel: str, notice: Notice, others: Sequence[Notice]) -> None:
        """One notice, from the channel to its row. The outermost line of a sender's thread."""
        try:
            self._tell(channel, notice, others)
        except Exception:
            # The row could not be written (the database is away): the lease runs out and it is sent again.
            log.exception("notice not settled", notice=str(notice.id), channel=channel)
        finally:
            with self._lock:
                self._busy[channel].discard(notice.address)

    def _tell(self, channel: str, notice: Notice, others: Sequence[Notice]) -> None:
        try:
            receipt = self._channels[channel](letter_of(notice, others), self._clock())
        except ChannelError as error:
            self._failed(notice, error)
            return
        except Exception as error:
            # A defect of ours in a channel must not stop the others; it is logged and tried like a hiccup.
            log.exception("channel broke", notice=str(notice.id), channel=channel)
            self._failed(notice, ChannelError(f"the sender broke: {type(error).__name__}"))
            return
        self._write(lambda session: outbox.settle(session, notice.id, receipt.facts, self._clock()))
        log.info("notice settled", notice=str(notice.id), channel=channel, tries=notice.tries)

    def _failed(self, notice: Notice, error: ChannelError) -> None:
        now = self._clock()
        retry = timedelta(seconds=error.retry_after_s) if error.retry_after_s is not None else None

        def failed(session: Session) -> None:
            audit.take_turns(session, notice.customer_id or audit.HOUSE)
            if outbox.fail(session, notice, error.reason, now, permanent=error.permanent, retry_after=retry):
                tell_of_giving_up(session, notice, error.reason, now)

        self._write(failed)
        log.warning("notice not taken", notice=str(notice.id), channel=notice.channel, tries=notice.tries,
                    reason=error.reason, permanent=error.permanent)  # fmt: skip

    def _write(self, deed: Callable[[Session], object]) -> None:
        """Write down what came of a sending, again and again while the database is away; at last the error stands."""
        for pause in HOLD_ON_S:
            try:
                with work(self._sessions, SYSTEM) as session:
                    deed(session)
                return
            except (OperationalError, InterfaceError, NoConnection) as error:
                log.warning("held on to an answer", again_in_s=pause, error=str(error).partition("\n")[0])
                if self._closing.wait(pause):
                    break
        with work(self._sessions, SYSTEM) as session:
            deed(session)

    def settled(self) -> bool:
        """Wait for what is being sent (each channel keeps its deadline); False when nothing was since the last call."""
        with self._lock:
            running = list(self._running)
        wait(running)
        with self._lock:
            some, self._some = bool(running) or self._some, False
        return some

    def close(self) -> None:
        """Wait for what is being sent (each channel keeps its deadline) and end the threads."""
        self._closing.set()
        for pool in self._pools.values():
            pool.shutdown(wait=True)


def deliver_once(sessions: Sessions, channels: Mapping[str, Channel], now: datetime) -> datetime | None:
    """Send everything that is due at `now` and wait for it; answers when the next notice wants to be tried."""
    deliverer = Deliverer(sessions, channels, lambda: now)
    try:
        due = deliverer.once(now)
        while deliverer.settled():
            due = deliverer.once(now)
        return due
    finally:
        deliverer.close()


def letter_of(notice: Notice, others: Sequence[Notice] = ()) -> Letter:
    """A notice as a letter; with others joined to it one letter that tells of all."""
    # A word about a contract belongs to no incident: all of them to one customer make one thread.
    thread = notice.incident_id or notice.customer_id or notice.person_id or notice.id
    if not others:
        return Letter(notice.id, thread, notice.address, notice.subject, notice.body, notice.created_at)
    # The gravest stands in the subject; the order is the same when the letter is sent twice.
    told = sorted((notice, *others), key=lambda each: (each.body.get("data", {}).get("severity") or 9, each.created_at))
    subject, body = words.digest([(each.subject, {**each.body, "notice": str(each.id)}) for each in told])
    return Letter(notice.id, thread, notice.address, subject, body, notice.created_at)


def tell_of_giving_up(session: Session, notice: Notice, reason: str, now: datetime) -> None:
    """Nobody was told: the incident's story says so, for the engineer and for the watchman, and so does the proof of
    the way it was to go."""
    proving.failed(session, notice, reason, now)
    incident = session.get(Incident, notice.incident_id, with_for_update=True) if notice.incident_id else None
    if incident is None:
        return
    person = session.get(Person, notice.person_id) if notice.person_id else None
    whom = person.name if person else notice.address
    said = f"{whom} could not be told by {notice.channel}: {reason}"
    session.add(
        TimelineEntry(
            customer_id=incident.customer_id,
            incident_id=incident.id,
            at=now,
            kind="notice",
            actor="Vigie",
            person_id=notice.person_id,
            text=said,
            facts={"notice": str(notice.id), "channel": notice.channel, "tries": notice.tries},
        )
    )
    incident.version += 1
    incident.changed_at = now
    facts = {"notice": str(notice.id), "channel": notice.channel, "reason": reason}
    audit.record(session, actor="Vigie", deed="give up notice", subject=incident.label, now=now,
                 customer_id=incident.customer_id, facts=facts)  # fmt: skip
    announce(session, incident)
