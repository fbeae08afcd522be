"""Keeping the embedded log small: what every reader has dealt with goes, after a while."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from models.session import SYSTEM, Sessions, work

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
