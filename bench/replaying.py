"""How fast a recorded fleet is gone through again, and whether it comes to the same (P11)."""

from __future__ import annotations

import gzip
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.detection import T0, values
from telemetry.recording import messages
from telemetry.replay import replay

MACHINES: Final = 20
MINUTES: Final = 2 * 1440
_FAULTS: Final = 60  # minutes at the end of which a few machines are full


@dataclass(frozen=True)
class Replayed:
    """`rate`: reports a second of CPU; `faster`: than the recorded time, by the clock on the wall."""

    reports: int
    rate: float
    faster: float
    incidents: int
    same: bool


def twice(metrics: int) -> Replayed:
    """Replay one recording twice."""
    with tempfile.TemporaryDirectory(prefix="vigie-bench-") as folder:
        recording = Path(folder) / "recording.jsonl.gz"
        _record(recording, metrics)
        said, rates, walls, tally = [], [], [], None
        for turn in ("first", "second"):
            out = Path(folder) / f"{turn}.csv"
            began, wall = time.process_time(), time.monotonic()
            tally = replay(messages(recording), out, history_until_ms=T0 + (MINUTES - 600) * 60_000)
            rates.append(tally.readings / (time.process_time() - began))
            walls.append(60 * MINUTES / (time.monotonic() - wall))
            said.append(out.read_bytes())
    assert tally is not None
    return Replayed(tally.readings, max(rates), max(walls), tally.incidents, said[0] == said[1])


def _record(path: Path, metrics: int) -> None:
    names = [f"m{i:02d}" for i in range(metrics - 1)]
    tables = [values(k, MINUTES, related=True)[:, : metrics - 1].tolist() for k in range(MACHINES)]
    with gzip.open(path, "wt", compresslevel=1) as out:
        for minute in range(MINUTES):
            at = T0 + minute * 60_000
            for k, table in enumerate(tables):
                full = 99.0 if k < 3 and minute > MINUTES - _FAULTS else 61.0
                told = dict(zip(names, table[minute], strict=True)) | {"disk_used_pct./": full}
                body = json.dumps({"seq": minute, "at": at, "metrics": told})
                line = {"t_ms": at, "topic": f"vigie/machine-{k}/report", "qos": 1, "retain": False, "payload": body}
                out.write(json.dumps(line) + "\n")
