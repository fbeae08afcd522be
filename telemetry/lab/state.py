"""What a simulated server carries from one instant to the next, and what may be wrong with it. Plain."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from telemetry.lab.hardware import Floats


@dataclass
class State:
    """What a machine carries from one instant to the next; one entry a machine in each array."""

    slow: Floats
    brisk: Floats
    inlet: Floats
    busy: Floats
    load: Floats
    cold: Floats
    leaked_gb: Floats
    swap_gb: Floats
    root_pct: Floats
    data_gb: Floats
    archive_gb: Floats
    log_gb: Floats
    runaway_gb: Floats
    reallocated: Floats
    pending: Floats
    ecc: Floats
    uptime_s: Floats
    down_s: Floats
    cpu_c: Floats
    board_c: Floats
    duty: Floats


@dataclass
class Strain:
    """What is wrong with the hardware just now; one entry a machine. `calm(n)` is a healthy fleet."""

    fan_1: Floats
    fan_2: Floats
    leak_gb_s: Floats
    runaway_gb_s: Floats
    sectors_s: Floats
    loss: Floats
    feed_1: Floats
    feed_2: Floats
    mute: Floats


def calm(machines: int) -> Strain:
    """No fault on any machine: fans whole, both feeds live, everything else zero."""
    whole = {"fan_1", "fan_2", "feed_1", "feed_2"}
    return Strain(**{f.name: np.full(machines, 1.0 if f.name in whole else 0.0) for f in fields(Strain)})


@dataclass(frozen=True)
class Sample:
    """Sensor values, shape (machines, sensors), NaN where a machine has no such sensor; `heard`: it is running."""

    values: Floats
    heard: NDArray[np.bool_]
