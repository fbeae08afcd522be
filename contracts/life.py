"""The life of a contract: which state may follow which, when its end is announced, and what follows it. Plain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

STATES = ("draft", "active", "suspended", "expired", "cancelled")
# A cancelled contract stays cancelled: another one is made. An expired one lives again when its end is moved.
NEXT: Mapping[str, tuple[str, ...]] = {
    "draft": ("active", "cancelled"),
    "active": ("suspended", "expired", "cancelled"),
    "suspended": ("active", "expired", "cancelled"),
    "expired": ("active", "cancelled"),
    "cancelled": (),
}


@dataclass(frozen=True, slots=True)
class CannotBe:
    """Why a contract cannot be made so, and what would help. `field`: what was given and cannot be used, if one was."""

    reason: str
    remedy: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class By:
    """Who does something to a contract. `key` tells people apart: two of one name are two, a person's key is that
    person."""

    name: str
    key: str  # "person:UUID", "key:UUID"


def move(state: str, to: str, ends_on: date | None, today: date, grace_days: int = 0) -> CannotBe | None:
    """Whether a contract may go from one state to another on `today` of its own zone; None: it may."""
    if to not in NEXT[state]:
        allowed = " or ".join(NEXT[state]) or "nothing any more"
        return CannotBe(f"A contract that is {state} cannot become {to}.", f"It may become {allowed}.")
    last = None if ends_on is None else ends_on + timedelta(days=grace_days)
    is_over = last is not None and today > last
    if to == "expired" and not is_over:
        until = "it has no end" if last is None else f"it runs until {last.isoformat()}"
        return CannotBe(f"A contract expires by its dates, and {until}.", "Move its end to a day that has passed.")
    if to == "active" and is_over:
        return CannotBe(f"Its last day was {ends_on}.", "Move its end first, or renew it.")
    return None


@dataclass(frozen=True, slots=True)
class Notice:
    """A word due about a contract's end. `kind`: expiry, renewal (a successor stands ready) or ended."""

    kind: str
    days_before: int
    last_day: date


def notice_due(
    last_day: date | None, today: date, notice_days: Sequence[int], has_successor: bool, written: Sequence[Notice]
) -> Notice | None:
    """The word due today: of several that were slept through only the nearest to the end; None: nothing new.

    One that was written of the same last day with as many days or fewer is not written again, whichever its kind.
    """
    if last_day is None:
        return None
    told = [one.days_before for one in written if one.last_day == last_day]
    left = (last_day - today).days
    if left < 0:
        return None if -1 in told else Notice("ended", -1, last_day)
    reached = [days for days in notice_days if days >= left]
    if not reached or any(days <= min(reached) for days in told):
        return None
    return Notice("renewal" if has_successor else "expiry", min(reached), last_day)


def follows_on(last_day: date) -> date:
    """The first day of what follows without a gap."""
    return last_day + timedelta(days=1)
