"""The shadow of a seat: challengers score what the champions score, and open nothing. Plain.

It hears the same reports in the same order, and its state goes with the seat's snapshot, so that what it says is said
once, as if it had been champion. Whatever goes wrong in it must not touch the champions: then it is put away, and why
is kept until somebody has taken note.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from telemetry import installing
from telemetry.columns import Columns
from telemetry.directory import Known
from telemetry.installing import Brought
from telemetry.reading import Fed
from telemetry.releases import Incompatible
from telemetry.shadowing import Shadowed
from telemetry.watching import Watching

log = structlog.get_logger()


class Shadow:
    """Not thread-safe: one owner a partition. `said` is what is still to be stored."""

    def __init__(self) -> None:
        self.watching = Watching()
        self.said: list[Shadowed] = []
        self.failed = ""

    def hear(self, feed: Sequence[Fed], known: Mapping[str, Known]) -> None:
        """Score the machines that have a challenger."""
        if not self.watching.known:
            return
        try:
            verdicts = self.watching.feed([heard for heard in feed if heard.machine in self.watching.known])
        except Exception as why:  # the champions go on, whatever a challenger does
            log.exception("watch.shadow_failed")
            self.failed = f"{type(why).__name__}: {why}"[:200]
            self.watching = Watching()
            return
        self.watching.take_models()
        self.watching.changes.take()
        self.said += [
            (known[verdict.machine], self.watching.known[verdict.machine].release, verdict)
            for verdict in verdicts
            if verdict.kind == "anomaly"
        ]

    def take(self, name: str, one: Brought, recent: Columns, champion: Watching) -> None:
        """A machine gets this challenger. Raises as `installing.install`; then it has the one before, or none."""
        before = self.watching.known.get(name)
        if before is None:
            self.watching.known[name] = installing.beside(champion, name)
        try:
            installing.install(self.watching, name, one, recent)
        except (installing.NotYet, Incompatible):
            if before is None:
                del self.watching.known[name]
            raise

    def drop(self, name: str) -> None:
        """No challenger any more, or no machine."""
        self.watching.drop(name)
        self.said = [told for told in self.said if told[0].name != name]

    def settle(self, name: str, at_ms: int) -> None:
        """The machine is worked on: its return is nothing unusual."""
        m = self.watching.known.get(name)
        if m is not None:
            m.settle(at_ms, mended=True)

    def snapshot(self) -> bytes:
        """Its state as bytes; none when there is no challenger."""
        return self.watching.snapshot() if self.watching.known else b""

    def restore(self, blob: bytes) -> None:
        """The inverse of `snapshot`. Raises `ValueError`."""
        self.watching = Watching.restore(blob) if blob else Watching()
