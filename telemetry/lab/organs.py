"""The parts of a simulated server, each moved by one small function: memory, disks, processor, network, heat. Plain.

They run in the order in which one leans on another: swapping makes disk traffic, disk traffic makes waiting, waiting
makes load and latency, load makes heat. That is where the correlations between the metrics come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from telemetry.lab import heat
from telemetry.lab.hardware import Floats
from telemetry.lab.state import State, Strain

SWAP_GB = 8.0
MEM_CEILING_PCT = 96.0  # above it the kernel swaps rather than fail
READ_ONLY_FROM = 480.0  # reallocated sectors after which the file system protects itself
PACKET_B = 900.0
TYPICAL_DEMAND = 0.45  # the mean over a week, by which a day's log volume is spread
LOSS_SLOWS = 25.0  # at 4 % loss TCP moves half (throughput falls with the root of the loss; a line is near enough here)
STRAY_DROP_CHANCE = 0.02  # even a good card drops a packet now and then

Shown: TypeAlias = dict[str, Floats]


@dataclass(frozen=True)
class Moment:
    """One step of `dt_s` seconds: the state it changes, what the machines are, what they are asked, and chance.

    `noise` holds standard normals (16, machines), `chance` uniforms (3, machines).
    """

    state: State
    size: Mapping[str, Floats]
    strain: Strain
    dt_s: float
    served: Floats
    work: Floats
    noise: Floats
    chance: Floats


def ou(x: Floats, dt_s: float, tau_s: float, sigma: Floats | float, noise: Floats) -> Floats:
    """One exact step of an Ornstein-Uhlenbeck process: the same statistics whatever the step length."""
    keep = float(np.exp(-dt_s / tau_s))
    moved: Floats = keep * x + sigma * np.sqrt(1.0 - keep * keep) * noise
    return moved


def toward(x: Floats, target: Floats, dt_s: float, tau_s: float) -> Floats:
    """`x` after `dt_s` seconds of falling towards `target` with time constant `tau_s`."""
    return x + (1.0 - float(np.exp(-dt_s / tau_s))) * (target - x)


def var_pct(s: State, size: Mapping[str, Floats]) -> Floats:
    """How full /var is, percent."""
    used_gb = s.data_gb + s.archive_gb + s.log_gb + s.runaway_gb
    return np.minimum(used_gb / size["var_gb"] * 100.0, 100.0)


def sense(now: Moment) -> Shown:
    """Move every part of every machine by one step; what each sensor then shows."""
    thrash, shown = memory(now)
    shown |= space(now) | traffic(now, thrash)
    shown |= processor(now, thrash, shown["disk_busy_pct"])
    shown |= network(now)
    shown |= service(now, thrash, shown["cpu_util"], shown["cpu_iowait"])
    return shown | warmth(now, shown["cpu_util"], shown["disk_busy_pct"])


def memory(now: Moment) -> tuple[Floats, Shown]:
    """Memory follows the work of the last half hour and whatever leaks; past the ceiling it spills into swap.

    Returns how far swap is used (0..1) beside the sensors.
    """
    s, size = now.state, now.size
    s.busy = toward(s.busy, now.served, now.dt_s, 1800.0)
    s.leaked_gb = np.minimum(s.leaked_gb + now.strain.leak_gb_s * now.dt_s, size["mem_gb"] + SWAP_GB)
    wanted = size["mem_base_pct"] + size["mem_swing_pct"] * s.busy + s.leaked_gb / size["mem_gb"] * 100.0
    over_gb = np.clip((wanted - MEM_CEILING_PCT) * size["mem_gb"] / 100.0, 0.0, SWAP_GB)
    s.swap_gb = toward(s.swap_gb, over_gb, now.dt_s, 45.0)
    thrash = s.swap_gb / SWAP_GB
    return thrash, {
        "mem_used_pct": np.clip(wanted + 0.2 * now.noise[2], 3.0, MEM_CEILING_PCT + 2.5 * thrash),
        "swap_used_pct": np.clip(thrash * 100.0, 0.0, 100.0),
    }


def log_gb_s(now: Moment) -> Floats:
    """What ordinary logging writes, GB/s; nothing once /var is full."""
    rate = now.size["log_gb_day"] / 86_400.0 * now.served / TYPICAL_DEMAND
    return np.where(var_pct(now.state, now.size) < 100.0, rate, 0.0)


def space(now: Moment) -> Shown:
    """Logs grow, a runaway log grows faster, sectors wear out."""
    s, size, strain = now.state, now.size, now.strain
    s.log_gb = s.log_gb + log_gb_s(now) * now.dt_s
    s.runaway_gb = s.runaway_gb + np.where(var_pct(s, size) < 100.0, strain.runaway_gb_s, 0.0) * now.dt_s
    worn = strain.sectors_s * now.dt_s
    s.reallocated = s.reallocated + worn * (0.6 + 0.8 * now.chance[1])
    s.pending = s.pending + 0.55 * worn
    full = var_pct(s, size)
    return {
        "disk_used_pct./": s.root_pct + 0.03 * now.noise[3],
        "disk_used_pct./var": full,
        "disk_free_gb./var": size["var_gb"] * (1.0 - full / 100.0),
        "smart_reallocated.sda": np.floor(s.reallocated),
        "smart_pending.sda": np.floor(s.pending),
        "fs_readonly./var": (s.reallocated >= READ_ONLY_FROM).astype(np.float64),
    }


def traffic(now: Moment, thrash: Floats) -> Shown:
    """Disk traffic from work, a cold cache, swapping and logs; retries of a worn disk keep it busy for nothing."""
    s, size, strain = now.state, now.size, now.strain
    read = size["read_mb_s"] * now.served * (1.0 + 1.5 * s.cold) + 45.0 * thrash
    read = read * np.exp(0.1 * now.noise[4]) + 0.05
    logging = log_gb_s(now) + np.where(var_pct(s, size) < 100.0, strain.runaway_gb_s, 0.0)
    write = (size["write_mb_s"] * now.served + 40.0 * thrash) * np.exp(0.1 * now.noise[5]) + logging * 1000.0 + 0.1
    capacity = (size["read_mb_s"] + size["write_mb_s"]) / 0.8
    retries = np.minimum(strain.sectors_s * 120.0, 30.0)
    busy = 100.0 * (1.0 - np.exp(-(read + write) / capacity)) + retries + 0.6 * now.noise[6]
    return {"disk_read_mb_s": read, "disk_write_mb_s": write, "disk_busy_pct": np.clip(busy, 0.0, 100.0)}


def processor(now: Moment, thrash: Floats, disk_busy: Floats) -> Shown:
    """A throttled clock needs more of itself for the same work; waiting for disks counts as load, not as use."""
    s, size = now.state, now.size
    iowait = np.clip(0.001 * disk_busy**2 + 38.0 * thrash + 0.15 * np.abs(now.noise[7]), 0.0, 70.0)
    span = size["cpu_full_pct"] - size["cpu_idle_pct"]
    asked = size["cpu_idle_pct"] + span * now.served / heat.throttle(s.cpu_c) ** 2 + 14.0 * thrash
    cpu = np.clip(asked + 0.7 * now.noise[8], 0.3, 100.0 - iowait)
    s.load = toward(s.load, size["cores"] * (cpu * 1.05 + iowait * 1.4) / 100.0, now.dt_s, 60.0)
    return {"cpu_util": cpu, "cpu_iowait": iowait, "load_1": np.maximum(s.load + 0.08 * now.noise[9], 0.0)}


def network(now: Moment) -> Shown:
    """A lossy card drops and mangles packets; TCP answers with retransmits and slows down by itself."""
    size, loss = now.size, now.strain.loss
    rx = size["rx_mb_s"] * now.served * np.exp(0.07 * now.noise[10]) + 0.02
    tx = size["tx_mb_s"] * now.served * np.exp(0.07 * now.noise[11]) + 0.02
    packets = (rx + tx) * 1e6 / PACKET_B
    return {
        "net_rx_mb_s": rx,
        "net_tx_mb_s": tx,
        "net_drops_s": packets * loss + np.where(now.chance[2] < STRAY_DROP_CHANCE, 0.1, 0.0),
        "net_errors_s": packets * loss * 0.4,
        "tcp_retrans_s": packets * (1e-4 + 1.3 * loss) * np.exp(0.2 * now.noise[12]),
    }


def service(now: Moment, thrash: Floats, cpu: Floats, iowait: Floats) -> Shown:
    """Queueing makes latency (an M/M/1 queue at cpu load); latency keeps connections open (Little's law)."""
    s, size = now.state, now.size
    slow = (1.0 + iowait / 18.0) * (1.0 + 9.0 * thrash) * (1.0 + 60.0 * now.strain.loss) / heat.throttle(s.cpu_c)
    slow = slow * np.where(now.served < 0.4 * now.work, 2.5, 1.0)
    queue = 1.0 / (1.0 - np.minimum(0.0085 * cpu, 0.9))
    return {
        "latency_ms": size["latency_ms"] * queue * slow * np.exp(0.06 * now.noise[13]),
        "requests_s": size["requests_s"] * now.served * np.exp(0.04 * now.noise[14]),
        "tcp_established": 18.0 + size["connections"] * now.work * np.minimum(np.sqrt(slow), 3.0),
        "procs": size["procs"] * (0.9 + 0.2 * s.busy) + 2.0 * now.noise[15],
        "uptime_s": s.uptime_s,
        "ecc_errors": s.ecc,
    }


def warmth(now: Moment, cpu: Floats, disk_busy: Floats) -> Shown:
    """Power, temperatures, fans and supplies."""
    s, size, strain = now.state, now.size, now.strain
    s.inlet = ou(s.inlet, now.dt_s, 2400.0, 0.35, now.noise[3])
    cpu_w = 34.0 + size["cores"] * (1.2 + 6.2 * (cpu / 100.0) ** 0.9)
    board_w = 38.0 + size["mem_gb"] * 0.18 + 0.12 * disk_busy
    box = heat.Heat(s.cpu_c, s.board_c, s.duty)
    heat.warm(box, now.dt_s, size["inlet_c"] + s.inlet, cpu_w, board_w, (strain.fan_1, strain.fan_2))
    fan_w = 14.0 * s.duty**3 * (strain.fan_1 + strain.fan_2)
    return {
        "temp_c.cpu": s.cpu_c + 0.35 * now.noise[9],
        "temp_c.board": s.board_c + 0.2 * now.noise[12],
        "fan_rpm.1": heat.FULL_RPM * np.maximum(s.duty + 0.003 * now.noise[14], 0.0) * strain.fan_1,
        "fan_rpm.2": heat.FULL_RPM * np.maximum(s.duty + 0.003 * now.noise[15], 0.0) * strain.fan_2,
        "power_w": cpu_w * heat.throttle(s.cpu_c) + board_w + fan_w + 1.2 * now.noise[13],
        "psu_ok.1": (strain.feed_1 > 0.5).astype(np.float64),
        "psu_ok.2": np.where(size["psus"] > 1, strain.feed_2 > 0.5, np.nan),
    }
