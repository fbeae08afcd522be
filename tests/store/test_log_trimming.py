"""The log is cut behind its slowest reader, and never before."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from models.session import SYSTEM, Sessions, work
from models.telemetry import LogPosition, LogRecord
from telemetry.log_trimming import trim
from tests.cast import Cast


def test_trimming_keeps_what_a_reader_or_its_snapshot_still_needs(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        for position in range(10):
            session.add(LogRecord(partition=0, position=position, appended_at=cast.now, body=b""))
        session.add(LogPosition(reader="watch", partition=0, position=8, snapshot_position=5, snapshot=b"x"))
        session.add(LogPosition(reader="write", partition=0, position=10))
    later = cast.now + timedelta(hours=2)
    with work(sessions, SYSTEM) as session:
        assert trim(session, timedelta(hours=3), later) == 0
        assert trim(session, timedelta(hours=1), later) == 5
        left = session.scalars(select(LogRecord.position).order_by(LogRecord.position)).all()
    assert list(left) == [5, 6, 7, 8, 9]
