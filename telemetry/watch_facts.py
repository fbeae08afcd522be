"""What a watcher tells of itself: how far behind it is, how much it holds, whether it watches less well than it should.

Degraded is not broken: readings are stored and counted as ever; what looks at them is late, or learns anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from telemetry import smart_card
from telemetry.log import LogReader
from telemetry.seat import Seat

LATELY_MS: Final = 3_600_000
_MOST_NAMED: Final = 3
LATE_S: Final = 10.0  # heard so long after it arrived, nobody would call it live


def facts(
    seats: Mapping[int, Seat], reader: LogReader, taken: int, unsound: Sequence[str], now_ms: int
) -> dict[str, Any]:
    """For the platform page; `unsound`: what else is wrong. Raises what the log's `end_of` raises."""
    ends = {partition: reader.end_of(partition) for partition in seats}
    lag = {partition: max(0, ends[partition] - seat.reached) for partition, seat in seats.items()}
    lag_s = max((seat.behind_s(ends[partition], now_ms) for partition, seat in seats.items()), default=0.0)
    unlearned = _unlearned(seats.values())
    return {
        "degraded": _degraded([*unsound, *_forgotten(seats.values(), now_ms), *unlearned], lag_s),
        "unlearned": "; ".join(unlearned),
        "lag_records": sum(lag.values()),
        "lag_s": lag_s,
        "machines": sum(len(seat.heard) for seat in seats.values()),
        "taken": taken,
        "rebuilding": sum(seat.is_rebuilding for seat in seats.values()),
        "partitions": {str(p): {"position": seat.position, "lag": lag[p]} for p, seat in seats.items()},
    }


def _forgotten(seats: Iterable[Seat], now_ms: int) -> list[str]:
    """Sparkplug sessions given up lately, because more were alive than are remembered."""
    births = [seat.decoder.births for seat in seats if seat.decoder.births.forgotten]
    if all(now_ms - one.forgotten_ms > LATELY_MS for one in births):
        return []
    number = sum(one.forgotten for one in births)
    return [f"{number} Sparkplug nodes, silent the longest, made room for others, and are asked anew when they speak"]


def _unlearned(seats: Iterable[Seat]) -> list[str]:
    """Machines that learn anew although their history is stored, because we failed at it."""
    told = {name: why for seat in seats for name, why in seat.unlearned.items()}
    if not told:
        return []
    names = ", ".join(sorted(told)[:_MOST_NAMED]) + (" and others" if len(told) > _MOST_NAMED else "")
    why = ", ".join(sorted(set(told.values())))
    return [f"of {len(told)} ({names}) the stored history could not be learned from ({why}): it is tried again"]


def _degraded(unsound: Sequence[str], lag_s: float) -> str:
    """Why it watches less well than it should; empty when it does not."""
    reasons = [*unsound]
    if refused := smart_card.trouble():
        reasons.append(f"drives are not warned of by their signs of wear: {refused}")
    if lag_s >= LATE_S:
        reasons.append(f"what arrives is looked at {lag_s:.0f} s late")
    return "; ".join(reasons)
