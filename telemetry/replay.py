"""A recorded fleet through the same decode and detection as live, with the recording's clock and no service.

Every machine counts as watched. Same recording, same bytes out; a prefix gives the same incidents up to its end.
Metrics that fall silent while their machine speaks are told as live, by the recording's arrivals. That a machine says
nothing at all is not: it is ours to call only while the way to us is known to be open, of which a recording tells
nothing.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

import orjson

from telemetry import admission, changes
from telemetry.admission import Fate
from telemetry.formats import Decoder
from telemetry.formats.instants import EARLIEST_MS, LATEST_MS
from telemetry.formats.mapped import Mapped
from telemetry.metric_silence import Rhythms
from telemetry.oracle import Oracle, cut
from telemetry.patience import LEAST_S
from telemetry.reading import Answer, Event, Fed, Heard, Late, Reading, Refused
from telemetry.recording import Message
from telemetry.verdict import Verdict
from telemetry.watching import Settings, Watching

BATCH: Final = 500  # as the bridge cuts them; verdicts do not depend on it
INCIDENT_COLUMNS: Final = ("incident", "machine", "cause", "severity", "start", "end", "metrics", "summary")
AHEAD_MS: Final = 300_000  # a word dated further ahead is refused, as live by default
SCORE_COLUMNS: Final = ("machine", "at", "score")


def rfc3339(at_ms: int) -> str:
    """An instant in UTC with Z, milliseconds only where there are some."""
    text = datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{at_ms % 1000:03d}Z" if at_ms % 1000 else f"{text}Z"


@dataclass(slots=True)
class Tally:
    """What a replay came to."""

    messages: int = 0
    readings: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    incidents: int = 0
    machines: int = 0


def understood(stream: Iterable[Message], refused: Counter[str]) -> Iterator[tuple[int, list[Heard]]]:
    """Batches of what the messages say: (messages in the batch, heard). Refusals are counted by reason."""
    decoder = Decoder(believes=True)
    heard: list[Heard] = []
    count = 0
    for m in stream:
        try:
            heard += decoder.decode(m.topic, m.payload, m.t_ms)
        except Refused as e:
            heard += e.heard
            refused[e.reason] += 1
        count += 1
        if count == BATCH:
            # Only per machine is a cycle's end decided while the stream runs: cutting batches elsewhere changes
            # nothing.
            yield count, heard
            heard, count = [], 0
    yield count, heard + list(decoder.flush())


def decoded(stream: Iterable[Message], nameless: str = "me", mappings: Sequence[Mapped] = ()) -> Iterator[bytes]:
    """JSON lines of what is understood, and of what is refused, in order. For the rest see ``Decoder``."""
    decoder = Decoder(believes=True, nameless=nameless)
    decoder.mappings = mappings
    for m in stream:
        try:
            heard: Sequence[Heard] = decoder.decode(m.topic, m.payload, m.t_ms)
        except Refused as e:
            yield orjson.dumps({"refused": e.reason, "topic": m.topic, "detail": e.detail}) + b"\n"
            heard = e.heard
        for h in heard:
            yield orjson.dumps(_plain(h)) + b"\n"
    for reading in decoder.flush():
        yield orjson.dumps(_plain(reading)) + b"\n"


def _plain(h: Heard) -> dict[str, object]:
    if isinstance(h, Reading):
        body: dict[str, object] = {
            "machine": h.machine,
            "at": rfc3339(h.at_ms),
            "metrics": dict(h.metrics),
            "seq": h.seq,
            "format": h.format,
        }
        return body | {"facts": dict(h.facts)} if h.facts else body
    if isinstance(h, Event):
        event = {"code": h.code, "severity": h.severity, "text": h.text}
        return {"machine": h.machine, "at": rfc3339(h.at_ms), "event": event, "format": h.format}
    if isinstance(h, Answer):
        return {"machine": h.machine, "at": rfc3339(h.received_at_ms), "answer": dict(h.body), "format": h.format}
    status = "online" if h.online else "offline"
    return {"machine": h.machine, "at": rfc3339(h.received_at_ms), "status": status, "format": h.format}


class Incidents:
    """One row a condition, from the instant it opened to the instant it ended."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, int], list[str]] = {}

    def take(self, v: Verdict) -> None:
        """Write the row at the opening, its end at the ending."""
        if v.opened:
            start = rfc3339(v.started_ms)
            self.rows[v.key] = [
                str(v.finding_id), v.machine, v.cause, str(v.severity), start, "", " ".join(v.metrics), v.summary,
            ]  # fmt: skip
        elif v.key in self.rows:
            self.rows[v.key][5] = rfc3339(v.at_ms)

    def write(self, out: TextIO) -> None:
        """CSV by opening instant, machine and cause."""
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(INCIDENT_COLUMNS)
        for key in sorted(self.rows, key=lambda k: (k[2], k[0], k[1])):
            writer.writerow(self.rows[key])


class Arrivals:
    """What live watching does with each message before it is scored: its clock, what was told before, what comes late,
    and which metrics of a machine are missed."""

    def __init__(self, history_until_ms: int | None = None) -> None:
        self._known: dict[str, admission.Heard] = {}
        self._metrics = Rhythms()
        self._silent: list[Verdict] = []
        self._from_ms = history_until_ms or 0

    def admitted(self, heard: Iterable[Heard]) -> list[Fed]:
        """What the watch is fed of these, at corrected instants, in order."""
        taken: list[Fed] = []
        for one in heard:
            if not isinstance(one, Reading | Event):
                taken.append(one)
                continue
            state = self._known.get(one.machine)
            if state is None:
                state = self._known[one.machine] = admission.Heard()
            if isinstance(one, Event):
                said = state.clock.corrected(one) if changes.is_by_machine(one) else one
                if said.at_ms <= one.received_at_ms + _tolerance_ms(one):
                    taken.append(said)
            else:
                self._take(one, state, taken)
        return taken

    def take_silent(self) -> list[Verdict]:
        """Metrics that fell silent or were heard again since the last call."""
        silent, self._silent = self._silent, []
        return silent

    def _take(self, reading: Reading, state: admission.Heard, taken: list[Fed]) -> None:
        fate = state.admit(reading, retained=False, future_tolerance_ms=_tolerance_ms(reading))
        state.missing = 0
        said = state.clock.corrected(reading)
        if fate in (Fate.DUPLICATE, Fate.REFUSED):
            return
        if state.changed:
            taken.append(changes.by_facts(said, state.take_changed()))
        taken.append(said if fate is Fate.SCORED else Late(said))
        if said.metrics:
            turns = self._metrics.hear(said, LEAST_S, worked_on=False)
            self._silent += [v for v in turns if v.started_ms >= self._from_ms]


def _tolerance_ms(said: Reading | Event) -> int:
    """How far ahead of its arrival a word may lie. Of a recording that counts arrivals from nought nothing is known."""
    return AHEAD_MS if said.received_at_ms >= EARLIEST_MS else LATEST_MS


def replay(
    stream: Iterable[Message],
    incidents: Path,
    scores: Path | None = None,
    history_until_ms: int | None = None,
    oracle: Oracle | None = None,
) -> Tally:
    """Run a stream through ``Watching``; write the incident file and, when asked, every score (machine, at, score).

    ``oracle`` judges incidents as engineers would, some time after they opened.
    """
    watching = Watching(Settings(learn_until_ms=history_until_ms))
    arrivals = Arrivals(history_until_ms)
    found, tally = Incidents(), Tally()
    with _opened(scores) as score_file:
        writer = None
        if score_file is not None:
            writer = csv.writer(score_file, lineterminator="\n")
            writer.writerow(SCORE_COLUMNS)
            watching.scores = []
        for count, heard in understood(stream, tally.refused):
            tally.messages += count
            tally.readings += sum(isinstance(h, Reading) for h in heard)
            for piece, words in cut(arrivals.admitted(heard), oracle):
                watching.judge(words)
                for verdict in watching.feed(piece):
                    found.take(verdict)
                    if oracle is not None:
                        oracle.take(verdict)
            for verdict in arrivals.take_silent():
                found.take(verdict)
            watching.take_models()
            watching.changes.take()
            if writer is not None and watching.scores:
                writer.writerows((name, rfc3339(at), f"{score:.6g}") for name, at, score in watching.scores)
                watching.scores.clear()
    with incidents.open("w", newline="") as out:
        found.write(out)
    tally.incidents, tally.machines = len(found.rows), len(watching.known)
    return tally


class _opened:
    """A text file to write, or nothing."""

    def __init__(self, path: Path | None) -> None:
        self._file = None if path is None else path.open("w", newline="")

    def __enter__(self) -> TextIO | None:
        return self._file

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
