"""Which metrics of stored history count up, and which only rise."""

from __future__ import annotations

import numpy as np

from telemetry.columns import Columns
from telemetry.gridded import counters_in

AT = np.arange(120, dtype=np.int64) * 60_000
RISING = np.cumsum(np.ones(120))


def counted(**metrics: np.ndarray[tuple[int], np.dtype[np.float64]]) -> frozenset[str]:
    return counters_in(Columns(AT, metrics))


def test_what_rises_nearly_always_is_a_counter_and_what_goes_up_and_down_is_not() -> None:
    assert counted(octets=RISING, queue=np.sin(RISING)) == {"octets"}


def test_a_disk_that_has_been_filling_for_hours_is_no_counter() -> None:
    levels = dict.fromkeys(("disk_used_pct./var", "mem_used_pct", "temp_c.cpu", "latency_ms"), RISING / 2)
    assert counters_in(Columns(AT, {**levels, "octets": RISING})) == {"octets"}
