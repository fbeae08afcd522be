"""A stand-in for engineers in a replay: it judges each incident some time after it opened, from a list of real problems
that nothing else ever sees. Plain.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from telemetry.reading import Event, Fed
from telemetry.teaching import Judgement
from telemetry.verdict import Verdict

Span = tuple[int, float]


class BadLabels(ValueError):
    """A list of problems that cannot be read; says which line and why."""


def read(path: Path) -> dict[str, list[Span]]:
    """Problems by machine from a CSV with the columns ``machine,start,end`` (RFC 3339, end exclusive; none: still on).
    Raises ``BadLabels``."""
    out: dict[str, list[Span]] = {}
    with path.open(newline="") as f:
        table = csv.DictReader(f)
        lacking = {"machine", "start", "end"} - set(table.fieldnames or ())
        if lacking:
            raise BadLabels(f"{path}: no column {', '.join(sorted(lacking))}")
        for n, row in enumerate(table, 2):
            try:
                start, end = _ms(row["start"]), _ms(row["end"]) if row["end"] else math.inf
            except ValueError as e:
                raise BadLabels(f"{path}, line {n}: {e}; write 2026-02-01T00:00:00Z") from None
            out.setdefault(row["machine"], []).append((int(start), end))
    return out


def _ms(text: str) -> float:
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return when.timestamp() * 1000


class Oracle:
    """Judges true what overlaps a problem between its opening and the judging, else false.

    ``wrong`` of the verdicts are turned round; which ones depends on ``seed`` and the incident alone.
    """

    def __init__(self, problems: dict[str, list[Span]], delay_ms: int, wrong: float = 0.0, seed: int = 0) -> None:
        self.delay_ms = delay_ms
        self._problems, self._wrong, self._seed = problems, wrong, seed
        self._next = math.inf  # when the first of them falls due
        self._open: dict[tuple[str, str, int], float] = {}  # model incidents not judged yet → their end
        self.words: dict[str, int] = {}

    def take(self, v: Verdict) -> None:
        """An incident opened or ended."""
        if v.kind != "anomaly" or (not v.opened and v.key not in self._open):
            return
        self._open[v.key] = math.inf if v.opened else v.at_ms
        self._next = min(self._next, v.started_ms + self.delay_ms)

    def due(self, now_ms: int) -> list[Judgement]:
        """Words on the incidents whose time has come, in the order of their opening."""
        if now_ms < self._next:
            return []
        ripe = sorted((k for k in self._open if k[2] + self.delay_ms <= now_ms), key=lambda k: (k[2], k[0], k[1]))
        out = []
        for machine, cause, started_ms in ripe:
            end = self._open.pop((machine, cause, started_ms))
            at = started_ms + self.delay_ms
            finding = str(Verdict(machine, cause, "", 4, 0, 0, started_ms, (), "", "", {}, True).finding_id)
            until = min(end, at)
            true = any(a <= until and started_ms < b for a, b in self._problems.get(machine, []))
            word = "true" if true != self._errs(finding) else "false"
            self.words[word] = self.words.get(word, 0) + 1
            out.append(Judgement(machine, finding, word, at))
        self._next = min((k[2] + self.delay_ms for k in self._open), default=math.inf)
        return out

    def _errs(self, finding: str) -> bool:
        drawn = hashlib.sha256(f"{self._seed}\n{finding}".encode()).digest()[:8]
        return int.from_bytes(drawn, "big") < self._wrong * 2.0**64


def instant_of(h: Fed) -> int:
    """When something was heard, for the order of a replay."""
    return h.at_ms if isinstance(h, Event) else h.received_at_ms


def cut(heard: Iterable[Fed], oracle: Oracle | None) -> Iterable[tuple[list[Fed], list[Judgement]]]:
    """Pieces of a batch with the words due before each: verdicts act at their instant, however batches lie."""
    piece: list[Fed] = []
    words: list[Judgement] = []
    for h in heard:
        if oracle is not None:
            now_ms = instant_of(h)
            if piece and now_ms - instant_of(piece[0]) >= oracle.delay_ms:  # what opened in it may be due by now
                yield piece, words
                piece, words = [], []
            if due := oracle.due(now_ms):
                if piece:
                    yield piece, words
                    piece, words = [], []
                words = words + due
        piece.append(h)
    yield piece, words
