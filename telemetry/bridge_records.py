"""Filling records for the log: many messages to one, those of one machine always into the same partition."""

from __future__ import annotations

import time
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from telemetry.envelope import framed, record_of
from telemetry.log import LogError, LogWriter

RECORD_MESSAGES: Final = 500
RECORD_BYTES: Final = 1 << 19  # a record is written at once when it has grown to this
LINGER_S: Final = 0.05


@dataclass
class _Record:
    pieces: list[bytes] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    messages: int = 0
    size: int = 0


@dataclass(frozen=True)
class _Written:
    places: list[int]
    messages: int
    size: int
    problem: Exception | None


class Records:
    """Belongs to the bridge's thread; the log confirms from its own, by a queue and `wake`."""

    def __init__(self, writer: LogWriter, partitions: int, wake: Callable[[], None]) -> None:
        self.waiting_bytes = 0  # taken, and not yet confirmed by the log
        self.unpromised = 0  # messages among them that nobody waits for (QoS 0)
        self.stored = 0
        self._writer, self._partitions, self._wake = writer, partitions, wake
        self._filling: dict[int, _Record] = {}
        self._oldest: float | None = None
        self.named: Callable[[bytes], bytes | None] = lambda topic: None  # whom a topic of a declared mapping names
        self._written: deque[_Written] = deque()

    def partition_of(self, topic: bytes) -> int:
        """Where the messages of this topic go."""
        return zlib.crc32(self.named(topic) or _bucket(topic)) % self._partitions

    def add(
        self, partition: int, topic: bytes, payload: bytes, arrived_ms: int, place: int | None, *,
        retained: bool, duplicate: bool,
    ) -> None:  # fmt: skip
        """Put a message into its record; `place` is that of the `AckWindow`, None for QoS 0."""
        record = self._filling.get(partition)
        if record is None:
            record = self._filling[partition] = _Record()
            if self._oldest is None:
                self._oldest = time.monotonic()
        record.pieces += framed(topic, payload, arrived_ms, retained=retained, duplicate=duplicate)
        record.messages += 1
        if place is None:
            self.unpromised += 1
        else:
            record.places.append(place)
        size = len(topic) + len(payload) + 64
        record.size += size
        self.waiting_bytes += size
        if record.messages >= RECORD_MESSAGES or record.size >= RECORD_BYTES:
            self._write(partition, self._filling.pop(partition))

    def patience(self) -> float:
        """Seconds until something has waited long enough; a second when nothing waits."""
        if self._oldest is None:
            return 1.0
        return max(0.0, self._oldest + LINGER_S - time.monotonic())

    def write_due(self) -> None:
        """Write what has waited long enough."""
        if self._oldest is not None and self.patience() == 0.0:
            self.write_all()

    def write_all(self) -> None:
        """Write what there is."""
        self._oldest = None
        filling, self._filling = self._filling, {}
        for partition, record in filling.items():
            self._write(partition, record)

    def confirmed(self) -> list[int]:
        """Places of messages that the log has meanwhile confirmed. Raises `LogError` when it refused some for good."""
        places: list[int] = []
        while self._written:
            written = self._written.popleft()
            if written.problem is not None:
                raise LogError("the log refused a record") from written.problem
            self.waiting_bytes -= written.size
            self.unpromised -= written.messages - len(written.places)
            self.stored += written.messages
            places += written.places
        return places

    def _write(self, partition: int, record: _Record) -> None:
        def done(problem: Exception | None) -> None:
            self._written.append(_Written(record.places, messages, record.size, problem))
            self._wake()

        messages = record.messages
        self._writer.append(partition, record_of(record.pieces, messages), done)


# The level with the machine's name, as the table of sources has it (formats/sources.py); the second for all others.
_NAMED_AT: Final = {b"spBv1.0": 3, b"telemetry": 2}


def _bucket(topic: bytes) -> bytes:
    """The machine's name: whatever it speaks, its order holds, and births lie where the data they explain lies."""
    levels = topic.split(b"/", 4)
    place = _NAMED_AT.get(levels[0], 1)
    return levels[place] if len(levels) > place else topic
