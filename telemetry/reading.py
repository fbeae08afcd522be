"""What a machine said, once a wire format has been understood.

Plain module: no clock, no network. Instants are epoch milliseconds (UTC) here, because a reading is made a million
times an hour; everything above the telemetry floor uses aware ``datetime``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

NO_FACTS: Final[Mapping[str, str]] = MappingProxyType({})
NO_DELTAS: Final[Mapping[str, float]] = MappingProxyType({})
NO_COUNTERS: Final[frozenset[str]] = frozenset()

REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "empty": "the payload is empty",
        "too_large": "the payload or a part of it is larger than we accept",
        "not_utf8": "the payload or topic is not valid UTF-8",
        "not_json": "the payload is not valid JSON",
        "duplicate_key": "the same key stands twice in one JSON object",
        "too_deep": "the payload is nested deeper than we accept",
        "not_a_number": "a value is not a finite number",
        "bad_shape": "the payload does not have the shape its format asks for",
        "bad_seq": "seq is not a whole number from 0 to 2^63 - 1",
        "bad_instant": "the instant is not a time between 2000 and 2100",
        "future_instant": "the instant lies further in the future than clocks may differ",
        "bad_name": "a machine or metric name is empty, too long, or holds control characters",
        "too_many_metrics": "one report carries more metrics than we accept",
        "no_value": "the payload carries no value we could keep",
        "unknown_topic": "no source is declared for this topic",
        "unknown_format": "the topic names a format we do not speak",
        "no_machine": "the topic does not name a machine",
        "unknown_alias": "a Sparkplug alias was used before the birth that declares it",
        "bad_payload": "the payload cannot be decoded in its format",
        "unknown_machine": "no machine of this name is enrolled",
        "set_apart": "it was understood, and we failed at it: a mistake of ours, to be sent again once it is mended",
        "not_its_own": "a machine spoke for another one without being its gateway",
    }
)


class Refused(ValueError):
    """A message we do not take, with a stable reason slug (a key of ``REASONS``) and a detail for a person.

    Raised by every parser; no parser raises anything else, whatever the bytes. ``heard`` is what was understood of the
    same message all the same: one bad report of an array does not take its neighbours along. ``machine``: who spoke,
    where only a declared mapping can tell that from the topic; else empty.
    """

    def __init__(self, reason: str, detail: str = "", heard: Sequence[Heard] = ()) -> None:
        if reason not in REASONS:
            raise KeyError(reason)
        super().__init__(f"{reason}: {detail or REASONS[reason]}")
        self.reason = reason
        self.detail = detail or REASONS[reason]
        self.heard: tuple[Heard, ...] = tuple(heard)
        self.machine = ""


# Not frozen, though nobody may change one: guarding its ten fields costs as much as parsing the report.
@dataclass(slots=True)
class Reading:
    """One machine's values at one instant, as sent (counters and deltas, named here, are not yet rates)."""

    machine: str
    at_ms: int
    metrics: Mapping[str, float]
    seq: int | None
    received_at_ms: int
    format: str
    facts: Mapping[str, str] = field(default_factory=lambda: NO_FACTS)
    counters: frozenset[str] = NO_COUNTERS
    deltas: Mapping[str, float] = field(default_factory=lambda: NO_DELTAS)  # growth since … seconds before, by name
    via: str = ""  # the gateway that said it for the machine; empty when the machine spoke itself


@dataclass(frozen=True, slots=True)
class Event:
    """What a machine already knows is wrong (or has ended: ``severity`` 0). Severity 1 is the gravest, 4 the least."""

    machine: str
    at_ms: int
    code: str
    severity: int
    text: str
    received_at_ms: int
    format: str


@dataclass(frozen=True, slots=True)
class Status:
    """A machine's own word or its will: a hint of presence, never evidence."""

    machine: str
    online: bool
    received_at_ms: int
    format: str
    via: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a machine answered to a reading we asked of it. ``body`` is bounded JSON; who asked judges it."""

    machine: str
    ask: str  # the id of what was asked
    body: Mapping[str, object]
    received_at_ms: int
    format: str


Heard = Reading | Event | Status | Answer


@dataclass(frozen=True, slots=True)
class Late:
    """A report dated before its machine's newest: no score is made of it, hard faults are seen in it all the same."""

    reading: Reading

    @property
    def machine(self) -> str:
        """Whose it is."""
        return self.reading.machine

    @property
    def received_at_ms(self) -> int:
        """When it came."""
        return self.reading.received_at_ms


Fed = Heard | Late  # what a watch is fed, once it is known what becomes of each report
