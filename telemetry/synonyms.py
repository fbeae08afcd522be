"""What every agent calls the same thing: names as they were sent, beside our own word and OpenTelemetry's. Plain.

Names are stored and shown as sent. Where the meaning is known a name also has a *sense*: our own word for it
(``disk_used_pct./var``), with which rules, causes and labels are written once for every agent, and the name of
OpenTelemetry's system semantic conventions (1.38) with its unit, for charts and programs that compare machines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Sense:
    """``word`` is our own name, ``unit`` that of the value as sent, ``value × factor + offset`` the value in our unit.

    ``otel`` is the conventions' name with its attributes, and ``otel_factor`` turns our unit into ``otel_unit``.
    """

    word: str
    unit: str
    factor: float = 1.0
    offset: float = 0.0
    otel: str = ""
    otel_unit: str = ""
    otel_factor: float = 1.0

    def in_our_unit(self, value: float) -> float:
        return value * self.factor + self.offset


# Our word → OpenTelemetry's name and unit, and the factor from our unit to theirs; {0} is the thing it is of.
_OTEL: Final[tuple[tuple[str, str, str, float], ...]] = (
    (r"cpu_util", "system.cpu.utilization", "1", 0.01),
    (r"load_(1|5|15)", "system.cpu.load_average.{0}m", "{{thread}}", 1.0),
    (r"mem_used_pct", 'system.memory.utilization{{state="used"}}', "1", 0.01),
    (r"swap_used_pct", 'system.paging.utilization{{state="used"}}', "1", 0.01),
    (r"disk_used_pct\.(.+)", 'system.filesystem.utilization{{mountpoint="{0}"}}', "1", 0.01),
    (r"disk_free_gb\.(.+)", 'system.filesystem.usage{{mountpoint="{0}",state="free"}}', "By", 1e9),
    (r"disk_read_mb_s\.(.+)", 'system.disk.io{{device="{0}",direction="read"}}', "By/s", 1e6),
    (r"disk_write_mb_s\.(.+)", 'system.disk.io{{device="{0}",direction="write"}}', "By/s", 1e6),
    (r"net_rx_mb_s\.(.+)", 'system.network.io{{device="{0}",direction="receive"}}', "By/s", 1e6),
    (r"net_tx_mb_s\.(.+)", 'system.network.io{{device="{0}",direction="transmit"}}', "By/s", 1e6),
    (r"net_errors_s\.(.+)", 'system.network.errors{{device="{0}"}}', "{{error}}/s", 1.0),
    (r"net_drops_s\.(.+)", 'system.network.dropped{{device="{0}"}}', "{{packet}}/s", 1.0),
    (r"temp_c\.(.+)", 'hw.temperature{{id="{0}"}}', "Cel", 1.0),
    (r"fan_rpm\.(.+)", 'hw.fan.speed{{id="{0}"}}', "rpm", 1.0),
    (r"power_w", "hw.host.power", "W", 1.0),
    (r"procs", "system.process.count", "{{process}}", 1.0),
    (r"uptime_s", "system.uptime", "s", 1.0),
)
_LABEL: Final = r"\{{(?:[^\"{{}}]|\"(?:[^\"\\]|\\.)*\")*?{}=\"([^\"]*)\"(?:[^\"{{}}]|\"(?:[^\"\\]|\\.)*\")*\}}"
_DEVICE, _MOUNT = _LABEL.format("device"), _LABEL.format("mountpoint")
_RECEIVE, _TRANSMIT = r"(?=.*direction=\"receive\")", r"(?=.*direction=\"transmit\")"

# Name as sent → our word, unit as sent, factor and offset into our unit. Counters are rates by the time they are looked
# at, so their unit is theirs a second. By agent: native names need no row.
_AGENTS: Final[tuple[tuple[str, str, str, float, float], ...]] = (
    # processor
    (r"cpu\.total|cpu_percent|cpu\.used|cpu\.cpu-total\.usage_active|cpu\.percent-active", "cpu_util", "%", 1, 0),
    (r"cpu_times_percent\.idle|cpu\.cpu-total\.usage_idle|cpu\.percent-idle", "cpu_util", "%", -1, 100),
    (r"cpu\.iowait|cpu_times_percent\.iowait|cpu\.cpu-total\.usage_iowait|cpu\.percent-wait", "cpu_iowait", "%", 1, 0),
    (r"load\.min(1|5|15)|system\.load(1|5|15)|node_load(1|5|15)(?:\{.*\})?|.+\.load(1|5|15)"
     r"|system\.cpu\.load_average\.(1|5|15)m", "load_{0}", "", 1, 0),
    (r"load\.load\.shortterm", "load_1", "", 1, 0),
    (r"load\.load\.midterm", "load_5", "", 1, 0),
    (r"load\.load\.longterm", "load_15", "", 1, 0),
    # memory
    (r"mem\.percent|virtual_memory\.percent|mem\.used_percent|memory\.percent-used", "mem_used_pct", "%", 1, 0),
    (r"system\.memory\.utilization\{(?:.*,)?state=\"used\".*\}", "mem_used_pct", "1", 100, 0),
    (r"memswap\.percent|swap_memory\.percent|swap\.used_percent|swap\.percent-used", "swap_used_pct", "%", 1, 0),
    (r"system\.(?:paging|swap)\.utilization\{(?:.*,)?state=\"used\".*\}", "swap_used_pct", "1", 100, 0),
    # file systems; collectd writes / as root and - for the others
    (r"fs\.(.+)\.percent|disk_usage\.percent\.(.+)|disk\..*?\.(/.*)\.used_percent", "disk_used_pct.{0}", "%", 1, 0),
    (r"disk_usage__volume_(.+)_\.percent|df-(.+)\.percent_bytes-used", "disk_used_pct.{0}", "%", 1, 0),
    (r"system\.filesystem\.utilization" + _MOUNT, "disk_used_pct.{0}", "1", 100, 0),
    # disks
    (r"diskio\.(.+)\.read_bytes_rate_per_sec|disk-(.+)\.disk_octets\.read|diskio\.(.+)\.read_bytes"
     r"|disk_io_counters\.read_bytes\.(.+)", "disk_read_mb_s.{0}", "By/s", 1e-6, 0),
    (r"diskio\.(.+)\.write_bytes_rate_per_sec|disk-(.+)\.disk_octets\.write|diskio\.(.+)\.write_bytes"
     r"|disk_io_counters\.write_bytes\.(.+)", "disk_write_mb_s.{0}", "By/s", 1e-6, 0),
    (r"(?=.*direction=\"read\")system\.disk\.io" + _DEVICE, "disk_read_mb_s.{0}", "By/s", 1e-6, 0),
    (r"(?=.*direction=\"write\")system\.disk\.io" + _DEVICE, "disk_write_mb_s.{0}", "By/s", 1e-6, 0),
    (r"node_disk_read_bytes_total" + _DEVICE, "disk_read_mb_s.{0}", "By/s", 1e-6, 0),
    (r"node_disk_written_bytes_total" + _DEVICE, "disk_write_mb_s.{0}", "By/s", 1e-6, 0),
    # network
    (r"network\.(.+)\.bytes_recv_rate_per_sec|interface-(.+)\.if_octets\.rx|net\.(.+)\.bytes_recv"
     r"|net_io_counters\.bytes_recv\.(.+)", "net_rx_mb_s.{0}", "By/s", 1e-6, 0),
    (r"network\.(.+)\.bytes_sent_rate_per_sec|interface-(.+)\.if_octets\.tx|net\.(.+)\.bytes_sent"
     r"|net_io_counters\.bytes_sent\.(.+)", "net_tx_mb_s.{0}", "By/s", 1e-6, 0),
    (_RECEIVE + r"system\.network\.io" + _DEVICE, "net_rx_mb_s.{0}", "By/s", 1e-6, 0),
    (_TRANSMIT + r"system\.network\.io" + _DEVICE, "net_tx_mb_s.{0}", "By/s", 1e-6, 0),
    (r"node_network_receive_bytes_total" + _DEVICE, "net_rx_mb_s.{0}", "By/s", 1e-6, 0),
    (r"node_network_transmit_bytes_total" + _DEVICE, "net_tx_mb_s.{0}", "By/s", 1e-6, 0),
    (r"interface-(.+)\.if_errors\.rx|net\.(.+)\.err_in|net_io_counters\.errin\.(.+)", "net_errors_s.{0}", "/s", 1, 0),
    (r"interface-(.+)\.if_dropped\.rx|net\.(.+)\.drop_in|net_io_counters\.dropin\.(.+)", "net_drops_s.{0}", "/s", 1, 0),
    # the house itself
    (r"sensors\.(.+)\.temp_input|temp\.(.+)\.temp|sensors-.+\.temperature-(.+)|thermal.*\.temperature(?:-(.+))?",
     "temp_c.{0}", "°C", 1, 0),
    (r"(?:hw|system)\.temperature" + _LABEL.format("(?:id|sensor)"), "temp_c.{0}", "°C", 1, 0),
    (r"sensors\.(.+)\.fan_input|sensors-.+\.fanspeed-(.+)|hw\.fan\.speed" + _LABEL.format("id"), "fan_rpm.{0}", "rpm",
     1, 0),
    (r"processcount\.total|processes\.total|.+\.procs|system\.process(?:es)?\.count(?:\{.*\})?", "procs", "", 1, 0),
    (r"uptime\.seconds|uptime\.uptime|system\.uptime", "uptime_s", "s", 1, 0),
)  # fmt: skip
_COMPILED: Final = tuple((re.compile(p), word, unit, factor, offset) for p, word, unit, factor, offset in _AGENTS)
_OTEL_COMPILED: Final = tuple((re.compile(p), name, unit, factor) for p, name, unit, factor in _OTEL)
_ROOT: Final = {"root": "/", "_": "/", "__": "/"}  # how agents write / where no / may stand


@lru_cache(maxsize=20_000)
def sense(metric: str) -> Sense | None:
    """What a name as sent means; None when nobody told us. Our own words mean themselves."""
    for pattern, word, unit, factor, offset in _COMPILED:
        found = pattern.fullmatch(metric)
        if found:
            thing = next((group for group in found.groups() if group), "")
            thing = _ROOT.get(thing, thing) if word.startswith("disk_used") else thing
            return _with_otel(word.format(thing).rstrip("."), unit, factor, offset)
    known = _with_otel(metric, "", 1.0, 0.0)
    return known if known.otel else None


def _with_otel(word: str, unit: str, factor: float, offset: float) -> Sense:
    for pattern, name, otel_unit, otel_factor in _OTEL_COMPILED:
        found = pattern.fullmatch(word)
        if found:
            groups = found.groups() or ("",)
            return Sense(word, unit, factor, offset, name.format(*groups), otel_unit.format(), otel_factor)
    return Sense(word, unit, factor, offset)


@lru_cache(maxsize=20_000)
def our_word(metric: str) -> str:
    """Our own word for a name as sent; the name itself when it has none."""
    known = sense(metric)
    return metric if known is None else known.word


def in_our_words(metrics: Mapping[str, float]) -> Mapping[str, float]:
    """The values with those of foreign names added under our own words, in our units; what was sent so stands."""
    added: dict[str, float] = {}
    for name, value in metrics.items():
        known = sense(name)
        if known is not None and known.word != name and known.word not in metrics:
            added.setdefault(known.word, known.in_our_unit(value))
    return {**metrics, **added} if added else metrics
