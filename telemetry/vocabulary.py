"""What common metric names mean, in words a customer understands: label, unit, family, and the smallest change
worth a word. Plain.

A name nobody lists is shown as it was sent and is a family of its own; nothing depends on being listed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from telemetry.synonyms import sense


@dataclass(frozen=True, slots=True)
class Word:
    """``family`` names the cause an anomaly of this metric opens under.

    ``least`` is in the metric's own unit, 0 unknown.
    """

    label: str
    unit: str
    family: str
    least: float = 0.0


# pattern → label, unit, family, least; the first that matches the whole name wins. {0} is the pattern's group.
_TABLE: Final[tuple[tuple[str, str, str, str, float], ...]] = (
    (r"cpu_util", "Processor load", "%", "cpu", 1.5),
    (r"cpu_iowait", "Processor waiting for disks", "%", "disk-speed", 1.0),
    (r"load_(\d+)", "Load average ({0} min)", "", "cpu", 0.1),
    (r"mem_used_pct", "Memory in use", "%", "memory", 1.0),
    (r"swap_used_pct", "Swap in use", "%", "memory", 1.0),
    (r"disk_used_pct\.(.+)", "{0} in use", "%", "disk:{0}", 0.5),
    (r"disk_free_gb\.(.+)", "Free on {0}", "GB", "disk:{0}", 0.0),
    (r"disk_read_mb_s(?:\.(.+))?", "Disk reads", "MB/s", "disk-speed", 0.2),
    (r"disk_write_mb_s(?:\.(.+))?", "Disk writes", "MB/s", "disk-speed", 0.2),
    (r"disk_busy_pct(?:\.(.+))?", "Disk busy", "%", "disk-speed", 1.0),
    (r"net_rx_mb_s(?:\.(.+))?", "Network in", "MB/s", "network", 0.1),
    (r"net_tx_mb_s(?:\.(.+))?", "Network out", "MB/s", "network", 0.1),
    (r"net_drops_s(?:\.(.+))?", "Packets dropped", "/s", "network", 0.2),
    (r"net_errors_s(?:\.(.+))?", "Network errors", "/s", "network", 0.2),
    (r"tcp_established", "Open connections", "", "network", 2.0),
    (r"tcp_retrans_s", "TCP retransmissions", "/s", "network", 0.2),
    (r"temp_c\.(.+)", "Temperature ({0})", "°C", "temperature", 0.75),
    (r"temp_c", "Temperature", "°C", "temperature", 0.75),
    (r"fan_rpm\.(.+)", "Fan {0}", "rpm", "fan:{0}", 40.0),
    (r"power_w", "Power drawn", "W", "power", 2.0),
    (r"psu_ok\.(.+)", "Power supply {0}", "", "power", 0.0),
    (r"smart_reallocated\.(.+)", "Reallocated sectors ({0})", "", "drive:{0}", 1.0),
    (r"smart_pending\.(.+)", "Pending sectors ({0})", "", "drive:{0}", 1.0),
    (r"procs", "Processes", "", "processes", 2.0),
    (r"uptime_s", "Uptime", "s", "reboot", 0.0),
    (r"requests_s", "Requests", "/s", "requests", 0.5),
    (r"latency_ms", "Response time", "ms", "latency", 1.0),
    (r"fs_readonly\.(.+)", "{0} read-only", "", "disk:{0}", 0.0),
    (r"ecc_errors(?:\.(.+))?", "Memory errors corrected", "", "ecc", 0.0),
    (r"raid_degraded(?:\.(.+))?", "RAID {0} degraded", "", "raid:{0}", 0.0),
    (r"(?:cert|certificate)_days_left(?:\.(.+))?", "Days left of certificate {0}", "d", "certificate:{0}", 0.0),
    (r"clock_offset_s", "Clock offset", "s", "clock", 0.0),
    (r"ssd_wear_pct(?:\.(.+))?", "Wear of SSD {0}", "%", "drive:{0}", 0.2),
    (r"ssd_life_left_pct(?:\.(.+))?", "Life left of SSD {0}", "%", "drive:{0}", 0.2),
    (r"oom_kills(?:_total)?", "Processes killed for memory", "", "memory", 0.0),
)  # fmt: skip
# Clocks, not health: they grow whatever happens.
UPTIME: Final = re.compile(r"(?:.*[._/])?uptime(?:[._](?:s|sec|seconds|uptime|value))?")  # since boot
# So do the counts of a histogram's single buckets: their sum is looked at.
_UNSCORED: Final = re.compile(
    r"(?:.*[._/])?(?:uptime(?:[._].*)?|time_since_update|history_size|boot_time.*)|[^{]*[._]bucket\{.*\}"
)
_COMPILED: Final = tuple((re.compile(p), Word(label, unit, family, least)) for p, label, unit, family, least in _TABLE)


@lru_cache(maxsize=20_000)
def word(metric: str) -> Word:
    """What we call this metric."""
    for pattern, entry in _COMPILED:
        found = pattern.fullmatch(metric)
        if found:
            groups = [g or "" for g in found.groups()]
            label = " ".join(entry.label.format(*groups).split())
            return replace(entry, label=label, family=entry.family.format(*groups).rstrip(":"))
    known = sense(metric)
    if known is None or known.word == metric:
        return Word(metric, "", metric)
    # Another agent's name for something we have a word for: the same label and cause, the unit it was sent in.
    entry = word(known.word)
    return replace(entry, unit=known.unit, least=abs(entry.least / known.factor))


@lru_cache(maxsize=50_000)
def is_scored(metric: str) -> bool:
    """Whether the model looks at this metric at all."""
    return _UNSCORED.fullmatch(metric) is None


def amount(value: float, unit: str) -> str:
    """A value for a sentence: three digits that matter, thousands apart, the unit behind a space."""
    size = abs(value)
    if size < 1e6 and value == round(value):
        text = f"{value:,.0f}"
    elif size >= 1e6:
        text = f"{value:.3g}"
    elif size >= 100:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.1f}" if size >= 10 else f"{value:.3g}"
    return f"{text} {unit}".rstrip() if unit and not unit.startswith("/") else f"{text}{unit}"
