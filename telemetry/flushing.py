"""When what watchers heard is stored, and what goes together into one transaction. Plain: the clock is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from telemetry.seat import Seat

REPORTS_AT_ONCE: Final = 20_000  # no seat holds more: they are memory, and a transaction


def due(seats: Iterable[Seat], since: Mapping[int, float], now_s: float, flush_s: float, gathers: bool) -> list[Seat]:
    """The seats to store now. ``since``: from when on each has something pending, by partition.

    What has begun or ended is stored at once, unless it ``gathers``; the rest after ``flush_s``. Whoever has waited
    half as long by then comes along, so that the seats of a watcher soon share their transactions.
    """
    waiting = [seat for seat in seats if seat.partition in since]
    told = {seat.partition for seat in waiting if seat.pending.verdicts and not gathers}
    full = {seat.partition for seat in waiting if seat.pending.count >= REPORTS_AT_ONCE}
    patience = flush_s / 2 if any(now_s - since[seat.partition] >= flush_s for seat in waiting) else flush_s
    return [
        seat
        for seat in waiting
        if seat.partition in told or seat.partition in full or now_s - since[seat.partition] >= patience
    ]
