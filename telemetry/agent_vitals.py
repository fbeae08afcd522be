"""How this very host is, read through psutil, under the names the simulated servers use for the same things."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time

import psutil

MB = 1e6
GB = 2**30
NOT_REAL = frozenset({"squashfs", "iso9660", "udf", "tmpfs", "devtmpfs", "overlay"})  # always full, or not a disk
NOT_DISKS = ("loop", "ram", "zram", "sr", "fd")
CPU_CHIPS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal")
_SNMP = Path("/proc/net/snmp")


@dataclass(frozen=True)
class Counters:
    """Totals since boot at a monotonic instant; two of them make rates."""

    at_s: float
    totals: Mapping[str, float]
    busy_ms: Mapping[str, float]  # by disk


class Vitals:
    """Guards the counters of the last look, from which the next one makes rates."""

    def __init__(self) -> None:
        psutil.cpu_times_percent(interval=None)  # the first call only starts the count
        self._last = _counters()

    def read(self) -> dict[str, float]:
        """Every metric this host can show, rates since the last call. Units as in the names; MB is 10^6, GB 2^30."""
        seen = _processor() | _memory() | _mounts() | _sensors()
        now = _counters()
        passed_s = max(now.at_s - self._last.at_s, 1e-3)
        for name, total in now.totals.items():
            before = self._last.totals.get(name, total)
            # A counter that fell was reset (an interface left, a driver restarted): no rate rather than a wrong one.
            if total >= before:
                seen[name] = (total - before) / passed_s
        busy = [now.busy_ms[d] - self._last.busy_ms[d] for d in now.busy_ms.keys() & self._last.busy_ms.keys()]
        if busy:
            seen["disk_busy_pct"] = min(max(busy) / passed_s / 10.0, 100.0)
        self._last = now
        established = _snmp().get("CurrEstab")
        if established is not None:
            seen["tcp_established"] = established
        seen["procs"] = float(len(psutil.pids()))
        seen["uptime_s"] = time() - psutil.boot_time()
        return {name: round(value, 3) for name, value in seen.items()}


def facts() -> dict[str, str]:
    """What the dossier should know of this host."""
    memory = f"{psutil.virtual_memory().total / GB:.0f} GB"
    return {
        "os": _os_name(),
        "kernel": platform.release(),
        "cpu": f"{_cpu_name()}, {psutil.cpu_count() or 1} cores",
        "memory": memory,
        "mounts": ", ".join(f"{mount} {psutil.disk_usage(mount).total / GB:.0f} GB" for mount in mounts()),
        "agent": "vigie agent",
    }


def mounts() -> list[str]:
    """Mount points of real disks, the root always among them; one for each device."""
    by_device: dict[str, str] = {}
    for part in psutil.disk_partitions(all=False):
        if part.fstype not in NOT_REAL and Path(part.mountpoint).is_dir():
            shortest = min(by_device.get(part.device, part.mountpoint), part.mountpoint, key=len)
            by_device[part.device] = shortest
    return sorted({"/", *by_device.values()})


def _processor() -> dict[str, float]:
    share = psutil.cpu_times_percent(interval=None)
    waiting = float(getattr(share, "iowait", 0.0))
    return {
        "cpu_util": max(0.0, 100.0 - share.idle - waiting),
        "cpu_iowait": waiting,
        "load_1": psutil.getloadavg()[0],
    }


def _memory() -> dict[str, float]:
    return {"mem_used_pct": psutil.virtual_memory().percent, "swap_used_pct": psutil.swap_memory().percent}


def _mounts() -> dict[str, float]:
    seen: dict[str, float] = {}
    for mount in mounts():
        try:
            usage = psutil.disk_usage(mount)
        except OSError:
            continue  # unmounted between the list and the look; the next look will not list it
        seen[f"disk_used_pct.{mount}"] = usage.percent
        seen[f"disk_free_gb.{mount}"] = usage.free / GB
    return seen


def _sensors() -> dict[str, float]:
    """Temperatures and fans, on hosts whose system shows them."""
    seen: dict[str, float] = {}
    temperatures = psutil.sensors_temperatures() if hasattr(psutil, "sensors_temperatures") else {}
    for chip, entries in temperatures.items():
        hottest = [entry.current for entry in entries if entry.current is not None and -50 < entry.current < 150]
        if hottest:
            name = "temp_c.cpu" if chip in CPU_CHIPS else f"temp_c.{_plain(chip)}"
            seen[name] = max(max(hottest), seen.get(name, -50.0))
    fans = psutil.sensors_fans() if hasattr(psutil, "sensors_fans") else {}
    every = [fan for entries in fans.values() for fan in entries]
    for number, fan in enumerate(every, start=1):
        seen[f"fan_rpm.{number}"] = float(fan.current)
    return seen


def _counters() -> Counters:
    totals: dict[str, float] = {}
    disks = psutil.disk_io_counters(perdisk=False)
    if disks is not None:
        totals |= {"disk_read_mb_s": disks.read_bytes / MB, "disk_write_mb_s": disks.write_bytes / MB}
    cards = [io for name, io in psutil.net_io_counters(pernic=True).items() if not name.startswith("lo")]
    if cards:
        totals |= {
            "net_rx_mb_s": sum(io.bytes_recv for io in cards) / MB,
            "net_tx_mb_s": sum(io.bytes_sent for io in cards) / MB,
            "net_drops_s": float(sum(io.dropin + io.dropout for io in cards)),
            "net_errors_s": float(sum(io.errin + io.errout for io in cards)),
        }
    resent = _snmp().get("RetransSegs")
    if resent is not None:
        totals["tcp_retrans_s"] = resent
    each = psutil.disk_io_counters(perdisk=True) or {}
    busy = {
        name: float(io.busy_time)
        for name, io in each.items()
        if hasattr(io, "busy_time") and not name.startswith(NOT_DISKS)
    }
    return Counters(monotonic(), totals, busy)


def _snmp() -> dict[str, float]:
    """The kernel's TCP counters, where there is a Linux kernel."""
    try:
        lines = [line.split() for line in _SNMP.read_text().splitlines() if line.startswith("Tcp:")]
    except OSError:
        return {}
    return dict(zip(lines[0][1:], map(float, lines[1][1:]), strict=True)) if len(lines) == 2 else {}


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"


def _cpu_name() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1) if found else platform.processor() or platform.machine()


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_")
