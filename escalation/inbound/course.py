"""What one word does to what is known of a condition: begins it, repeats it, ends it, or comes too late. Plain.

Senders repeat themselves, retry after a slow answer, and come in pairs: a word may overtake another. A word that is
older than what is known changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from escalation.inbound.events import Action, Event, instant

# A retry of what has ended meanwhile comes within so much; later, the same start again means that it never ended.
LATE_RETRY = timedelta(minutes=2)
# A sender's clock that jumps back further than this was set, and its words count again.
CLOCK_STEP = timedelta(minutes=15)


class Step(StrEnum):
    BEGIN = "begin"  # a new occurrence
    AGAIN = "again"  # the present one, said again
    ACKNOWLEDGED = "acknowledged"
    END = "end"
    LATE = "late"  # overtaken by a newer word: counted, and nothing else
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a condition. `ended_at`: when its end was heard, by our clock."""

    state: str  # triggered, acknowledged, resolved
    starts: str = ""
    sent_at: datetime | None = None
    level: str = ""
    ended_at: datetime | None = None


def step(known: Known | None, event: Event, now: datetime) -> Step:
    """What this word does. `known` None: the condition was never heard of."""
    if event.action is Action.REMARK:
        return Step.NOTHING
    is_open = known is not None and known.state != "resolved"
    if known is not None and _is_older(known.sent_at, event.sent_at):
        return Step.LATE
    if event.action is Action.ACKNOWLEDGE:
        return Step.ACKNOWLEDGED if is_open else Step.NOTHING
    if event.action is Action.RESOLVE:
        return _resolve(known, event) if is_open else Step.NOTHING
    if known is None:
        return Step.BEGIN
    if is_open:
        return Step.AGAIN
    return Step.LATE if _was_ended(known, event, now) else Step.BEGIN


def _resolve(known: Known | None, event: Event) -> Step:
    """An end that lies before the present beginning is the end of the occurrence before."""
    began = instant(known.starts) if known is not None else None
    before = began is not None and event.ended_at is not None and event.ended_at < began
    return Step.LATE if before else Step.END


def _was_ended(known: Known, event: Event, now: datetime) -> bool:
    """Whether this trigger tells of the very occurrence whose end was heard just now."""
    if not event.starts or known.ended_at is None or now - known.ended_at > LATE_RETRY:
        return False
    if event.starts == known.starts:
        return True
    began, ended = instant(event.starts), instant(known.starts)
    return began is not None and ended is not None and began < ended


def _is_older(known: datetime | None, sent: datetime | None) -> bool:
    return known is not None and sent is not None and sent < known and known - sent < CLOCK_STEP


def state_after(known: Known | None, event: Event, what: Step) -> str:
    """The state of the condition once the step is taken."""
    if what is Step.END:
        return "resolved"
    if what is Step.BEGIN:
        return "triggered"
    if what is Step.ACKNOWLEDGED:
        return "acknowledged"
    before = known.state if known is not None else "resolved"
    if what is Step.AGAIN and event.takes_back and known is not None and event.level != known.level:
        return "triggered"  # a Nagios that speaks of another state has dropped the acknowledgement
    return before
