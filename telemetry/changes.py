"""Changes people make on a machine: which words tell of one, and how long what shifts by it is the change. Plain.

A change is told by an event (``deployment``, ``release`` …, by the machine or by somebody for it), by a fact that names
a version and says another one now, and by a metric that does (``app_version``, ``app_build_info{version="2.3.1"}``).
A version that goes to and fro is no version of one thing: after three turns within an hour it tells nothing.

The rule, of what the model finds only: what begins within an hour of a change is taken for the change and opens nothing
for a day, unless
  * it keeps getting worse: a metric is half as far again from its history as it was in the shift's first 45 minutes
    (and half as far again as what opens an incident);
  * it is another thing: unlike the shift in which metrics speak, once those 45 minutes are over;
  * it had gone: for an hour nothing stood above the threshold, so what comes again began hours after the change;
  * it is damage in itself: errors, drops, failures, restarts that became more;
  * customers wait: a latency or duration is twice what its history knew at most. A release that makes everything slow
    did not become worse than it was from its first minute on, and is the commonest harm there is;
  * something stopped: a metric that never was nought is nought now.
Hard faults, limits, forecasts, what the machine itself reports, and silence are never held back by it. A machine
that is changed more than six times a day is judged as if nobody had touched it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from telemetry.name_signs import is_damage, is_felt, is_version_metric, is_work, labelled
from telemetry.reading import Event, Reading
from telemetry.verdict import Verdict

if TYPE_CHECKING:  # pages tell of changes too, and do without numpy
    from telemetry.teaching import Signature

CODES: Final = frozenset({"deployment", "deploy", "release", "rollout", "rollback", "upgrade", "change"})
DEPLOYMENT, RESTART = "deployment", "restart"  # kinds of change
WITHIN_MS: Final = 3_600_000  # caches turn over and jobs begin within the hour
DAY_MS: Final = 86_400_000  # by then the recent past knows the new level at every hour
EARLY_MS: Final = 45 * 60_000  # as after a boot: caches fill, and memory follows the work of half an hour
WORSE: Final = 1.5
LEAST_FAR: Final = 5.75  # robust sigmas: what opens an incident
ALIKE: Final = 0.6
MOST_A_DAY: Final = 6
MOST_KEPT: Final = 50  # changes of a day that are remembered and stored; who tells of more tells nothing
TURNS: Final = 3  # of a version within an hour
AHEAD_MS: Final = 5 * 60_000  # a change is often told when it is done, and felt while it is made
MOST_WORDS: Final = 200
FELT: Final = 2.0  # times the most that history knew
LESS: Final = 0.5  # of the least that history knew

# Of a metric: robust sigmas from its history, its value, and between which values history held 98 of 100 steps.
Stand = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Change:
    """One change. ``what`` is how a sentence calls it: "release 2.3.1", "a restart"."""

    machine: str
    at_ms: int
    kind: str  # DEPLOYMENT or RESTART
    what: str
    told_by: str  # "machine", or through which other door: "api", "pagerduty"


@dataclass(slots=True)
class Shift:
    """What was above the threshold after a change. ``early``: how far each metric went in its first 45 minutes."""

    of_ms: int  # the change's instant
    began_ms: int
    early: dict[str, float]
    signature: dict[str, float]
    last_ms: int  # when it was there last

    def is_outgrown(self, far: Mapping[str, float]) -> bool:
        """Whether a metric is further out than a shift that is done would go."""
        return any(sigmas > WORSE * max(self.early.get(name, 0.0), LEAST_FAR) for name, sigmas in far.items())


def is_change(e: Event) -> bool:
    """Whether an event tells of a change. A deployment that is told as an error is one that failed: a fault."""
    return e.code.partition(":")[0].lower() in CODES and e.severity not in (1, 2)


def is_by_machine(e: Event) -> bool:
    """Whether the machine says so itself, by its own clock; else somebody said it for it."""
    return ":" not in e.code or not is_change(e)


def of_event(e: Event) -> Change:
    """The change an event tells of."""
    head, _, by = e.code.partition(":")
    what = " ".join(e.text.split())[:MOST_WORDS] or f"a {head.lower()}"
    return Change(e.machine, e.at_ms, DEPLOYMENT, what, by or "machine")


def turns_steadily(turns: dict[str, list[int]], name: str, at_ms: int) -> bool:
    """Note that a version changed; False where it goes to and fro."""
    lately = [at for at in turns.get(name, ()) if 0 <= at_ms - at < WITHIN_MS]
    turns[name] = [*lately, at_ms][-TURNS:]
    return len(lately) < TURNS


def by_facts(reading: Reading, changed: Sequence[tuple[str, str, str]]) -> Event:
    """What facts that say another version than before come to, as the event they stand for."""
    said = "; ".join(f"{name} {after} ({before} before)" for name, before, after in changed[:3])
    return Event(
        reading.machine, reading.at_ms, DEPLOYMENT, 4, said[:MOST_WORDS], reading.received_at_ms, reading.format
    )


@dataclass(slots=True)
class Lately:
    """What was changed on one machine within a day, the oldest first, and what shifted by it."""

    told: list[tuple[int, str, str]] = field(default_factory=list)  # instant, kind, what
    versions: dict[str, str] = field(default_factory=dict)  # told by metrics
    turns: dict[str, list[int]] = field(default_factory=dict)
    shift: Shift | None = None
    names: tuple[str, ...] = ()  # numbers of the last report that tell which version of something runs

    def note(self, at_ms: int, kind: str, what: str) -> bool:
        """Remember a change; False when it was told before, or too many were today."""
        newest = max(at_ms, self.told[-1][0] if self.told else at_ms)
        self.told = [one for one in self.told if newest - one[0] <= DAY_MS]
        if (at_ms, kind, what) in self.told or len(self.told) >= MOST_KEPT:
            return False
        self.told = sorted((*self.told, (at_ms, kind, what)))
        return True

    def heard(self, metrics: Mapping[str, float], at_ms: int, is_new_shape: bool) -> str:
        """What metrics that tell of versions say is another one now; empty: nothing."""
        if is_new_shape:
            self.names = tuple(filter(is_version_metric, metrics))
        told = {name: f"{metrics[name]:.15g}" for name in self.names if name in metrics}
        if is_new_shape:
            told |= labelled(metrics)
        said = []
        for name, now in told.items():
            before = self.versions.get(name)
            self.versions[name] = now
            if before is not None and before != now and turns_steadily(self.turns, name, at_ms):
                said.append(f"{name} {now} ({before} before)")
        return "; ".join(said[:3])[:MOST_WORDS]

    def before(self, since_ms: int, until_ms: int) -> tuple[int, str, str] | None:
        """The newest change from an hour before an instant up to another."""
        near = [one for one in self.told if since_ms - WITHIN_MS <= one[0] <= until_ms]
        return near[-1] if near else None

    def holds(self, signature: Signature, stands: Mapping[str, Stand], at_ms: int, settling: bool = False) -> str:
        """Why what is above the threshold is taken for a change; empty: it is not. ``settling``: nobody looked."""
        done = [one for one in self.told if one[1] == DEPLOYMENT and 0 <= at_ms - one[0] <= DAY_MS]
        if not done or len(done) > MOST_A_DAY or _is_damage(stands):
            return ""
        of_ms, _, what = done[-1]
        far = {name: stands[name][0] for name in signature if name in stands}
        if self.shift is None or self.shift.of_ms != of_ms:
            if at_ms - of_ms > WITHIN_MS:
                return ""
            self.shift = Shift(of_ms, at_ms, dict(far), dict(signature), at_ms)
        shift = self.shift
        if at_ms - shift.last_ms > WITHIN_MS and not settling:
            return ""  # what stays away for so long was over, and what comes then began then
        shift.last_ms = at_ms
        if at_ms - shift.began_ms <= EARLY_MS:
            for name, sigmas in far.items():
                shift.early[name] = max(shift.early.get(name, 0.0), sigmas)
                shift.signature[name] = max(shift.signature.get(name, 0.0), signature.get(name, 0.0))
        elif shift.is_outgrown(far) or _likeness(signature, shift.signature) < ALIKE:
            return ""
        return f"It began within an hour of {what} and has not become worse since: it is taken for that change."

    def state(self) -> list[Any]:
        """As JSON."""
        s = self.shift
        return [
            [list(one) for one in self.told], dict(self.versions), dict(self.turns),
            None if s is None else [s.of_ms, s.began_ms, dict(s.early), dict(s.signature), s.last_ms],
        ]  # fmt: skip

    @classmethod
    def restored(cls, state: Sequence[Any]) -> Lately:
        """The inverse of ``state``; of an older snapshot, which has none, a machine nobody touched."""
        if not state:
            return cls()
        told, versions, turns, shift = state
        kept = None if shift is None else Shift(*(shift if len(shift) > 4 else (*shift, shift[1])))
        return cls([(one[0], one[1], one[2]) for one in told], versions, turns, kept)


class Noted:
    """What metrics told of, until somebody takes it."""

    def __init__(self) -> None:
        self._fresh: list[Change] = []

    def take(self) -> list[Change]:
        """Changes since the last call: other versions, restarts. Those that events tell are not among them."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def look(self, machine: str, lately: Lately, metrics: Mapping[str, float], at_ms: int, is_new_shape: bool) -> None:
        """Whether a report tells of other versions."""
        what = lately.heard(metrics, at_ms, is_new_shape)
        if what and lately.note(at_ms, DEPLOYMENT, what):
            self._fresh.append(Change(machine, at_ms, DEPLOYMENT, what, "machine"))

    def booted(self, machine: str, lately: Lately, at_ms: int) -> None:
        """It was restarted."""
        if lately.note(at_ms, RESTART, "a restart"):
            self._fresh.append(Change(machine, at_ms, RESTART, "a restart", "machine"))


def named(v: Verdict, lately: Lately) -> Verdict:
    """An opening with what was changed on the machine within the hour before its first sign."""
    if not v.opened or not lately.told:
        return v
    since = v.evidence.get("since_ms")
    since_ms = since if isinstance(since, int) and since >= 0 else v.started_ms
    # A forecast rests on a window of hours; what was changed within it may be what began the course.
    near = lately.before(since_ms, v.started_ms if v.kind == "forecast" else min(since_ms + AHEAD_MS, v.started_ms))
    if near is None:
        return v
    return replace(v, evidence={**v.evidence, "change": {"at_ms": near[0], "kind": near[1], "what": near[2]}})


def _is_damage(stands: Mapping[str, Stand]) -> bool:
    # Work can hardly fall six sigmas where it follows the day, and the night is its least: half of that is far enough.
    return any(
        now == 0.0 < low
        or (now < LESS * low and is_work(name))
        or (far >= LEAST_FAR and ((now > high and is_damage(name)) or (now > FELT * high > 0.0 and is_felt(name))))
        for name, (far, now, low, high) in stands.items()
    )


def _likeness(a: Signature, b: Signature) -> float:
    """Cosine, of signatures of any length."""
    length = sum(v * v for v in a.values()) * sum(v * v for v in b.values())
    return sum(weight * b.get(name, 0.0) for name, weight in a.items()) / length**0.5 if length > 0 else 0.0
