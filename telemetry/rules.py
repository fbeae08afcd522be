"""Hard faults as readable data: what to look at, when it is a fault, when it is over, and what to do. Plain.

Rules need no history. A rule has one of three tests:
  *above* / *below*: the value has stood at or past ``opens`` for ``for_s``; over when it has stood within
  ``closes`` for ``calm_s``; *grew*: a count since boot or birth grew by ``opens`` or more since it was last quiet;
  over when it has not grown for ``calm_s``.
``ran`` asks that the value once stood well within the limit: an empty fan slot at 0 rpm is no stopped fan.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class Rule:
    """One hard fault.

    ``{0}`` in the texts is what the pattern's group found; ``{value}`` the value, ``{grown}`` the growth.
    """

    name: str
    metric: str  # a regular expression for the whole metric name
    test: str  # above, below, grew
    opens: float
    closes: float
    severity: int
    cause: str
    title: str
    cure: str
    for_s: int = 0
    calm_s: int = 60
    ran: bool = False
    format: str = ""  # only readings of this wire format


RULES: Final = (
    Rule(
        "disk_full",
        r"disk_used_pct\.(.+)",
        "above",
        95,
        92,
        2,
        "disk:{0}",
        "{0} is {value:.0f} % full",
        "Free space on {0}: rotate or move logs, remove old packages and dumps, or extend the volume.",
    ),
    Rule(
        "fs_readonly",
        r"fs_readonly\.(.+)",
        "above",
        1,
        0.5,
        1,
        "readonly:{0}",
        "{0} has become read-only",
        "Read the kernel log for I/O errors on the device below {0}, save what is needed, check the file system.",
    ),
    Rule(
        "cpu_hot",
        r"temp_c\.cpu.*",
        "above",
        95,
        88,
        2,
        "temperature",
        "Processor at {value:.0f} °C",
        "Check fans, filters and the room; lower the load before the processor throttles or stops.",
        for_s=30,
    ),
    Rule(
        "board_hot",
        r"temp_c\.(?:board|inlet|system)",
        "above",
        70,
        62,
        2,
        "temperature",
        "Board at {value:.0f} °C",
        "Check fans, filters and the room's cooling; look at the neighbours in the rack.",
        for_s=30,
    ),
    Rule(
        "fan_stopped",
        r"fan_rpm\.(.+)",
        "below",
        50,
        300,
        2,
        "fan:{0}",
        "Fan {0} has stopped",
        "Replace fan {0}; until then watch the temperatures and lower the load.",
        for_s=5,
        ran=True,
    ),
    Rule(
        "psu_lost",
        r"psu_ok\.(.+)",
        "below",
        0.5,
        0.5,
        2,
        "psu:{0}",
        "Power supply {0} has failed",
        "Check the feed and the cable of supply {0}, then replace it; the machine runs without redundancy.",
        ran=True,
    ),
    Rule(
        "smart_reallocated",
        r"smart_reallocated\.(.+)",
        "grew",
        1,
        0,
        3,
        "drive:{0}",
        "Drive {0} reallocated {grown:.0f} more sectors",
        "Back up, plan the exchange of drive {0}: a drive that begins to reallocate seldom stops.",
        calm_s=24 * HOUR,
    ),
    Rule(
        "smart_pending",
        r"smart_pending\.(.+)",
        "grew",
        1,
        0,
        3,
        "drive:{0}",
        "Drive {0} has {value:.0f} unreadable sectors",
        "Back up, run a long self-test on {0}, exchange the drive when the count stays.",
        calm_s=24 * HOUR,
    ),
    Rule(
        "raid_degraded",
        r"raid_degraded(?:\.(.+))?",
        "above",
        1,
        0.5,
        2,
        "raid:{0}",
        "RAID {0} is degraded",
        "Find the failed member, exchange it and follow the rebuild; do not reboot before.",
    ),
    Rule(
        "ecc",
        r"ecc_errors(?:\.(.+))?",
        "grew",
        1,
        0,
        3,
        "ecc",
        "Memory corrected {grown:.0f} more errors",
        "Note the module named in the event log; exchange it at the next window, at once when errors become frequent.",
        calm_s=6 * HOUR,
    ),
    Rule(
        "oom",
        r"oom_kills(?:_total)?",
        "grew",
        1,
        0,
        3,
        "memory",
        "The system killed {grown:.0f} processes for lack of memory",
        "See in the kernel log who was killed and who held the memory; restart what is missing, limit or add memory.",
        calm_s=HOUR,
    ),
    Rule(
        "memory_exhausted",
        r"mem_used_pct",
        "above",
        97,
        93,
        2,
        "memory",
        "Memory is {value:.0f} % in use",
        "Find the process that grew, restart it before the system kills another, then look for the leak.",
        for_s=60,
    ),
    Rule(
        "cpu_saturated",
        r"cpu_util",
        "above",
        97,
        85,
        3,
        "cpu",
        "Processor saturated for five minutes",
        "Look at the busiest processes; stop or spread what should not run now.",
        for_s=300,
    ),
    Rule(
        "nic_errors",
        r"net_errors_s(?:\.(.+))?",
        "above",
        5,
        1,
        3,
        "network",
        "Network card counts {value:.0f} errors a second",
        "Check cable, transceiver and switch port; compare the counters of both ends.",
        for_s=60,
        calm_s=300,
    ),
    Rule(
        "nic_drops",
        r"net_drops_s(?:\.(.+))?",
        "above",
        50,
        10,
        3,
        "network",
        "Network card drops {value:.0f} packets a second",
        "Check ring buffers and interrupt load, then cable and switch port.",
        for_s=60,
        calm_s=300,
    ),
    Rule(
        "check_critical",
        r"(.+)\.state",
        "above",
        2,
        1.5,
        2,
        "check:{0}",
        "Check {0} is critical",
        "Read the check's own text and follow its runbook.",
        format="nagios",
    ),
)
_COMPILED: Final = tuple((re.compile(r.metric), r) for r in RULES)


@lru_cache(maxsize=50_000)
def applying(metric: str, fmt: str) -> tuple[tuple[Rule, str], ...]:
    """Rules that look at this metric, each with what its group found."""
    found = []
    for pattern, rule in _COMPILED:
        match = pattern.fullmatch(metric)
        if match and rule.format in ("", fmt):
            found.append((rule, (match.group(1) or "") if pattern.groups else ""))
    return tuple(found)


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


@dataclass(frozen=True, slots=True)
class Turn:
    """A rule's condition began or ended on a metric."""

    rule: Rule
    metric: str
    part: str
    value: float
    grown: float
    since_ms: int
    started_ms: int
    opened: bool

    @property
    def cause(self) -> str:
        """The incident's key."""
        return self.rule.cause.format(self.part).rstrip(":")

    @property
    def title(self) -> str:
        """The fault in a few words."""
        text = self.rule.title.format(self.part, value=self.value, grown=self.grown)
        return " ".join(text.split())

    @property
    def cure(self) -> str:
        """What to do."""
        return self.rule.cure.format(self.part)


class RuleBook:
    """Where every rule stands on one machine."""

    def __init__(self) -> None:
        self.standing: dict[tuple[str, str], Standing] = {}

    def look(self, metrics: Mapping[str, float], fmt: str, at_ms: int, learning: bool) -> list[Turn]:
        """Turns at this reading.

        While ``learning`` what is normal is noted (a fan that runs, a count so far), nothing opens.
        """
        turns: list[Turn] = []
        for metric, value in metrics.items():
            for rule, part in applying(metric, fmt):
                s = self.standing.setdefault((rule.name, metric), Standing())
                if rule.test == "grew":
                    turn = _grew(rule, s, value, at_ms, learning)
                else:
                    turn = _past(rule, s, value, at_ms, learning)
                if turn is not None:
                    since, started, opened, grown = turn
                    turns.append(Turn(rule, metric, part, value, grown, since, started, opened))
        return turns

    def open_causes(self) -> set[str]:
        """Causes of the conditions open now."""
        by_name = {r.name: r for r in RULES}
        return {
            Turn(by_name[name], metric, part, 0, 0, 0, 0, True).cause
            for (name, metric), s in self.standing.items()
            if s.started_ms >= 0
            for rule, part in applying(metric, by_name[name].format)
            if rule.name == name
        }


def _past(rule: Rule, s: Standing, value: float, at_ms: int, learning: bool) -> tuple[int, int, bool, float] | None:
    below = rule.test == "below"
    past = value <= rule.opens if below else value >= rule.opens
    within = value > rule.closes if below else value < rule.closes
    if within:
        s.ran = True
    if s.started_ms < 0:
        if not past or learning or (rule.ran and not s.ran):
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


def _grew(rule: Rule, s: Standing, value: float, at_ms: int, learning: bool) -> tuple[int, int, bool, float] | None:
    if not s.seen or value < s.last or (learning and s.started_ms < 0):
        # first sight, a reset or an exchanged part: what stands there now is where growth is counted from
        s.seen, s.base, s.last = True, value, value
        if s.started_ms < 0:
            return None
    grew = value > s.last
    s.last = value
    if grew:
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
