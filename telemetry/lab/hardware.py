"""What a simulated server is made of: its role, its size, its sensors. Plain; no clock, no random source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BINS_A_DAY = 96  # a quarter of an hour each: fine enough for a lunch dip, coarse enough to read


@dataclass(frozen=True)
class Role:
    """The work a server does at full demand (1.0), and how that demand goes through a week at its site.

    `weekday` and `weekend` are (hour, demand) corners joined by straight lines, 0 to 24.
    """

    name: str
    weekday: tuple[tuple[float, float], ...]
    weekend: tuple[tuple[float, float], ...]
    cpu_idle_pct: float
    cpu_full_pct: float
    requests_s: float
    latency_ms: float
    read_mb_s: float
    write_mb_s: float
    rx_mb_s: float
    tx_mb_s: float
    connections: float
    mem_base_pct: float
    mem_swing_pct: float
    log_gb_day: float
    procs: float


OFFICE_DAY = (
    (0, 0.16),
    (6, 0.18),
    (8, 0.55),
    (9.5, 0.85),
    (11.5, 0.9),
    (12.7, 0.7),
    (14, 0.88),
    (17, 0.8),
    (19, 0.4),
    (24, 0.16),
)
OFFICE_REST = ((0, 0.14), (7, 0.16), (11, 0.26), (16, 0.28), (21, 0.2), (24, 0.14))
PUBLIC_DAY = ((0, 0.28), (4, 0.14), (7, 0.4), (10, 0.62), (13, 0.72), (16, 0.66), (19, 0.86), (21, 0.9), (24, 0.28))
PUBLIC_REST = ((0, 0.34), (5, 0.15), (9, 0.42), (13, 0.7), (17, 0.72), (20.5, 0.88), (24, 0.34))
NIGHT_DAY = ((0, 0.35), (1, 0.9), (4, 0.85), (5, 0.3), (8, 0.22), (12, 0.3), (18, 0.25), (22, 0.3), (24, 0.35))
NIGHT_REST = ((0, 0.3), (1, 0.7), (3, 0.65), (4, 0.25), (12, 0.2), (24, 0.3))
FLAT_DAY = ((0, 0.42), (5, 0.38), (9, 0.58), (12, 0.62), (18, 0.58), (22, 0.46), (24, 0.42))
FLAT_REST = ((0, 0.4), (6, 0.37), (14, 0.48), (20, 0.46), (24, 0.4))
KEEPER_DAY = ((0, 0.5), (1.5, 0.3), (6, 0.22), (9, 0.55), (12, 0.6), (17, 0.5), (20, 0.35), (22, 0.8), (24, 0.5))
KEEPER_REST = ((0, 0.4), (2, 0.22), (12, 0.28), (20, 0.3), (22, 0.7), (24, 0.4))

ROLES: dict[str, Role] = {
    r.name: r
    for r in (
        Role("database", OFFICE_DAY, OFFICE_REST, 4, 62, 1800, 3.2, 70, 38, 9, 24, 260, 68, 8, 3.0, 310),
        Role("web", PUBLIC_DAY, PUBLIC_REST, 3, 66, 2600, 24, 6, 9, 16, 62, 900, 46, 14, 6.0, 240),
        Role("batch", NIGHT_DAY, NIGHT_REST, 3, 84, 40, 420, 95, 70, 14, 9, 60, 38, 26, 2.0, 190),
        Role("gateway", FLAT_DAY, FLAT_REST, 5, 44, 5200, 1.4, 1.5, 3.5, 48, 47, 1400, 34, 6, 4.0, 160),
        Role("storage", KEEPER_DAY, KEEPER_REST, 4, 38, 900, 5.5, 140, 115, 62, 78, 180, 58, 9, 1.5, 220),
    )
}


@dataclass(frozen=True)
class Build:
    """One server as bought: name, role, site zone, rack (unique in the fleet), and sizes.

    `psus` 1 or 2; `cross_fed`: its second supply hangs on another rack's feed, so it outlives the loss of its own.
    `worn_sectors` were already reallocated when it was installed.
    """

    name: str
    role: str
    zone: str
    rack: str
    cores: int = 16
    mem_gb: float = 64.0
    var_gb: float = 200.0
    inlet_c: float = 22.0
    psus: int = 2
    cross_fed: bool = False
    worn_sectors: int = 0


def week_table(roles: Sequence[Role]) -> Floats:
    """Demand 0..1 by role and quarter of an hour of the week, Monday first: shape (roles, 7 x 96)."""
    hours = (np.arange(BINS_A_DAY) + 0.5) * 24.0 / BINS_A_DAY
    rows = []
    for role in roles:
        work, rest = (
            np.interp(hours, [h for h, _ in day], [d for _, d in day]) for day in (role.weekday, role.weekend)
        )
        # Saturday lies between a working day and a Sunday on most floors.
        rows.append(np.concatenate([work] * 5 + [0.3 * work + 0.7 * rest, rest]))
    return np.asarray(rows, dtype=np.float64)
