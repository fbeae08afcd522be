"""What came over HTTP goes the way of what came over MQTT: into the log, and no thanks before the log has it.

One a process. Threads of the web server call `put` at the same time.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterable
from typing import Final

from telemetry.envelope import Envelope, packed
from telemetry.log import LogWriter

RECORD_MESSAGES: Final = 500
RECORD_BYTES: Final = 1 << 19
PATIENCE_S: Final = 10.0  # exporters give up after ten seconds, too
# The writer keeps what it was given and tries again; with the log away for so long nothing more is put onto the heap.
AWAY_S: Final = 2.0


class Away(RuntimeError):
    """The log did not confirm in time. What was sent may still get there; sent again it counts once."""


class Doorstep:
    """Puts messages into the log and waits for it."""

    def __init__(self, writer: LogWriter, partitions: int) -> None:
        self._writer, self._partitions = writer, partitions

    def put(self, messages: Iterable[tuple[str, Envelope]]) -> None:
        """Write every (machine, envelope); back once all are durable. Raises `Away`."""
        if self._writer.away_s() > AWAY_S:
            raise Away("the log is away")
        by_partition: dict[int, list[Envelope]] = {}
        for machine, envelope in messages:
            by_partition.setdefault(zlib.crc32(machine.encode()) % self._partitions, []).append(envelope)
        records = [(partition, part) for partition, all_of in by_partition.items() for part in _records(all_of)]
        left = len(records)
        problems: list[Exception] = []
        settled = threading.Condition()

        def done(problem: Exception | None) -> None:
            nonlocal left
            with settled:
                left -= 1
                if problem is not None:
                    problems.append(problem)
                settled.notify()

        for partition, envelopes in records:
            self._writer.append(partition, packed(envelopes), done)
        with settled:
            if not settled.wait_for(lambda: left == 0, PATIENCE_S):
                raise Away("the log did not confirm in time")
        if problems:
            raise Away("the log refused a record") from problems[0]

    def close(self) -> None:
        self._writer.close(2.0)


def _records(envelopes: list[Envelope]) -> Iterable[list[Envelope]]:
    part: list[Envelope] = []
    size = 0
    for envelope in envelopes:
        length = len(envelope.topic) + len(envelope.payload)
        if part and (len(part) >= RECORD_MESSAGES or size + length > RECORD_BYTES):
            yield part
            part, size = [], 0
        part.append(envelope)
        size += length
    if part:
        yield part
