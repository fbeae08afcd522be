"""Simulated sensors as reports on our own wire, one at a time or in arrays. Plain."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from telemetry.lab.cast import Member, house_of
from telemetry.lab.sensors import NAMES

# An array of four hours at a minute: large enough to make days of history a few dozen messages, small enough
# (about 170 KB) to stay below any broker's idea of a large message.
REPORTS_A_MESSAGE = 240

CPUS = {8: "Xeon D-1733NT", 12: "Xeon E-2486", 16: "EPYC 9124", 24: "EPYC 9254", 32: "EPYC 9354"}


def report(seq: int, at_ms: int, row: Sequence[float], facts: dict[str, str] | None = None) -> bytes:
    """One report: `row` holds a value a sensor (telemetry.lab.sensors.NAMES), NaN where there is none."""
    body: dict[str, object] = {
        "seq": seq,
        "at": at_ms,
        "metrics": {name: value for name, value in zip(NAMES, row, strict=True) if value == value},
    }
    if facts:
        body["facts"] = facts
    # A copy of the right size: orjson shrinks a large buffer in place, and ten thousand kept ones leave 80 MB of holes.
    return bytes(memoryview(orjson.dumps(body)))


def message(reports: Sequence[bytes]) -> bytes:
    """One payload of one report, or of several as a JSON array."""
    if len(reports) == 1:
        return reports[0]
    return b"[" + b",".join(reports) + b"]"


def facts(member: Member) -> dict[str, str]:
    """What a machine says about itself when it starts. A simulated machine says that it is one."""
    build = member.build
    return {
        "os": "Debian GNU/Linux 13",
        "kernel": "6.12.48-amd64",
        "cpu": f"{CPUS[build.cores]}, {build.cores} cores",
        "memory": f"{build.mem_gb:.0f} GB",
        "rack": build.rack,
        "site": f"{house_of(build.name).name}, {member.site}",
        "simulated": "played by the demo lab",
    }
