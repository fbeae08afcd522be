"""When what watchers heard is stored, and what goes together into one transaction. Plain: the clock is an argument."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from telemetry.seat import Seat

REPORTS_AT_ONCE: Final = 20_000  # no seat holds more: they are memory, and a transaction
# Nor do all seats together, of which there may be hundreds: their history is packed within the transaction, and the
# database ends one that says nothing for ten seconds. So many take four of them when each is of a machine of its own.
TOGETHER: Final = 50_000

# At most 500 messages a record: a turn stays short. Where records hold few, more of them are taken, or the turn's own
# cost would bound what a quiet log can catch up with.
RECORDS_AT_ONCE, MOST_RECORDS, MESSAGES_AT_ONCE = 16, 1_000, 8_000
# Between two turns that heard something: many small turns cost more than what they hear. Where much is heard a turn may
# take its time: what comes in hundreds a turn costs less than what comes in tens.
BREATH_S: Final = 0.03
LONG_BREATH_S: Final = 0.1
_IDLE_S, _TIDY_S = 1.0, 0.5  # seconds between two looks at a log that is silent, or at cycles that wait
BUSY: Final = 1_000.0  # reports a second from which on a breath is longer


def breath(heard: int, over_s: float) -> float:
    """Seconds from the beginning of a turn that ``heard`` so many reports, ``over_s`` after the one before it, to the
    next."""
    rate = heard / max(over_s, BREATH_S)
    return min(LONG_BREATH_S, BREATH_S * max(1.0, rate / BUSY))


def fitting(records: int, messages: int, most: int) -> int:
    """How many records the next turn takes, after one that took so many of at most ``most``, and heard ``messages``."""
    return min(max(RECORDS_AT_ONCE, MESSAGES_AT_ONCE * records // max(messages, 1)), 2 * most, MOST_RECORDS)


def patience(
    seats: Collection[Seat], since: Mapping[int, float], now_s: float, gather_until: float, flush_s: float
) -> float:
    """Seconds a watcher may wait for the log. ``since`` as of `due`; what begins waits until ``gather_until``."""
    waits = [_IDLE_S, *(begun + flush_s - now_s for begun in since.values())]
    if any(seat.decoder.waiting for seat in seats):
        waits.append(_TIDY_S)
    if any(seat.pending.verdicts for seat in seats):
        waits.append(gather_until - now_s)
    if any(seat.models for seat in seats):
        waits.append(0.0)
    return max(0.0, min(waits))


def due(seats: Iterable[Seat], since: Mapping[int, float], now_s: float, flush_s: float, gathers: bool) -> list[Seat]:
    """The seats to store now. ``since``: from when on each has something pending, by partition.

    What has begun or ended is stored at once, unless it ``gathers``; the rest after ``flush_s``. Whoever has waited
    half as long by then comes along, so that the seats of a watcher soon share their transactions.
    """
    waiting = [seat for seat in seats if seat.partition in since]
    if sum(seat.pending.count for seat in waiting) >= TOGETHER:
        return waiting
    told = {seat.partition for seat in waiting if seat.pending.verdicts and not gathers}
    full = {seat.partition for seat in waiting if seat.pending.count >= REPORTS_AT_ONCE}
    patience = flush_s / 2 if any(now_s - since[seat.partition] >= flush_s for seat in waiting) else flush_s
    return [
        seat
        for seat in waiting
        if seat.partition in told or seat.partition in full or now_s - since[seat.partition] >= patience
    ]
