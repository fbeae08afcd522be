"""The durable log as one small interface: records of bytes in numbered partitions, read from a position of our choice.

Two doors open it, Kafka and a PostgreSQL table; tests/pipe/test_log_contract.py holds both to the words below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

Done = Callable[[Exception | None], None]
# What one `poll` brings at most, but for a record that is larger alone. Where records held little, many are asked for
# at once; after the log was away they are full, and so many would keep a reader busy for longer than its seat is kept.
POLL_BYTES: Final = 2 << 20


class Record(NamedTuple):
    """One record; positions of a partition only grow, and reading from `position + 1` continues after it."""

    partition: int
    position: int
    body: bytes


class LogError(RuntimeError):
    """The log broke its promise, or we can no longer use it; the process should end and start anew."""


class PositionGone(LogError):
    """What should be read next is no longer in the log. Reading on would hide a loss, so we do not."""

    def __init__(self, partition: int, wanted: int, oldest: int) -> None:
        super().__init__(f"partition {partition}: record {wanted} is gone from the log, the oldest is {oldest}")
        self.partition, self.wanted, self.oldest = partition, wanted, oldest


class LogWriter(Protocol):
    """Appends, never waits. Records of one partition keep the order they were appended in."""

    def append(self, partition: int, body: bytes, done: Done) -> None:
        """Take a record. `done(None)` is called, from another thread, once it is durable and not before.

        While the log is away the record is kept and tried again; `done(error)` means that it never will be written
        by this writer, and that the process should end.
        """

    def away_s(self) -> float:
        """Seconds since the oldest record not yet confirmed was taken; 0 when there is none."""

    def close(self, timeout_s: float) -> None:
        """Wait up to `timeout_s` for what was taken, then let go."""


class LogReader(Protocol):
    """One of several readers that share the partitions. Belongs to one thread."""

    @property
    def held(self) -> frozenset[int]:
        """The partitions that are ours as of the last `poll`."""

    def seek(self, partition: int, position: int) -> None:
        """Read a held partition from this position on; nothing comes from it before."""

    def poll(self, timeout_s: float, most: int) -> list[Record]:
        """Up to about `most` records or `POLL_BYTES`, in order within a partition; an empty list when none came.

        Raises `PositionGone`, and `LogError` when the log is unusable.
        """

    def release(self, partition: int) -> None:
        """We have let go of a partition that is no longer in `held`: another reader may have it now."""

    def end_of(self, partition: int) -> int:
        """The position the next record of this partition will get."""

    def close(self) -> None:
        """Give back everything."""
