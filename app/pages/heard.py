"""Every metric of a machine as a line of a table: whether it speaks, when it was heard last, and how often. Plain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from app import naming, words

if TYPE_CHECKING:
    from telemetry.metric_states import MetricState

_ORDER = {"silent": 0, "unknown": 1, "speaking": 2}


@dataclass(frozen=True, slots=True)
class HeardView:
    """One metric. `mark` is the vocabulary's; `words` say the same."""

    sent: str
    label: str
    latest: str
    mark: str
    state: str
    words: str
    heard: str
    cadence: str


def lines(
    states: Mapping[str, MetricState], latest: Mapping[str, float], now: datetime, zone: tzinfo
) -> list[HeardView]:
    """Those that are missed first, then those nobody can tell of, then the others; each by its name."""
    views = []
    for name in sorted(states, key=lambda name: (_ORDER[states[name].state], name)):
        one, shown = states[name], naming.shown(name)
        value = f"{words.amount(latest.get(name))} {shown.unit}".strip()
        views.append(
            HeardView(
                sent=name,
                label=shown.label,
                latest=value,
                mark="healthy" if one.state == "speaking" else "unknown",
                state=one.state,
                words=_words(one, now, zone),
                heard=words.ago(one.last_at, now) if one.last_at is not None else "never",
                cadence=f"every {words.span(one.cadence_s)}" if one.cadence_s else "not learned",
            )
        )
    return views


def summed(views: Sequence[HeardView]) -> str:
    """How many speak, in a sentence."""
    counts = {state: sum(1 for view in views if view.state == state) for state in ("speaking", "silent", "unknown")}
    said = [f"{words.count(counts['speaking'], 'metric')} speaking"]
    said += [f"{counts[state]} {state}" for state in ("silent", "unknown") if counts[state]]
    return ", ".join(said)


def _words(one: MetricState, now: datetime, zone: tzinfo) -> str:
    if one.state == "silent" and one.since is not None:
        return f"silent since {words.hour(one.since, zone, now)}"
    return f"unknown: {one.why}" if one.state == "unknown" else "speaking"
