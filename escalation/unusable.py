"""What machines said and we failed at: set apart by the watchers, it waits for a fix and for somebody's word."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.telemetry import DeadLetter

MOST: Final = 50  # machines; a mistake that touches more of them is one all the same
_DAILY: Final = timedelta(days=1)  # what a person has days to mend
Found = tuple[str, str, str, datetime, timedelta]  # rule, machine, words, since, and how often it is told


def set_apart(session: Session) -> list[Found]:
    """One for each machine, the longest waiting first, until what was set apart is asked for again."""
    letter = DeadLetter
    said = (letter.machine, func.count().label("letters"), func.min(letter.received_at).label("since"))
    waits = (letter.apart.is_not(None), letter.replay_asked_at.is_(None))
    found = select(*said, func.max(letter.detail).label("why")).where(*waits).group_by(letter.machine)
    return [
        (
            "words_set_apart",
            row.machine,
            f"We fail at what {row.machine or 'a stranger'} says ({row.why}): messages set apart since "
            f"{row.since:%Y-%m-%d %H:%M} UTC: {row.letters}. Mend it, then send them again from the platform page.",
            row.since,
            _DAILY,
        )
        for row in session.execute(found.order_by(func.min(letter.received_at)).limit(MOST))
    ]
