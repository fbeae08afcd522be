"""Hard faults in reports that are dated before their machine's newest: a second agent that is behind, a late batch.
Plain.

What stood and what counted must not hang on who of a machine's agents sends first. So a late report is looked at, at
its own instant, for those metrics of which nothing newer was told: an older word never undoes a newer one of its own
metric. The scores, forecasts and drives, which need their reports in order, know nothing of it.
"""

from __future__ import annotations

from dataclasses import replace

from telemetry import verdicts
from telemetry.machine import Machine
from telemetry.reading import Reading
from telemetry.verdict import Verdict


def look(m: Machine, r: Reading, quiet: bool) -> tuple[list[Verdict], bool]:
    """What begins or ends by a late report, and whether it tells that the machine had booted. ``quiet``: what is normal
    is noted, nothing opens."""
    m.rules.told_until(m.last_ms)
    fresh = m.rules.unheard(r.metrics, r.format, r.at_ms)
    metrics = {name: r.metrics[name] for name in fresh if name not in m.rates or m.rates[name][0] < r.at_ms}
    if not metrics:
        return [], False
    turns, booted = m.rules.look_back(m.measured(replace(r, metrics=metrics)), r.format, r.at_ms, quiet)
    found = [verdicts.held(m, verdicts.of_rule(m, turn, r.at_ms)) for turn in turns]
    m.settle(r.at_ms, mended=any(not turn.opened for turn in turns), booted=booted)
    return found, booted
