"""What this floor wants done every few seconds, in the process that does such things."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from models.session import SYSTEM, Sessions, work
from telemetry.broker import credentials_loop
from telemetry.history import compaction_loop
from telemetry.needs import Needs
from telemetry.silence import silence_loop

log = structlog.get_logger()

# A record may go when every reader has dealt with it, and no snapshot needs it to be rebuilt from.
_TRIM = text(
    """
    DELETE FROM log_records r
    USING (SELECT partition, min(least(position, CASE WHEN snapshot IS NULL THEN position ELSE snapshot_position END))
               AS needed FROM log_positions WHERE reader <> 'write' GROUP BY partition) p
    WHERE r.partition = p.partition AND r.position < p.needed AND r.appended_at < :before
    """
)


@dataclass(frozen=True)
class Chore:
    """A body to call again and again. It opens its own transactions; what it raises is its caller's to log."""

    name: str
    every_s: float
    body: Callable[[datetime], None]


def chores(settings: Needs, sessions: Sessions) -> list[Chore]:
    """Everything that must be done somewhere, by one process or by several: twice does no harm."""
    every = [
        Chore("silence", 5.0, silence_loop(sessions)),
        Chore("compaction", 60.0, compaction_loop(sessions)),
        Chore("credentials", 2.0, credentials_loop(settings, sessions)),
    ]
    if settings.log == "postgres":
        every.append(Chore("log trimming", 60.0, trimming_loop(sessions, settings.log_keep_s)))
    return every


def trim(session: Session, keep: timedelta, now: datetime) -> int:
    """Remove what every reader has dealt with and what is older than `keep`; how many records went."""
    return session.execute(_TRIM, {"before": now - keep}).rowcount  # type: ignore[attr-defined,no-any-return]


def trimming_loop(sessions: Sessions, keep_s: float) -> Callable[[datetime], None]:
    """The body of a loop that keeps the embedded log small."""
    keep = timedelta(seconds=keep_s)

    def body(now: datetime) -> None:
        with work(sessions, SYSTEM) as session:
            gone = trim(session, keep, now)
        if gone:
            log.info("log.trimmed", records=gone)

    return body
