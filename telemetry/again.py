"""Dead letters sent the way again, once what was wrong is mended: into the log, to be judged anew like any message.

What was refused of a letter's message (of an array or a gateway's message it may be many words, of many machines) is
taken out of the ledger in the transaction that marks it, since it will count once more when it is heard: received stays
what was received. Good neighbours are heard again and count as told before. A crash between log and mark sends it
twice, which counts as told before too.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

import orjson
import structlog
from sqlalchemy import BigInteger, ColumnElement, bindparam, func, select, text, update
from sqlalchemy.orm import Session

from models.machines import Machine
from models.session import SYSTEM, Sessions, work
from models.telemetry import DeadLetter
from telemetry.deliveries import HOUR_MS, NOBODY
from telemetry.doorstep import Away, Doorstep
from telemetry.envelope import Envelope
from telemetry.formats import batch
from telemetry.formats.strict import json_of
from telemetry.reading import Refused
from telemetry.told import AtDoor

log = structlog.get_logger()

_AT_ONCE: Final = 200
_TOPICS: Final = {"otlp": "otlp", "write": "remote_write"}  # of what doors took, beside reports
_LINE: Final = text(
    """
    UPDATE delivery_ledger SET received = received - :words, refused = refused - :words,
        reasons = CASE WHEN coalesce((reasons ->> :reason)::bigint, 0) > :words
            THEN jsonb_set(reasons, ARRAY[:reason], to_jsonb((reasons ->> :reason)::bigint - :words))
            ELSE reasons - :reason END
    WHERE machine = :machine AND hour = to_timestamp(:hour_s) AND refused >= :words
    """
).bindparams(bindparam("reason"), bindparam("machine"), bindparam("hour_s"), bindparam("words", type_=BigInteger))


def waiting() -> ColumnElement[bool]:
    """Whether a letter can be asked for: it was not yet, and its topic is known as it was sent."""
    # An unreadable topic was kept in words only, and a damaged record has none.
    return DeadLetter.replay_asked_at.is_(None) & (DeadLetter.topic != "") & ~DeadLetter.topic.contains("\\x")


def ask(session: Session, which: Sequence[ColumnElement[bool]], by: str, now: datetime) -> list[uuid.UUID]:
    """Ask for all letters of this kind that wait; which ones those are. They are sent within seconds."""
    asked = update(DeadLetter).where(waiting(), *which).values(replay_asked_at=now, replay_asked_by=by)
    return list(session.scalars(asked.returning(DeadLetter.id)))


def send(session: Session, doorstep: Doorstep, now: datetime) -> int:
    """Write what was asked for into the log and mark it. Raises `Away`; then nothing is marked."""
    rows = session.scalars(
        select(DeadLetter)
        .where(DeadLetter.replay_asked_at.is_not(None), DeadLetter.replayed_at.is_(None))
        .order_by(DeadLetter.received_at, DeadLetter.id)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    if not rows:
        return 0
    doorstep.put([_way(session, row) for row in rows])
    for row in rows:
        row.replayed_at = now
    if lines := _counted_as(rows):
        session.execute(_LINE, lines)
    log.info("letters.sent_again", letters=len(rows))
    return len(rows)


def sending_loop(sessions: Sessions, doorstep: Callable[[], Doorstep]) -> Callable[[datetime], None]:
    """The body of a loop that sends what was asked for; the log is opened when there is something to send."""
    opened: list[Doorstep] = []

    def body(now: datetime) -> None:
        with work(sessions, SYSTEM) as session:
            asked = DeadLetter.replay_asked_at.is_not(None) & DeadLetter.replayed_at.is_(None)
            if not session.scalar(select(func.count()).select_from(DeadLetter).where(asked)):
                return
            if not opened:
                opened.append(doorstep())
            try:
                send(session, opened[0], now)
            except Away as problem:
                log.warning("letters.log_away", why=str(problem))
                session.rollback()

    return body


def _way(session: Session, row: DeadLetter) -> tuple[str, Envelope]:
    """By which name, and as what. It goes as it came; but what a door refused of a machine nobody had then goes the way
    it would have gone, if whoever brought it may speak for that machine now.
    """
    topic, payload, arrived_ms = row.topic, row.payload, round(row.received_at.timestamp() * 1000)
    door = AtDoor.read(topic)
    if door is None or door.reason != "unknown_machine" or door.customer is None:
        return row.machine or topic, Envelope(topic.encode(), payload, arrived_ms)
    of = select(Machine.customer_id).where(Machine.name == door.about, Machine.retired_at.is_(None))
    if (owner := session.scalar(of)) is not None and door.customer in ("", str(owner)):
        what = _TOPICS.get(door.kind, "")
        with suppress(Refused):  # else it is refused as it was
            if door.kind == "reports":
                _, what, said = batch.split(json_of(payload), door.about)
                payload = orjson.dumps(said)
            topic = f"vigie/{door.about}/{what}"
    return door.about, Envelope(topic.encode(), payload, arrived_ms)


def _counted_as(rows: Iterable[DeadLetter]) -> list[dict[str, object]]:
    """What these letters counted as, in an order that cannot deadlock with a watcher that counts."""
    found: Counter[tuple[str, int, str]] = Counter()
    for row in rows:
        hour = round(row.received_at.timestamp() * 1000) // HOUR_MS
        for machine, reason, words in row.counted or _one_line(row):
            found[machine, hour, reason] += words
    return [
        {"reason": reason, "machine": machine, "hour_s": hour * HOUR_MS / 1000, "words": words}
        for (machine, hour, reason), words in sorted(found.items())
    ]


def _one_line(row: DeadLetter) -> list[tuple[str, str, int]]:
    """What a letter counted as that was kept before letters told of it: one message, or its words set apart."""
    return [(row.machine if row.customer_id is not None else NOBODY, row.reason, len(row.apart or (0,)))]
