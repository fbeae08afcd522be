"""Changes told for machines, by a program with a key or through a door: into the log, as if the machine had said it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import orjson

from app.hearing import put


def announce(machines: Sequence[str], what: str, at: datetime, by: str, now: datetime) -> None:
    """Tell of a change on each of these machines. `by`: the door it came through. Raises Problem (503)."""
    said = orjson.dumps({"code": f"deployment:{by}", "severity": "info", "text": what, "at": at.isoformat()})
    put(round(now.timestamp() * 1000), [(name, f"vigie/{name}/event", said) for name in machines])
