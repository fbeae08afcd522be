"""The other eyes on one machine, beside rules and baselines: its drives by what SMART says, a lone metric by its tail.

Plain. One ``Eyes`` a machine, asked with every reading in time order. A machine that is judged by one of these eyes
*alone* (it is a drive, or it has but one metric) shows that eye's ``score``, between 0 and 1; the baselines stay silent
for a drive, and for a lone metric they open when its rarity says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from telemetry.evidence import clock
from telemetry.forecast import Forecasts
from telemetry.smart import SIGNS, Card, Drive, Told
from telemetry.smart_card import card
from telemetry.tail import FIRST, Tail
from telemetry.verdict import Verdict
from telemetry.vocabulary import is_scored

RARE: Final = 3.0  # rarity at which a lone metric opens an incident
KNOWN: Final = 300  # values; of a metric heard less often more is asked before an incident opens
MOST_SIGNS: Final = 4
_SMART: Final = re.compile(r"(?:smart_(\d+)_(?:raw|normalized)|capacity_bytes)(?:\.(.+))?")
_FIELDS: Final = {
    "smart_1_raw": "read_rate",
    "smart_5_raw": "reallocated",
    "smart_9_raw": "hours",
    "smart_194_raw": "temperature",
    "smart_197_raw": "pending",
    "capacity_bytes": "capacity",
}
_TELLING: Final = ("reallocated", "pending")  # a drive that tells neither is not judged
_WORDS: Final = {
    "reallocated": ("reallocated sectors", "smart_5_raw"),
    "pending": ("sectors it cannot read", "smart_197_raw"),
    "read_rate": ("read errors", "smart_1_raw"),
    "temperature": ("temperature", "smart_194_raw"),
    "age": ("hours of use", "smart_9_raw"),
    "capacity": ("kind", "capacity_bytes"),
}
_ABOUT: Final = (  # sign → what it is about; the first prefix that fits
    ("pending", "pending"), ("calm_pending", "pending"), ("tb_3_pending", "pending"), ("read_rate", "read_rate"),
    ("calm_reads", "read_rate"), ("still", "read_rate"), ("standing", "read_rate"), ("temperature", "temperature"),
    ("hot", "temperature"), ("age", "age"), ("off_", "age"), ("young", "age"), ("newborn", "age"),
)  # fmt: skip
CURE: Final = "Back up what is on drive {0}, order its like, and exchange it in a planned window; run a long self-test."


@dataclass(slots=True)
class Warned:
    """A drive's incident that is open."""

    started_ms: int
    cause: str
    metrics: tuple[str, ...]


@dataclass(slots=True)
class Eyes:
    """State of one machine's other eyes."""

    drives: dict[str, Drive] = field(default_factory=dict)
    warned: dict[str, Warned] = field(default_factory=dict)
    tail: Tail | None = None
    forecasts: Forecasts = field(default_factory=Forecasts)
    score: float | None = None  # what a list of scores shows; None: the baselines' own
    ratio: float | None = None  # stands in for the baselines' (1.0 opens); None: theirs counts
    _names: tuple[str, ...] = ()
    _parts: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    _alone: bool = False

    def look(self, machine: str, metrics: Mapping[str, float], known: int, at_ms: int, quiet: bool) -> list[Verdict]:
        """Hear a reading; ``known`` counts the metrics this machine ever told. ``quiet``: learn, open nothing."""
        if (names := tuple(metrics)) != self._names:
            self._plan(names)
        out = self.forecasts.look(machine, metrics, at_ms, quiet)
        if self._parts:
            return out + self._see_drives(machine, metrics, at_ms, quiet)
        if known != 1 or not is_scored(names[0]):
            self.tail = self.score = self.ratio = None
            return out
        self.tail = self.tail or Tail()
        rarity, self.score = self.tail.hear(float(metrics[names[0]]))
        bar = RARE * max(1.0, KNOWN / self.tail.heard)
        self.ratio = rarity / bar if self.tail.heard > FIRST else None
        return out

    def goes_on(self, metrics: Mapping[str, float], at_ms: int) -> bool:
        """Hear a reading that says the same metrics as the one before, where nothing can come of it; False: `look`."""
        return not self._parts and self.tail is None and self.forecasts.goes_on(metrics, at_ms)

    @property
    def is_looking(self) -> bool:
        """Whether anything in reports like the last one is looked at."""
        return bool(self._parts) or self.tail is not None or self.forecasts.is_looking

    def open_causes(self) -> set[str]:
        """Causes of the conditions these eyes hold open."""
        return {w.cause for w in self.warned.values()} | self.forecasts.open_causes()

    def _plan(self, names: tuple[str, ...]) -> None:
        self._names = names
        parts: dict[str, list[tuple[str, str]]] = {}
        others = 0
        for name in names:
            found = _SMART.fullmatch(name)
            if found is None:
                others += 1
                continue
            part = found.group(2) or ""
            about = _FIELDS.get(name.removesuffix(f".{part}") if part else name)
            if about:
                parts.setdefault(part, []).append((name, about))
        self._parts = tuple((p, tuple(f)) for p, f in parts.items() if any(about in _TELLING for _, about in f))
        self._alone = bool(self._parts) and others == 0

    def _see_drives(self, machine: str, metrics: Mapping[str, float], at_ms: int, quiet: bool) -> list[Verdict]:
        weights, out, worst = card(), [], 0.0
        for part, fields in self._parts:
            drive = self.drives.setdefault(part, Drive())
            signs = drive.hear(at_ms, Told(**{about: float(metrics[name]) for name, about in fields}))
            risk = weights.risk(signs)
            worst = max(worst, risk)
            open_ = self.warned.get(part)
            if open_ is None and risk >= weights.warns and not quiet:
                cause = f"drive:{part}" if part else "drive"
                told = _told(weights, signs, dict(fields), metrics, part)
                open_ = self.warned[part] = Warned(at_ms, cause, tuple(t["metric"] for t in told))
                out.append(_verdict(machine, part, open_, risk, at_ms, weights, told, opened=True))
            elif open_ is not None and risk < weights.eases:
                del self.warned[part]
                out.append(_verdict(machine, part, open_, risk, at_ms, weights, [], opened=False))
        self.score, self.ratio = (worst, 0.0) if self._alone else (None, None)
        return out

    def state(self) -> dict[str, Any]:
        """What later answers depend on, as JSON."""
        return {
            "drives": {
                part: {**asdict(drive), "last": list(asdict(drive.last).values())}
                for part, drive in self.drives.items()
            },
            "warned": {part: [w.started_ms, w.cause, list(w.metrics)] for part, w in self.warned.items()},
            "tail": None if self.tail is None else self.tail.state(),
            "forecasts": self.forecasts.state(),
            "told": [self.score, self.ratio],
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Eyes:
        """The inverse of ``state``."""
        eyes = cls()
        for part, kept in state["drives"].items():
            last = Told(*(float("nan") if v is None else float(v) for v in kept["last"]))
            counts = [(int(at), float(count)) for at, count in kept["counts"]]
            eyes.drives[part] = Drive(**{**kept, "last": last, "counts": counts})
        eyes.warned = {part: Warned(w[0], w[1], tuple(w[2])) for part, w in state["warned"].items()}
        eyes.tail = None if state["tail"] is None else Tail.restored(state["tail"])
        eyes.forecasts = Forecasts.restored(state.get("forecasts", {}))
        eyes.score, eyes.ratio = state["told"]
        return eyes


def _told(
    weights: Card, signs: Sequence[float], fields: Mapping[str, str], metrics: Mapping[str, float], part: str
) -> list[dict[str, Any]]:
    """The counters that speak for a failure, first the one that says most."""
    shares: dict[str, float] = {}
    for sign, share in zip(SIGNS, weights.shares(signs), strict=True):
        about = next((about for prefix, about in _ABOUT if sign.startswith(prefix)), "reallocated")
        about = "capacity" if sign in ("capacity", "tb_1", "tb_1_5", "tb_3", "tb_4", "missed_days") else about
        shares[about] = shares.get(about, 0.0) + share
    by_field = {about: name for name, about in fields.items()}
    ranked = sorted((a for a in by_field if shares.get(a, 0.0) > 0), key=lambda a: (a == "capacity", -shares[a]))
    return [
        {
            "metric": by_field[about], "label": _WORDS[about][0].capitalize() + (f" ({part})" if part else ""),
            "unit": "°C" if about == "temperature" else "", "observed": metrics[by_field[about]],
            "share": round(shares[about], 3),
        }
        for about in ranked[:MOST_SIGNS]
    ]  # fmt: skip


def _verdict(
    machine: str, part: str, warned: Warned, risk: float, at_ms: int, weights: Card, told: list[dict[str, Any]], *,
    opened: bool,
) -> Verdict:  # fmt: skip
    name = part or "this drive"
    title = f"Drive {part} is likely to fail" if part else "The drive is likely to fail"
    if opened:
        seen = ", ".join(f"{t['label']} {t['observed']:,.0f}" for t in told[:2])
        summary = f"{title} within weeks: {seen or 'its counters together'}, since {clock(at_ms)}"
    else:
        summary = f"{title}: no longer, since {clock(at_ms)}"
    evidence: dict[str, Any] = {
        "since_ms": warned.started_ms,
        "threshold": weights.warns,
        "risk": round(risk, 4),
        "metrics": told,
        "cure": CURE.format(name),
        "model": {"kind": "smart", **weights.lineage},
    }
    return Verdict(
        machine, warned.cause, "anomaly", 3, round(risk, 4), at_ms, warned.started_ms, warned.metrics, title, summary,
        evidence, opened,
    )  # fmt: skip
