"""What the seeded machines reported: three days of one of them, and the two hours before each trouble."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from models.machines import Machine, MachineState
from telemetry import history


@dataclass(frozen=True)
class Trouble:
    """One incident to seed. Times in minutes: `ago` it opened, `due` from now."""

    metric: str
    label: str
    unit: str
    usual: float
    now: float
    title: str
    severity: int = 2
    ago: int = 20
    due: int = 40
    kind: str = "respond"
    state: str = "open"
    owner: str = ""
    second: str = ""
    channel: str = "telemetry"
    told_us: int = 0
    waiting: str = ""


def reported(session: Session, machine: Machine, now: datetime) -> None:
    """Three days of one machine, with a daily rhythm, a night it was not heard, and a disk that starts to fill."""
    reports: list[history.Report] = []
    end_ms = int(now.timestamp() * 1000)
    for step in range(3 * 24 * 12):
        at_ms = end_ms - (3 * 24 * 12 - step) * 300_000
        hours = (end_ms - at_ms) / 3_600_000
        if 20.0 < hours < 21.5:
            continue
        day = math.sin((at_ms / 3_600_000 - 8) / 24 * 2 * math.pi)
        noise = math.sin(step * 2.39) + math.sin(step * 5.1)
        fills = max(0.0, 0.8 - hours) * 6.6
        reports.append((at_ms, {
            "cpu_util": 31 + 14 * day + 2.2 * noise, "mem_used_pct": 48 + 5 * day + 0.4 * noise,
            "temp_c.cpu": 47 + 6 * day + 0.5 * noise, "disk_used_pct./var": 57.5 + step * 0.0002 + fills + 0.05 * noise,
            "disk_write_mb_s": 18 + 6 * day + 1.4 * noise + fills * 6, "load_5": 2.1 + 0.9 * day + 0.2 * noise,
            "net_rx_mb_s": 4.2 + 2.1 * day + 0.3 * noise, "smart_reallocated.sda": 8.0, "fan_rpm.2": 4200 + 30 * noise,
        }))  # fmt: skip
    history.add(session, 1, [(machine.id, machine.customer_id, reports)])
    state = session.get_one(MachineState, machine.id)
    state.latest = dict(reports[-1][1])


def series(trouble: Trouble, now: datetime) -> dict[str, Any]:
    """Points from two hours before: calm with a slow wave, then the trouble; twelve minutes are not heard."""
    began = now - timedelta(minutes=trouble.ago + 11)
    at_ms: list[int] = []
    values: list[float] = []
    for step in range(-262, trouble.ago * 2 + 22):
        at = began + timedelta(seconds=30 * step)
        if -110 < step < -86 or at > now:
            continue
        wave = math.sin(step / 17) * 0.02 + math.sin(step * 2.39) * 0.008
        share = max(0.0, min(1.0, step / max(trouble.ago * 1.6, 1)))
        at_ms.append(int(at.timestamp() * 1000))
        values.append(round(trouble.usual * (1 + wave) + (trouble.now - trouble.usual) * share, 3))
    return {"name": trouble.metric, "at_ms": at_ms, "observed": values}
