"""Where one hard-fault rule stands on one metric, and what a value makes of it. Plain."""

from __future__ import annotations

from dataclasses import dataclass

from telemetry.rules import Rule

Begun = tuple[int, int, bool, float]  # past the limit since, open since, whether it began (else ended), growth


@dataclass(slots=True)
class Standing:
    """One rule on one metric of one machine."""

    since_ms: int = -1  # the value stands past the limit since
    calm_ms: int = -1  # the value stands within it again since
    started_ms: int = -1  # the condition is open since
    ran: bool = False
    base: float = 0.0  # grew: the count when last quiet
    last: float = 0.0
    seen: bool = False
    at_ms: int = -1  # of the newest word on its metric, see `RuleBook.told_until`


def past(rule: Rule, s: Standing, value: float, at_ms: int, learning: bool) -> Begun | None:
    """The test of a limit (*above*, *below*). While ``learning`` nothing opens."""
    below = rule.test == "below"
    beyond = (value <= rule.opens if below else value >= rule.opens) and not (rule.beyond and value == rule.opens)
    within = value > rule.closes if below else value < rule.closes
    if within:
        s.ran = True
    if s.started_ms < 0:
        if not beyond or learning or (rule.ran and not s.ran):
            s.since_ms = -1
            return None
        if s.since_ms < 0:
            s.since_ms = at_ms
        if at_ms - s.since_ms < rule.for_s * 1000:
            return None
        s.started_ms, s.calm_ms = at_ms, -1
        return s.since_ms, at_ms, True, 0.0
    if not within:
        s.calm_ms = -1
        return None
    if s.calm_ms < 0:
        s.calm_ms = at_ms
    if at_ms - s.calm_ms < rule.calm_s * 1000:
        return None
    since, started = s.since_ms, s.started_ms
    s.started_ms = s.since_ms = s.calm_ms = -1
    return since, started, False, 0.0


def grew(rule: Rule, s: Standing, value: float, at_ms: int, learning: bool) -> Begun | None:
    """The test of a count. While ``learning`` nothing opens."""
    if not s.seen or value < s.last or (learning and s.started_ms < 0):
        # first sight, a reset or an exchanged part: what stands there now is where growth is counted from
        s.seen, s.base, s.last = True, value, value
        if s.started_ms < 0:
            return None
    more = value > s.last
    s.last = value
    if more:
        s.calm_ms = at_ms
        if s.since_ms < 0:
            s.since_ms = at_ms
        if s.started_ms < 0 and value - s.base >= rule.opens and not learning:
            s.started_ms = at_ms
            return s.since_ms, at_ms, True, value - s.base
    elif s.calm_ms >= 0 and at_ms - s.calm_ms >= rule.calm_s * 1000:
        since, started, grown = s.since_ms, s.started_ms, value - s.base
        s.base, s.since_ms, s.started_ms, s.calm_ms = value, -1, -1, -1
        if started >= 0:
            return since, started, False, grown
    return None
