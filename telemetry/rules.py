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

from telemetry.synonyms import our_word

HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class Rule:
    """One hard fault.

    ``{0}`` in the texts is what the pattern's group found; ``{value}`` the value, ``{grown}`` the growth; ``{s}`` and
    ``{es}`` are left out where that number is one; ``{expires}`` tells in whole days when it does.
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
    beyond: bool = False  # at the limit itself it is no fault yet


# fmt: off
RULES: Final = (
    Rule("disk_full", r"disk_used_pct\.(.+)", "above", 95, 92, 2, "disk:{0}", "{0} is {value:.0f} % full",
         "Free space on {0}: rotate or move logs, remove old packages and dumps, or extend the volume."),
    Rule("fs_readonly", r"fs_readonly\.(.+)", "above", 1, 0.5, 1, "readonly:{0}", "{0} has become read-only",
         "Read the kernel log for I/O errors on the device below {0}, save what is needed, check the file system."),
    Rule("cpu_hot", r"temp_c\.cpu.*", "above", 95, 88, 2, "temperature", "Processor at {value:.0f} °C",
         "Check fans, filters and the room; lower the load before the processor throttles or stops.", for_s=30),
    Rule("board_hot", r"temp_c\.(?:board|inlet|system)", "above", 70, 62, 2, "temperature", "Board at {value:.0f} °C",
         "Check fans, filters and the room's cooling; look at the neighbours in the rack.", for_s=30),
    Rule("fan_stopped", r"fan_rpm\.(.+)", "below", 50, 300, 2, "fan:{0}", "Fan {0} has stopped",
         "Replace fan {0}; until then watch the temperatures and lower the load.", for_s=5, ran=True),
    Rule("psu_lost", r"psu_ok\.(.+)", "below", 0.5, 0.5, 2, "psu:{0}", "Power supply {0} has failed",
         "Check the feed and the cable of supply {0}, then replace it; the machine runs without redundancy.",
         ran=True),
    Rule("smart_reallocated", r"smart_reallocated\.(.+)", "grew", 1, 0, 3, "drive:{0}",
         "Drive {0} reallocated {grown:.0f} more sector{s}",
         "Back up, plan the exchange of drive {0}: a drive that begins to reallocate seldom stops.", calm_s=24 * HOUR),
    Rule("smart_pending", r"smart_pending\.(.+)", "grew", 1, 0, 3, "drive:{0}",
         "Drive {0} has {value:.0f} unreadable sector{s}",
         "Back up, run a long self-test on {0}, exchange the drive when the count stays.", calm_s=24 * HOUR),
    Rule("smart_reported", r"smart_187_raw(?:\.(.+))?", "grew", 1, 0, 3, "drive:{0}",
         "Drive {0} reported {grown:.0f} more error{s} it could not correct",
         "Back up, run a long self-test on {0}, plan its exchange.", calm_s=24 * HOUR),
    Rule("smart_uncorrectable", r"smart_198_raw(?:\.(.+))?", "grew", 1, 0, 3, "drive:{0}",
         "Drive {0} has {value:.0f} sector{s} it cannot correct",
         "Back up, run a long self-test on {0}, exchange the drive when the count stays.", calm_s=24 * HOUR),
    Rule("clock_lost", r"clock_synced", "below", 0.5, 0.5, 3, "clock", "The clock is no longer kept in time",
         "Check the time service and its servers; certificates, logs and clusters suffer from a wrong clock.",
         for_s=600, calm_s=300, ran=True),
    Rule("clock_ahead", r"clock_offset_s", "above", 5, 1, 3, "clock", "The clock is {value:.0f} s ahead",
         "Check the time service and its servers, then set the clock; restart what holds tickets or leases.",
         for_s=300, calm_s=300),
    Rule("clock_behind", r"clock_offset_s", "below", -5, -1, 3, "clock", "The clock is {value:.0f} s behind",
         "Check the time service and its servers, then set the clock; restart what holds tickets or leases.",
         for_s=300, calm_s=300),
    Rule("certificate_expired", r"(?:cert|certificate)_days_left(?:\.(.+))?", "below", 0, 1, 2, "certificate:{0}",
         "Certificate {0} has expired",
         "Renew certificate {0} now and load it where it is served: until then its users are turned away.",
         beyond=True),
    Rule("certificate", r"(?:cert|certificate)_days_left(?:\.(.+))?", "below", 14, 21, 3, "certificate:{0}",
         "Certificate {0} {expires}",
         "Renew certificate {0} and load it where it is served; then see why it was not renewed by itself."),
    Rule("raid_degraded", r"raid_degraded(?:\.(.+))?", "above", 1, 0.5, 2, "raid:{0}", "RAID {0} is degraded",
         "Find the failed member, exchange it and follow the rebuild; do not reboot before."),
    Rule("ecc", r"ecc_errors(?:\.(.+))?", "grew", 1, 0, 3, "ecc", "Memory corrected {grown:.0f} more error{s}",
         "Note the module named in the event log; exchange it at the next window, at once when errors become frequent.",
         calm_s=6 * HOUR),
    Rule("oom", r"oom_kills(?:_total)?", "grew", 1, 0, 3, "memory",
         "The system killed {grown:.0f} process{es} for lack of memory",
         "See in the kernel log who was killed and who held the memory; restart what is missing, limit or add memory.",
         calm_s=HOUR),
    Rule("memory_exhausted", r"mem_used_pct", "above", 97, 93, 2, "memory", "Memory is {value:.0f} % in use",
         "Find the process that grew, restart it before the system kills another, then look for the leak.", for_s=60),
    Rule("cpu_saturated", r"cpu_util", "above", 97, 85, 3, "cpu", "Processor saturated for five minutes",
         "Look at the busiest processes; stop or spread what should not run now.", for_s=300),
    Rule("nic_errors", r"net_errors_s(?:\.(.+))?", "above", 5, 1, 3, "network",
         "Network card counts {value:.0f} errors a second",
         "Check cable, transceiver and switch port; compare the counters of both ends.", for_s=60, calm_s=300),
    Rule("nic_drops", r"net_drops_s(?:\.(.+))?", "above", 50, 10, 3, "network",
         "Network card drops {value:.0f} packets a second",
         "Check ring buffers and interrupt load, then cable and switch port.", for_s=60, calm_s=300),
    Rule("check_critical", r"(.+)\.state", "above", 2, 1.5, 2, "check:{0}", "Check {0} is critical",
         "Read the check's own text and follow its runbook.", format="nagios"),
)
# fmt: on
# What a broken part does to its neighbours: the kind of an open cause → the kinds of cause that are the same problem
# while it lasts. One dying fan is one incident and not one for each temperature that follows.
FOLLOWS: Final[Mapping[str, frozenset[str]]] = {
    "fan": frozenset({"fan", "temperature", "power", "cpu"}),
    "temperature": frozenset({"fan", "power", "cpu"}),
    "psu": frozenset({"power", "fan", "temperature"}),
    "memory": frozenset({"cpu", "disk-speed", "processes", "latency", "network", "power", "temperature"}),
    "disk": frozenset({"disk-speed", "latency"}),
    "readonly": frozenset({"disk-speed", "disk", "latency"}),
    "drive": frozenset({"disk-speed", "latency", "cpu", "readonly"}),
    "raid": frozenset({"disk-speed", "drive", "latency"}),
    "network": frozenset({"latency", "requests"}),
}
# The same of what is only foretold: a disk that will be full in three days is written to today, and a leak swaps; a
# hot processor or a lost packet of today is none of its doing, and a drive that wears out slows nothing yet.
ON_THE_WAY: Final[Mapping[str, frozenset[str]]] = {
    "memory": frozenset({"disk-speed", "processes", "latency"}),
    "disk": frozenset({"disk-speed", "latency"}),
}


def is_of_growth(name: str) -> bool:
    """Whether the rule of this name looks at what was added to a count; its limit is then none of the count itself."""
    return any(rule.name == name and rule.test == "grew" for rule in RULES)


def brought_by(cause: str) -> frozenset[str]:
    """The kinds of cause that are seen on the way to what is foretold."""
    return ON_THE_WAY.get(kind_of(cause), frozenset())


def explains(cause: str, other: str) -> bool:
    """Whether a problem of this cause brings the other one with it."""
    return kind_of(other) in FOLLOWS.get(kind_of(cause), frozenset())


def kind_of(cause: str) -> str:
    """ "disk" of "disk:/var"."""
    return cause.partition(":")[0]


_COMPILED: Final = tuple((re.compile(r.metric), r) for r in RULES)


@lru_cache(maxsize=50_000)
def applying(metric: str, fmt: str) -> tuple[tuple[Rule, str], ...]:
    """Rules that look at this metric, whatever its agent calls it, each with what its group found."""
    found = []
    word = our_word(metric)
    for pattern, rule in _COMPILED:
        match = pattern.fullmatch(word)
        if match and rule.format in ("", fmt):
            found.append((rule, (match.group(1) or "") if pattern.groups else ""))
    return tuple(found)
