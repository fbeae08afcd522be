"""What happens in the demo, and when: one scene that opens with the play, a slow drama, then a calm life. Plain.

The opening shows one fault under five contracts at once. What follows is rare and mends itself, so that a desk left
open over lunch is neither empty nor on fire.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from telemetry.lab.cast import HOUSES, SEED
from telemetry.lab.faults import Fault, Kind

# The same role everywhere, so that only the contract differs.
OPENING = ("vmc-db-2", "kah-db-1", "cvc-db-1", "lse-db-1", "agv-db-1")
LOSES_ON = "hvs-db-1"  # a card that loses one packet in a hundred: the model says so long before any rule
LOG_FILLS_ON = "tst-web-1"
LEAKS_ON = "cbh-app-1"


@dataclass(frozen=True)
class Scene:
    """A fault that begins `after` the play has begun and is cured when it has `lasted`."""

    kind: Kind
    machine: str
    after: timedelta
    lasts: timedelta
    severity: float = 1.0
    speed: float = 1.0


SCRIPT: tuple[Scene, ...] = (
    *(Scene(Kind.FAN, machine, timedelta(seconds=2), timedelta(minutes=45)) for machine in OPENING),
    Scene(Kind.NIC, LOSES_ON, timedelta(seconds=2), timedelta(minutes=60), severity=0.12),
    Scene(Kind.LOG, LOG_FILLS_ON, timedelta(minutes=6), timedelta(minutes=70)),
    Scene(Kind.LEAK, LEAKS_ON, timedelta(minutes=16), timedelta(minutes=45)),
)

# After the script: one accident in each stretch, at an instant and of a kind drawn from the stretch's number.
LIFE_BEGINS = timedelta(minutes=90)
STRETCH = timedelta(minutes=75)
ACCIDENTS: tuple[tuple[Kind, float], ...] = (
    (Kind.FAN, 0.2),
    (Kind.LEAK, 0.25),
    (Kind.LOG, 0.2),
    (Kind.NIC, 0.2),
    (Kind.SILENT, 0.1),
    (Kind.DISK, 0.05),
)


def script(began: datetime, now: datetime) -> list[tuple[datetime, Scene]]:
    """All scenes that should have begun by `now` in a play that began at `began`, with the instant of each."""
    due = [(began + scene.after, scene) for scene in SCRIPT]
    stretches = int((now - began - LIFE_BEGINS) / STRETCH) + 1
    due += [_accident(began, number) for number in range(max(0, stretches))]
    return sorted(((at, scene) for at, scene in due if at <= now), key=lambda pair: pair[0])


def starting(began: datetime, since: datetime, now: datetime, active: Iterable[Fault]) -> list[tuple[Scene, Fault]]:
    """Scenes whose instant lies after `since` and not after `now`, as faults; none on a machine already in trouble."""
    troubled = {fault.machine for fault in active}
    fresh = []
    for at, scene in script(began, now):
        if at > since and scene.machine not in troubled:
            fresh.append((scene, Fault(scene.kind, scene.machine, now, scene.severity, scene.speed)))
            troubled.add(scene.machine)
    return fresh


def _accident(began: datetime, number: int) -> tuple[datetime, Scene]:
    rng = np.random.default_rng((SEED, int(began.timestamp()), number))
    at = began + LIFE_BEGINS + STRETCH * (number + float(rng.uniform(0.0, 0.8)))
    kinds = [kind for kind, _ in ACCIDENTS]
    kind = kinds[int(rng.choice(len(kinds), p=[share for _, share in ACCIDENTS]))]
    machine = _stage()[int(rng.integers(len(_stage())))]
    lasts = timedelta(minutes=float(rng.uniform(15, 35)))
    return at, Scene(kind, machine, at - began, lasts, severity=float(rng.uniform(0.7, 1.0)))


def _stage() -> Sequence[str]:
    """Where accidents may fall: the customers we watch or shadow, since elsewhere nobody would see them."""
    return [m.build.name for house in HOUSES if house.tier in ("platinum", "gold") for m in house.machines]
