"""Which values of agents that do not say so count up since boot, and so become rates when scored. Plain.

Telegraf's lines, psmqtt's topics and loose names carry no kind. The lists follow the agents' own pages on their inputs;
what is not listed is taken as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_TELEGRAF: Final = {
    "cpu": r"time_.+",
    "net": r"(?:bytes|packets|err|drop)_(?:recv|sent|in|out)|(?:icmp|icmpmsg|ip|tcp|udp|udplite)_.+",
    "diskio": r"reads|writes|(?:read|write)_(?:bytes|time)|(?:merged|io|weighted_io)_?(?:reads|writes|time)",
    "kernel": r"context_switches|interrupts|processes_forked|disk_pages_(?:in|out)",
    "swap": r"in|out",
    "nstat": r".+",
    "interrupts": r"CPU\d+|total",
    "soft_interrupts": r"CPU\d+|total",
    "kernel_vmstat": r"pg.+|psw.+|oom_kill|numa_(?:hit|miss|foreign|interleave|local|other)",
    "internal_agent": r"gather_errors|metrics_(?:dropped|gathered|written|rejected)",
}
_PSMQTT: Final = re.compile(
    r"(?:cpu_times|net_io_counters|disk_io_counters|cpu_stats)\..+|swap_memory\.(?:sin|sout)|psmqtt_status\..+"
)
_BY_MEASUREMENT: Final = {name: re.compile(pattern) for name, pattern in _TELEGRAF.items()}


@lru_cache(maxsize=10_000)
def telegraf(measurement: str, field: str) -> bool:
    """Whether a field of Telegraf's own inputs only grows."""
    pattern = _BY_MEASUREMENT.get(measurement)
    return pattern is not None and pattern.fullmatch(field) is not None


@lru_cache(maxsize=10_000)
def psmqtt(name: str) -> bool:
    """Whether a task of psmqtt yields what psutil counts since boot."""
    return _PSMQTT.fullmatch(name) is not None
