"""What a machine does at the same hour every week: a batch job, a weekly backup. Plain.

Of every time its score stood above the threshold, or came near it, a few numbers are kept for a little more than two
weeks: when, how long, how loud, which metrics. What was there at about this hour one week ago and two weeks ago and at
no other time, looked alike both times, went away by itself and was not confirmed by an engineer is a habit the third
time: nothing opens while it is no louder than one and a half times what it was, and lasts no longer. Weeks that lie in
the history a machine is learned from count as well.

What recurs daily is left alone where a machine is judged by its own past: real problems do. Where its metrics'
relations judge, what takes an hour is no news by them the second day (they know yesterday's half hours), but a log
rotated within a minute is: there two days at about this hour, at most two hours long, make a habit as two weeks do.

A job moves everything a little, so which eight metrics lead is chance: it looks alike when the metrics do or the
kinds of problem they belong to. The same job is a little above the threshold in one week and a little below in the
next: from six tenths of it on a week counts, and then nothing as loud as that may have come at other times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from telemetry.features import DAY_S, FAST, Array, daily, half_hour, lagged, smooth
from telemetry.levels import QUICK_SHARE
from telemetry.teaching import Signature, likeness, signature_of
from telemetry.vocabulary import word

if TYPE_CHECKING:  # scikit-learn takes its second when something is first fitted or loaded
    from telemetry.baselines import Baselines

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
WEEK_MS: Final = 7 * DAY_MS
AROUND_MS: Final = 75 * 60_000  # people's clocks move an hour twice a year, and jobs start a little late
SAME_NIGHT_MS: Final = 6 * HOUR_MS
KEPT_MS: Final = 2 * WEEK_MS + 3 * AROUND_MS
MOST_KEPT: Final = 400
LOUDER: Final = 1.5
LONGER: Final = 1.5
GRACE_MS: Final = 30 * 60_000
ALIKE: Final = 0.7  # by metrics
SAME_KINDS: Final = 0.6  # by the kinds of problem they belong to
NEAR: Final = 0.6  # of the threshold: from here on a week counts
AKIN: Final = 0.6  # what is less like it and comes at other times too says that it is no weekly job
ONE_RUN_MS: Final = 30 * 60_000  # pauses shorter than this do not end it
MOST_HOURS: Final = 24  # what lasts a day is a state and no habit
BRIEF_MS: Final = 2 * HOUR_MS  # what lasts longer every day is seen in yesterday's half hours already


@dataclass(slots=True)
class Seen:
    """One time above the threshold, opened or not."""

    started_ms: int
    ended_ms: int
    peak: float  # 1.0 is the threshold
    signature: Signature
    finding: str = ""  # "" when nothing was opened


@dataclass(slots=True)
class Habits:
    """One machine's times above its threshold, the oldest first."""

    seen: list[Seen] = field(default_factory=list)

    def note(self, at_ms: int, ratio: float, signature: Signature, finding: str = "") -> None:
        """It stands above the threshold at this instant; what follows within half an hour is the same time."""
        last = self.seen[-1] if self.seen else None
        if last is not None and at_ms - last.ended_ms <= ONE_RUN_MS:
            if last.peak < 1.0:
                self.seen.pop()  # its approach: what it begins with is what stands out now
            elif not finding:
                last.ended_ms, last.peak = max(last.ended_ms, at_ms), max(last.peak, ratio)
                return
        self._forget(at_ms)
        self.seen.append(Seen(at_ms, at_ms, ratio, dict(signature), finding))

    def comes_near(self, at_ms: int, ratio: float) -> bool:
        """It stands near the threshold at this instant; whether ``near`` is to be told what speaks, as it never came
        nearer this time."""
        last = self.seen[-1] if self.seen else None
        if last is None or at_ms - last.ended_ms > ONE_RUN_MS:
            return True
        if last.peak >= 1.0:
            return False  # its end
        last.ended_ms = max(last.ended_ms, at_ms)
        return ratio > last.peak

    def near(self, at_ms: int, ratio: float, signature: Signature) -> None:
        """What speaks where it came nearest to the threshold."""
        last = self.seen[-1] if self.seen else None
        began = at_ms
        if last is not None and last.peak < 1.0 and at_ms - last.ended_ms <= ONE_RUN_MS:
            began = self.seen.pop().started_ms
        self._forget(at_ms)
        self.seen.append(Seen(began, at_ms, ratio, dict(signature)))

    def go_on(self, at_ms: int, ratio: float) -> None:
        """What was noted last goes on."""
        if self.seen:
            self.seen[-1].ended_ms, self.seen[-1].peak = at_ms, max(self.seen[-1].peak, ratio)

    def usual(
        self, signature: Signature, ratio: float, at_ms: int, judged: Mapping[str, tuple[str, int]], daily: bool = False
    ) -> tuple[Seen, Seen] | None:
        """The same a week and two weeks ago, or where ``daily`` counts a day and two days ago, when this is no more
        than that; None when it is news."""
        found = self._recurring(signature, ratio, at_ms, judged, WEEK_MS, MOST_HOURS * HOUR_MS)
        return found or (self._recurring(signature, ratio, at_ms, judged, DAY_MS, BRIEF_MS) if daily else None)

    def _recurring(
        self, signature: Signature, ratio: float, at_ms: int, judged: Mapping[str, tuple[str, int]], every_ms: int,
        longest_ms: int,
    ) -> tuple[Seen, Seen] | None:  # fmt: skip
        self._forget(at_ms)  # what lies further back than the weeks looked at says nothing against a habit
        begun, first = at_ms, signature
        if self._is_running(at_ms):  # other metrics come to the fore meanwhile; those it began with told what it is
            begun, first = self.seen[-1].started_ms, self.seen[-1].signature
        alike = [one for one in self.seen if any(_is_alike(said, one.signature) for said in (signature, first))]
        one, two = (_around(alike, begun - ago * every_ms, longest_ms) for ago in (1, 2))
        if one is None or two is None or ratio > LOUDER * max(one.peak, two.peak):
            return None
        if any(judged.get(seen.finding, ("", 0))[0] == "true" for seen in (one, two)):
            return None
        # What comes at other times too is no job but a problem that recurs.
        least = min(1.0, max(one.peak, two.peak))
        akin = [seen for seen in self.seen if seen.peak >= least and likeness(signature, seen.signature) >= AKIN]
        if any(not _is_at_its_hour(seen, begun, every_ms) for seen in akin):
            return None
        longest = max(one.ended_ms - one.started_ms, two.ended_ms - two.started_ms)
        return (one, two) if at_ms - begun <= LONGER * longest + GRACE_MS else None

    def _is_running(self, at_ms: int) -> bool:
        return bool(self.seen) and self.seen[-1].peak >= 1.0 and at_ms - self.seen[-1].ended_ms <= ONE_RUN_MS

    def learn(self, seen: Sequence[Seen], now_ms: int) -> None:
        """Take what history showed; what was noted since stays."""
        own = [one for one in self.seen if not seen or one.started_ms > seen[-1].ended_ms]
        self.seen = sorted((*seen, *own), key=lambda one: one.started_ms)
        self._forget(now_ms)

    def _forget(self, now_ms: int) -> None:
        kept = [one for one in self.seen if now_ms - one.ended_ms <= KEPT_MS]
        self.seen = kept[-MOST_KEPT:]

    def state(self) -> list[list[Any]]:
        """As JSON."""
        return [[s.started_ms, s.ended_ms, s.peak, dict(s.signature), s.finding] for s in self.seen]

    @classmethod
    def restored(cls, state: Sequence[Sequence[Any]]) -> Habits:
        """The inverse of ``state``."""
        return cls([Seen(*one) for one in state])


def _is_alike(a: Signature, b: Signature) -> bool:
    return likeness(a, b) >= ALIKE or likeness(_kinds(a), _kinds(b)) >= SAME_KINDS


def _kinds(signature: Signature) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, weight in signature.items():
        family = word(name).family
        found[family] = found.get(family, 0.0) + weight**2
    return {family: share**0.5 for family, share in found.items()}


def _around(alike: Sequence[Seen], around_ms: int, longest_ms: int) -> Seen | None:
    """The loudest of these that was there at about an instant, and did not last for too long."""
    near = [
        one
        for one in alike
        if one.started_ms - AROUND_MS <= around_ms <= one.ended_ms + AROUND_MS
        and one.ended_ms - one.started_ms <= longest_ms
    ]
    return max(near, key=lambda one: one.peak, default=None)


def _is_at_its_hour(seen: Seen, at_ms: int, every_ms: int) -> bool:
    """Whether it was there by and large now, or whole weeks (days) before: a second burst belongs to it."""
    margin = SAME_NIGHT_MS if every_ms == WEEK_MS else AROUND_MS
    times = KEPT_MS // every_ms + 1
    return any(seen.started_ms - margin <= at_ms - ago * every_ms <= seen.ended_ms + margin for ago in range(times))


def seen_in(
    model: Baselines,
    table: Array,
    names: Sequence[str],
    last_step: int,
    own_threshold: float,
    trusted: bool,
    bar: float = 1.0,
) -> list[Seen]:
    """The times above the threshold in the history a model was learned from; none in less than two days of it.

    ``bar``: factor on the threshold of relations, of a class that is nothing but noise.
    """
    grid_ms = round(model.grid_s * 1000)
    rows = int(KEPT_MS // grid_ms)
    if len(table) * model.grid_s < (2 if trusted else 7) * DAY_S:
        return []
    own, by_others = _shares(model, table, own_threshold, trusted)
    own, by_others = own[-rows:], by_others[-rows:] / bar
    ratio = model.score_samples(table, bar)[-rows:] if trusted else model.own_score(table)[-rows:] / own_threshold
    gap = max(1, ONE_RUN_MS // grid_ms)
    first = last_step - (len(ratio) - 1)

    def seen(begun: int, ended: int, told: int) -> Seen:
        peak = float(ratio[begun : ended + 1].max())
        signature = signature_of(names, np.maximum(own[told], by_others[told]))
        return Seen((first + begun) * grid_ms, (first + ended) * grid_ms, peak, signature)

    loud = _runs(ratio >= 1.0, gap)
    near = (ratio >= NEAR) & (ratio < 1.0)
    for begun, ended in loud:
        near[max(0, begun - gap) : ended + gap + 1] = False  # its approach and its end
    found = [seen(begun, ended, begun) for begun, ended in loud]
    found += [seen(begun, ended, begun + int(np.argmax(ratio[begun : ended + 1]))) for begun, ended in _runs(near, gap)]
    return sorted(found, key=lambda one: one.started_ms)[-MOST_KEPT:]


def _runs(over: NDArray[np.bool_], gap: int) -> list[tuple[int, int]]:
    """First and last row of each time it holds; what follows within ``gap`` rows belongs to it."""
    at = np.flatnonzero(over)
    if not len(at):
        return []
    parts = np.split(at, np.flatnonzero(np.diff(at) > gap) + 1)
    return [(int(part[0]), int(part[-1])) for part in parts]


def _shares(model: Baselines, table: Array, own_threshold: float, trusted: bool) -> tuple[Array, Array]:
    """How much each metric says in each row, by its own past and by the others."""
    fast = smooth(table, FAST)
    day = fast - lagged(smooth(fast, daily(model.grid_s)), 1)
    signals = (fast - model.own_center_, day, half_hour(table))
    own: Array = np.minimum.reduce([np.abs(s) / k for s, k in zip(signals, model.own_scale_, strict=True)])
    own = own * model.live_ / own_threshold
    if not (trusted and model.linked_):
        return own, np.zeros_like(own)
    quick, slow = model.surprises(model.residual(table))
    return own, quick**QUICK_SHARE * slow ** (1 - QUICK_SHARE) / model.linked_level_
