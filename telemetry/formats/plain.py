"""The common report of our own wire, read quickly: one flat object of numbers under names seen before. Plain.

What is anything else in the least is left to ``native.py``, which says the same of what both can read.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import orjson

from telemetry.formats.instants import EARLIEST_MS, FUTURE_MS, LATEST_MS, instant
from telemetry.formats.strict import MAX_METRICS, MAX_PAYLOAD, MAX_SEQ, NUMBERS, machine_ok, names_known, sequence
from telemetry.reading import NO_COUNTERS, NO_DELTAS, NO_FACTS, Reading, Refused

FORMAT: Final = "native"
_BEFORE: Final = "vigie/"
_BEHIND: Final = "/report"
_FLOATS: Final = {float}


@lru_cache(maxsize=100_000)
def machine_in(topic: str) -> str | None:
    """MACHINE of ``vigie/MACHINE/report``; None for any other topic, and for a name that is none."""
    if topic.startswith(_BEFORE) and topic.endswith(_BEHIND):
        try:
            return machine_ok(topic[len(_BEFORE) : -len(_BEHIND)])
        except Refused:
            return None
    return None


@lru_cache(maxsize=100_000)
def machine_at(topic: bytes) -> str | None:
    """The same of a topic as it came: not decoded again for each message."""
    try:
        return machine_in(topic.decode())
    except UnicodeDecodeError:
        return None


def report(machine: str, payload: bytes, received_at_ms: int) -> Reading | None:
    """The one report in a payload; None when it must be looked at with more care. Raises ``Refused``."""
    if payload[:1] != b"{" or len(payload) > MAX_PAYLOAD:
        return None
    try:
        sent = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    metrics, at, seq = sent.get("metrics"), sent.get("at"), sent.get("seq")
    if type(metrics) is not dict or not 0 < len(metrics) <= MAX_METRICS:
        return None
    if len(sent) != (3 if at is not None and seq is not None else 1 + ("seq" in sent) + ("at" in sent)):
        return None
    # Each key brings one colon, and so may an instant. When there are no others, no key was given twice (the library
    # keeps the last silently).
    colons = len(sent) + len(metrics)
    if type(at) is str:
        if b"\\" in payload:
            return None  # a colon may be written without one
        colons += at.count(":")
    if payload.count(b":") != colons:
        return None
    kinds = set(map(type, metrics.values()))
    if not (kinds == _FLOATS or kinds <= NUMBERS) or not names_known(metrics):
        return None
    if int in kinds:
        try:
            metrics = dict(zip(metrics, map(float, metrics.values()), strict=True))
        except OverflowError:
            return None
    if type(at) is not int or not EARLIEST_MS <= at <= received_at_ms + FUTURE_MS or at >= LATEST_MS:
        at = instant(at, received_at_ms)
    if type(seq) is not int or not 0 <= seq <= MAX_SEQ:
        seq = sequence(seq)
    return Reading(machine, at, metrics, seq, received_at_ms, FORMAT, NO_FACTS, NO_COUNTERS, NO_DELTAS, "")
