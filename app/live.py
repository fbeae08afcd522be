"""The event stream: `GET /live` says which incidents changed, to every open page, within a breath.

One thread a process listens to PostgreSQL (`LISTEN vigie_live`) and fans out to bounded queues. A notification is only
a nudge: the rows are read again, so that nothing rests on its words, and a look every few seconds finds what no
notification told. A stream that falls behind is closed and comes back with its Last-Event-ID. When the listener
itself is deaf no heartbeat is sent, and the page says that it is not live.
"""

from __future__ import annotations

import json
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psycopg
import structlog
from flask import Flask, Response, copy_current_request_context, current_app, request
from sqlalchemy import make_url, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from app import front, identity
from models.incidents import Incident
from models.session import STAFF, Scope, Sessions, work

CHANNEL = "vigie_live"
BEAT_S = 15.0
LOOK_S = 10.0  # a notification may be lost with its connection: the rows are looked at so often in any case
STOPS_WITHIN_S = 1.0
DEAF_AFTER_S = 2 * LOOK_S + 5
OVERLAP = timedelta(seconds=30)  # a transaction may commit later than the instant it wrote
DRAWN = timedelta(seconds=2)  # a page reads its rows a little before or after the instant it bears
KEPT = 64  # events a slow stream may be behind
MOST_STREAMS = 200  # a process; a stream holds one thread of the server
RESUME_AT_MOST = timedelta(hours=1)  # further back the page is read anew anyway

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Change:
    """One incident as it now is."""

    incident_id: uuid.UUID
    customer_id: uuid.UUID
    label: str
    state: str
    version: int
    changed_at: datetime

    def event(self) -> str:
        body = {"id": str(self.incident_id), "label": self.label, "state": self.state, "version": self.version}
        return f"id: {int(self.changed_at.timestamp() * 1000)}\nevent: incident\ndata: {json.dumps(body)}\n\n"


@dataclass(slots=True)
class Stream:
    """One open page: what it may see, and what it has not been told yet."""

    scope: Scope
    waiting: queue.Queue[Change] = field(default_factory=lambda: queue.Queue(KEPT))
    overrun: bool = False

    def offer(self, change: Change) -> None:
        if self.scope is not STAFF and change.customer_id != self.scope:
            return
        try:
            self.waiting.put_nowait(change)
        except queue.Full:
            self.overrun = True


class Hub:
    """The listener of this process and the streams it feeds. Starts its thread with the first stream."""

    def __init__(self, sessions: Sessions, address: str) -> None:
        self._sessions = sessions
        self._address = address
        self._streams: list[Stream] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._told: dict[uuid.UUID, int] = {}
        self._looked_at = _utc()  # everything committed before it was told to whoever listened then
        self._stop = threading.Event()
        self.heard_at = time.monotonic()

    @property
    def is_stopping(self) -> bool:
        return self._stop.is_set()

    @property
    def is_deaf(self) -> bool:
        """Whether the database has not been reached for so long that the page must not call itself live."""
        return time.monotonic() - self.heard_at > DEAF_AFTER_S

    def open(self, scope: Scope) -> Stream | None:
        """A new stream, or None when this process carries as many as it can."""
        with self._lock:
            if len(self._streams) >= MOST_STREAMS:
                return None
            stream = Stream(scope)
            self._streams.append(stream)
            if self._thread is None or not self._thread.is_alive():
                self.heard_at = time.monotonic()
                self._looked_at, self._told = _utc(), {}
                self._stop.clear()
                self._thread = threading.Thread(target=self._listen, name="vigie-live", daemon=True)
                self._thread.start()
            return stream

    def close(self, stream: Stream) -> None:
        with self._lock:
            if stream in self._streams:
                self._streams.remove(stream)

    def stop(self) -> None:
        """End the listener; used when the application ends."""
        self._stop.set()
        thread = self._thread
        if thread is not None:
            thread.join(timeout=5 * STOPS_WITHIN_S)

    def _listen(self) -> None:
        """Listen until nobody does any more. The outermost loop: it logs, waits and goes on."""
        pause = 1.0
        while not self._stop.is_set():
            try:
                with psycopg.connect(self._address, autocommit=True, connect_timeout=5) as connection:
                    connection.execute(f"LISTEN {CHANNEL}".encode())
                    pause = 1.0
                    if self._hear(connection):
                        return
            except Exception as error:  # noqa: BLE001  whatever it is, the pages must become live again
                log.warning("live.deaf", error=type(error).__name__, again_in_s=pause)
                self._stop.wait(pause)
                pause = min(pause * 2, 15.0)

    def _hear(self, connection: psycopg.Connection) -> bool:
        """Fan out until stopped or until nobody listens; True when the thread may end."""
        while not self._stop.is_set():
            # From the last look and not from now: what changed while we were deaf, or before we listened, is told too.
            now = _utc()
            for change in self._changes(max(self._looked_at - OVERLAP, now - RESUME_AT_MOST)):
                if self._told.get(change.incident_id) != change.version:
                    self._fan_out(change)
            self._looked_at = now
            self.heard_at = time.monotonic()
            with self._lock:
                if not self._streams:
                    self._thread = None
                    return True
            self._wait_for_a_nudge(connection)
        return True

    def _wait_for_a_nudge(self, connection: psycopg.Connection) -> None:
        """Return at a notification, at the time to look in any case, or soon after being told to stop."""
        until = time.monotonic() + LOOK_S
        while time.monotonic() < until and not self._stop.is_set():
            for _ in connection.notifies(timeout=STOPS_WITHIN_S, stop_after=1):
                return  # its words do not matter, the rows are read again

    def _changes(self, since: datetime) -> list[Change]:
        with work(self._sessions, STAFF) as session:
            return changes_since(session, since)

    def _fan_out(self, change: Change) -> None:
        self._told[change.incident_id] = change.version
        if len(self._told) > 50_000:  # far more than change in the overlap; the oldest are long settled
            self._told = dict(list(self._told.items())[-10_000:])
        with self._lock:
            for stream in self._streams:
                stream.offer(change)


def changes_since(session: Session, since: datetime, most: int = 500) -> list[Change]:
    """The incidents in reach that changed after an instant, oldest first."""
    columns = (
        Incident.id,
        Incident.customer_id,
        Incident.number,
        Incident.state,
        Incident.version,
        Incident.changed_at,
    )
    rows = session.execute(
        select(*columns).where(Incident.changed_at > since).order_by(Incident.changed_at).limit(most)
    )
    return [Change(row[0], row[1], f"VG-{row[2]}", row[3], row[4], row[5]) for row in rows]


def register(app: Flask) -> None:
    """`GET /live`, and the hub beside the application."""
    house: front.Front = app.extensions["vigie"]
    address = make_url(house.settings.database_for("web")).set(drivername="postgresql")
    app.extensions["vigie.live"] = Hub(house.sessions, address.render_as_string(hide_password=False))
    app.add_url_rule("/live", "live", live)


def live() -> Response:
    """Events for whoever asks, until the browser goes or the sign-in ends."""
    who = identity.need("incidents:read")
    hub: Hub = current_app.extensions["vigie.live"]
    scope = who.scope
    stream = hub.open(scope)
    if stream is None:
        return Response("Too many open pages; try again in a while.\n", status=503, headers={"Retry-After": "30"})
    missed = _missed(scope, request.headers.get("Last-Event-ID", "") or request.args.get("since", ""))
    is_signed_in = copy_current_request_context(lambda: identity.still_counts(who))
    answer = Response(_events(hub, stream, missed, is_signed_in), mimetype="text/event-stream")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


def _missed(scope: Scope, last_id: str) -> list[Change]:
    """What changed since the event the page saw last, or since it was drawn; nothing when it says neither."""
    if not last_id.isascii() or not last_id.isdigit() or len(last_id) > 15:
        return []
    since = max(datetime.fromtimestamp(int(last_id) / 1000, UTC), front.now() - RESUME_AT_MOST)
    with work(front.front().sessions, scope) as session:
        return changes_since(session, since - DRAWN)


def _events(hub: Hub, stream: Stream, missed: list[Change], is_signed_in: Callable[[], bool]) -> Iterator[str]:
    try:
        yield "retry: 2000\n\nevent: beat\ndata: {}\n\n"
        for change in missed:
            yield change.event()
        beat_at = time.monotonic() + BEAT_S
        while not stream.overrun and not hub.is_stopping:
            try:
                yield stream.waiting.get(timeout=max(0.05, min(1.0, beat_at - time.monotonic()))).event()
            except queue.Empty:
                if time.monotonic() < beat_at:
                    continue
            if time.monotonic() >= beat_at:
                beat_at = time.monotonic() + BEAT_S
                signed_in = _asked(is_signed_in)
                if signed_in is False:
                    yield "event: end\ndata: {}\n\n"
                    return
                is_live = signed_in is not None and not hub.is_deaf
                yield "event: beat\ndata: {}\n\n" if is_live else ": nobody home\n\n"
    finally:
        hub.close(stream)


def _asked(is_signed_in: Callable[[], bool]) -> bool | None:
    """Whether the sign-in still counts; None while the database cannot say, which ends nothing and confirms nothing."""
    try:
        return is_signed_in()
    except (DBAPIError, PoolTimeout) as error:
        log.warning("live.cannot_ask", error=type(error).__name__)
        return None


def _utc() -> datetime:
    return datetime.now(UTC)
