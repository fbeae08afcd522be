"""Why nothing opens although the score stands at the threshold: the detector's own restraint, in words. Plain.

In this order: *backdated* (history sent in bulk), *settling* (the machine was mended, booted or worked on just now),
*learning* (young: its threshold is higher), *admission* (it opened so many in a week that the next must beat the
weakest of the strongest), *verdicts* (engineers dismissed what looked like it), *weekly* and *daily* (it does so
every week, every day), *change* (somebody changed something on it, and this is what shifted: `changes.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, Protocol

from telemetry.changes import Lately, Stand
from telemetry.habits import LOUDER, Habits
from telemetry.teaching import Case, Held, Signature, Taught

WEEK_MS: Final = 7 * 86_400_000
ADMITTED: Final = 100  # incidents of one machine's model in a week; the next must be as loud as the 100th loudest
ONE_RUN_MS: Final = 30 * 60_000
RULES: Final = ("backdated", "settling", "learning", "admission", "verdicts", "weekly", "daily", "change")
NOBODYS: Final[Mapping[str, Stand]] = MappingProxyType({})
REMEMBERED: Final = frozenset(
    {"admission", "verdicts", "weekly", "daily"}
)  # held back, and yet part of a machine's habits


@dataclass(frozen=True, slots=True)
class Hold:
    """What keeps a condition from opening now. ``bar`` 1.0 is the threshold as it is for everybody."""

    rule: str
    words: str
    bar: float


@dataclass(slots=True)
class Run:
    """A restraint at work, from its first instant to the last at which it was needed."""

    rule: str
    words: str
    began_ms: int
    last_ms: int
    peak: float
    bar: float


def at_bar(cases: Iterable[Case], at_ms: int) -> float:
    """What the next must reach where so many were opened lately that a desk would drown; 0: nothing is asked."""
    peaks = sorted((case.peak for case in cases if 0 <= at_ms - case.started_ms <= WEEK_MS), reverse=True)
    return peaks[ADMITTED - 1] if len(peaks) >= ADMITTED else 0.0


class Restrainable(Protocol):
    """What is asked of a machine."""

    taught: Taught
    habits: Habits
    lately: Lately
    held: Run | None
    settles_ms: int

    @property
    def youth(self) -> float: ...


def held_back(
    m: Restrainable,
    signature: Signature,
    ratio: float,
    at_ms: int,
    quiet: bool,
    stands: Mapping[str, Stand] = NOBODYS,
    by_others: bool = False,
) -> bool:
    """Whether something keeps a condition from opening at a score of ``ratio`` (1.0: the machine's own threshold); what
    it is stays with the machine. ``stands``: where the signature's metrics stand, where something was changed;
    ``by_others``: relations judge it."""
    hold = weigh(m, signature, ratio, at_ms, quiet, stands, by_others)
    if hold is None:
        return False
    m.held = follow(m.held, hold, ratio, at_ms)
    if hold.rule in REMEMBERED:
        m.habits.note(at_ms, ratio, signature)
    return True


def weigh(
    m: Restrainable,
    signature: Signature,
    ratio: float,
    at_ms: int,
    quiet: bool,
    stands: Mapping[str, Stand] = NOBODYS,
    by_others: bool = False,
) -> Hold | None:
    """What holds back such a score now; None: nothing does."""
    if quiet:
        return Hold("backdated", "It came long after its instant: history is learned from and opens nothing.", 1.0)
    settling = at_ms < m.settles_ms
    changed = m.lately.holds(signature, stands, at_ms, settling) if m.lately.told else ""  # learning of the shift
    if settling:
        until = date_and_clock(m.settles_ms)
        return Hold("settling", f"It was mended, booted or worked on; until {until} its return is no news.", 1.0)
    if ratio < 1.0:
        return Hold("learning", f"It is still learning: its threshold is {m.youth:.2f} times the usual one.", 1.0)
    admission = at_bar(m.taught.cases.values(), at_ms)
    if ratio < admission:
        words = f"It opened {ADMITTED} or more within a week; the next must reach {admission:.2f} times the threshold."
        return Hold("admission", words, admission)
    held: Held = m.taught.holds(signature, at_ms)
    if ratio < held.bar:
        return Hold("verdicts", held.reason, held.bar)
    usual = m.habits.usual(signature, ratio, at_ms, m.taught.judged, daily=by_others)
    if usual is None:
        return Hold("change", changed, 1.0) if changed else None
    rule, ago = "weekly", "two weeks ago and a week ago"
    if at_ms - usual[0].ended_ms < WEEK_MS // 2:
        rule, ago = "daily", "two days ago and a day ago"
    one, two = (date_and_clock(seen.started_ms) for seen in usual)
    words = f"The same was seen at about this hour {ago} ({two}, {one}) and went away by itself."
    return Hold(rule, words, LOUDER * max(seen.peak for seen in usual))


def follow(run: Run | None, hold: Hold, ratio: float, at_ms: int) -> Run:
    """The restraint at work now: the same run when the same rule held back within the last half hour."""
    if run is not None and run.rule == hold.rule and at_ms - run.last_ms <= ONE_RUN_MS:
        run.last_ms, run.peak, run.bar, run.words = at_ms, max(run.peak, ratio), hold.bar, hold.words
        return run
    return Run(hold.rule, hold.words, at_ms, at_ms, ratio, hold.bar)


def date_and_clock(at_ms: int) -> str:
    """An instant for a sentence, UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
