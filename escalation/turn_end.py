"""The end of somebody's turn of duty: when it is, who is told of it, and what may not be left in their hands. Plain.

A turn is all of one's time on duty without a break, by whatever schedules, covers and single shifts: one that goes on
in the next has no end between them, and a cover that is accepted moves it. An absence ends it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.hours import Hours, within
from contracts.spans import to_us
from escalation.incident import State

# Half an hour: the longest patience of an offer (20 minutes) and ten to write the note, so that what is offered at the
# word is answered, or has climbed, before the giver goes home.
TOLD_BEFORE = timedelta(minutes=30)
# Nobody stays longer on their word than half a day: who promises more is tired, and somebody else is on duty by then.
LONGEST_STAY = timedelta(hours=12)
# How far turns are looked for: a week off before the next one is a handing over like any other.
BEHIND, AHEAD = timedelta(days=7), timedelta(days=8)
_SEAM = timedelta(minutes=1)  # between two turns is no break

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Turn:
    """The turn somebody has, or the last they had: its end (exclusive), and when their next begins (None: not in
    sight)."""

    ends_at: datetime
    back_at: datetime | None = None

    def is_near(self, now: datetime) -> bool:
        """Whether they are told now what is left in their hands."""
        return self.ends_at - TOLD_BEFORE <= now < self.ends_at

    def is_over(self, now: datetime) -> bool:
        return self.ends_at <= now


def turn(spans: Iterable[Span], now: datetime) -> Turn | None:
    """The turn that holds at `now`, else the last before it; None where there is none. `spans`: when somebody is on
    duty, in any order, overlapping or not."""
    whole = joined(spans)
    begun = [span for span in whole if span[0] <= now]
    if not begun:
        return None
    later = [low for low, _ in whole if low > now]
    return Turn(begun[-1][1], min(later, default=None))


def joined(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that overlap or leave no more than a seam as one."""
    whole: list[Span] = []
    for low, high in sorted(spans):
        if whole and low - whole[-1][1] <= _SEAM:
            whole[-1] = (whole[-1][0], max(whole[-1][1], high))
        else:
            whole.append((low, high))
    return whole


def goes_on(state: str, service: Hours, owed: datetime | None, over: Turn) -> bool:
    """Whether it needs somebody between the end of this turn and their next one.

    It does where it is worked on and the hours the contract serves its severity in run meanwhile, and where something
    is owed to the customer by then (`owed`: the first of its running promises). What waits for somebody else and owes
    nothing before they are back needs nobody; nor does what nobody has taken up yet: its ladder looks for somebody.
    """
    back = over.back_at or over.ends_at + AHEAD
    if state not in (State.ACKNOWLEDGED, State.WORKING, State.WAITING):
        return False
    if owed is not None and owed < back:
        return True
    served = within(service, to_us(over.ends_at), to_us(back))
    return state != State.WAITING and next(served, None) is not None
