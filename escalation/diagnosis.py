"""What a machine may be asked from afar: a fixed list of harmless readings, and how long each word holds. Plain."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

# What can be read. Nothing here changes anything, nothing takes an argument that a shell or a file name could hide in.
READINGS: Final[Mapping[str, str]] = {
    "processes": "its list of processes",
    "disk_usage": "how full its disks are",
    "smart": "what its drives say of themselves",
    "log_tail": "the last lines of a unit's log",
}
UNIT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._-]{0,79}")
MOST_LINES: Final = 200
USUAL_LINES: Final = 50
PATIENCE: Final = timedelta(minutes=2)  # a machine that is there answers within ten seconds
LONGEST_CONSENT: Final = timedelta(days=30)
SHORTEST_CONSENT: Final = timedelta(minutes=5)
# One grant of the contract covers what one incident needs within the hour: an hour of looking is one hour.
GRANT_HOLDS: Final = timedelta(hours=1)
WITHDRAWN: Final = "the consent was taken back"
LAPSED: Final = "the consent ended before an answer came"
_MOST_ROWS: Final = 500
_MOST_TEXT: Final = 4_000
_DEEPEST: Final = 6


def mistake(reading: str, unit: str, lines: int) -> tuple[str, str, str] | None:
    """What is wrong with an ask: field, what it is, what to do; None when nothing is."""
    if reading not in READINGS:
        return "reading", f"{reading[:40]!r} cannot be read from afar", f"use one of {', '.join(READINGS)}"
    if reading != "log_tail" and (unit or lines):
        return "unit", "only the last lines of a log are those of a unit", "leave unit and lines out"
    if reading == "log_tail" and UNIT.fullmatch(unit) is None:
        return "unit", "this is not the name of a unit", "Name one, such as sshd.service"
    if reading == "log_tail" and not 1 <= lines <= MOST_LINES:
        return "lines", f"must be 1 to {MOST_LINES}", f"ask for {USUAL_LINES}"
    return None


def what(reading: str, unit: str, lines: int) -> str:
    """An ask in words."""
    return f"the last {lines} lines of {unit}" if reading == "log_tail" else READINGS[reading]


def question(
    ask_id: str, machine: str, reading: str, unit: str, lines: int, asked_at: datetime, expires_at: datetime
) -> dict[str, Any]:
    """What goes over the wire, `vigie/MACHINE/ask`; docs/diagnostics.md has the words of it."""
    asked: dict[str, Any] = {
        "id": ask_id,
        "machine": machine,
        "reading": reading,
        "asked_at": round(asked_at.timestamp() * 1000),
        "expires_at": round(expires_at.timestamp() * 1000),
    }
    return asked | {"unit": unit, "lines": lines} if reading == "log_tail" else asked


def bounded(value: Any, depth: int = 0) -> Any:
    """What a machine answered, cut to what we keep: a machine is no author we trust with our tables."""
    if isinstance(value, str):
        return value.replace("\0", "")[:_MOST_TEXT]
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth >= _DEEPEST:
        return "…"
    if isinstance(value, list):
        return [bounded(each, depth + 1) for each in value[:_MOST_ROWS]]
    if isinstance(value, dict):
        first = list(value.items())[:_MOST_ROWS]
        return {str(name).replace("\0", "")[:80]: bounded(each, depth + 1) for name, each in first}
    return str(value)[:_MOST_TEXT]


def gist(reading: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """What came back, as facts: why there is nothing (`unavailable`), or how many rows (`found`)."""
    if "unavailable" in result:
        return {"unavailable": str(result["unavailable"])[:200]}
    rows = result.get({"log_tail": "lines", "smart": "drives", "disk_usage": "disks"}.get(reading, "processes"))
    return {"found": len(rows) if isinstance(rows, list) else 0}


def summary(reading: str, result: Mapping[str, Any]) -> str:
    """The same in a few words."""
    told = gist(reading, result)
    if "unavailable" in told:
        return str(told["unavailable"])
    noun = {"log_tail": "line", "smart": "drive", "disk_usage": "disk"}.get(reading, "process")
    many = {"process": "processes"}.get(noun, f"{noun}s")
    return f"{told['found']} {noun if told['found'] == 1 else many}"
