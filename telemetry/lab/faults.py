"""What can break in the simulated hardware, and its repair. Plain: a fault strains a part, it never touches a verdict.

Severity 0..1 says how much breaks (a fan slowed or stopped); speed says how fast what grows grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from telemetry.lab.hardware import Build
from telemetry.lab.state import State, Strain, calm


class Kind(StrEnum):
    """The kinds of fault, by the word `vigie lab fault` takes."""

    FAN = "fan"
    LEAK = "leak"
    LOG = "log"
    DISK = "disk"
    NIC = "nic"
    SILENT = "silent"
    POWER = "power"


MEANING: Mapping[Kind, str] = {
    Kind.FAN: "fan 1 dies and temperature follows",
    Kind.LEAK: "a leak fills memory, then swap; latency follows",
    Kind.LOG: "a runaway log fills /var",
    Kind.DISK: "a disk collects reallocated and pending sectors",
    Kind.NIC: "the network card drops packets; throughput falls",
    Kind.SILENT: "the machine hangs and says nothing more",
    Kind.POWER: "the machine's rack loses power; what hangs on a second feed stays",
}

# At speed 1 a demonstration should be over within the hour, yet slow enough to watch and to forecast.
LEAK_TO_FULL_S = 25 * 60.0
LOG_TO_FULL_S = 40 * 60.0
SECTORS_S = 8 / 60.0  # sick disks were seen to lose dozens of sectors an hour; eight a minute is the demo's time lapse
WORST_LOSS = 0.08


@dataclass(frozen=True)
class Fault:
    """One thing broken on one machine since an instant."""

    kind: Kind
    machine: str
    since: datetime
    severity: float = 1.0
    speed: float = 1.0


def strain(builds: Sequence[Build], faults: Iterable[Fault]) -> Strain:
    """What all these faults together do to these machines; faults of machines not among them are ignored."""
    places = {b.name: i for i, b in enumerate(builds)}
    total = calm(len(builds))
    for fault in faults:
        if fault.machine in places:
            _apply(total, builds, places[fault.machine], fault)
    return total


def _apply(total: Strain, builds: Sequence[Build], i: int, fault: Fault) -> None:
    build = builds[i]
    match fault.kind:
        case Kind.FAN:
            total.fan_1[i] = 1.0 - fault.severity
        case Kind.LEAK:
            total.leak_gb_s[i] = fault.severity * fault.speed * 0.5 * build.mem_gb / LEAK_TO_FULL_S
        case Kind.LOG:
            total.runaway_gb_s[i] = fault.severity * fault.speed * 0.75 * build.var_gb / LOG_TO_FULL_S
        case Kind.DISK:
            total.sectors_s[i] = fault.severity * fault.speed * SECTORS_S
        case Kind.NIC:
            total.loss[i] = fault.severity * WORST_LOSS
        case Kind.SILENT:
            total.mute[i] = 1.0
        case Kind.POWER:
            for j in rackmates(builds, build):
                total.feed_1[j] = 0.0
                total.feed_2[j] = 1.0 if builds[j].cross_fed else 0.0


def rackmates(builds: Sequence[Build], build: Build) -> list[int]:
    """Places of all machines in this machine's rack at its site's zone, itself included."""
    return [j for j, b in enumerate(builds) if (b.rack, b.zone) == (build.rack, build.zone)]


def cure(state: State, builds: Sequence[Build], fault: Fault) -> None:
    """Undo what the fault left behind: a restarted service, a cleaned /var, a new disk. The strain ends by itself."""
    places = [i for i, b in enumerate(builds) if b.name == fault.machine]
    for i in places:
        match fault.kind:
            case Kind.LEAK:
                state.leaked_gb[i] = 0.0
            case Kind.LOG:
                state.runaway_gb[i] = 0.0
            case Kind.DISK:
                state.reallocated[i] = state.pending[i] = 0.0
            case _:
                continue


def to_json(fault: Fault) -> dict[str, object]:
    """A fault as the state file keeps it."""
    return {
        "kind": fault.kind.value,
        "machine": fault.machine,
        "since": fault.since.isoformat(),
        "severity": fault.severity,
        "speed": fault.speed,
    }


def from_json(body: Mapping[str, object]) -> Fault:
    """Back from `to_json`. Raises ValueError or KeyError on anything else."""
    return Fault(
        Kind(str(body["kind"])),
        str(body["machine"]),
        datetime.fromisoformat(str(body["since"])),
        float(str(body.get("severity", 1.0))),
        float(str(body.get("speed", 1.0))),
    )
