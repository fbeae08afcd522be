"""What can break in the simulated hardware, and its repair. Plain: a fault strains a part, it never touches a verdict.

Severity 0..1 says how much breaks (a fan slowed or stopped); speed says how fast what grows grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

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
NOWHERE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Fault:
    """One thing broken on one machine since an instant."""

    kind: Kind
    machine: str
    since: datetime
    severity: float = 1.0
    speed: float = 1.0


def strain(builds: Sequence[Build], faults: Iterable[Fault], racks: Mapping[str, str] = NOWHERE) -> Strain:
    """What all these faults together do to these machines; those of machines not among them are ignored.

    `racks` names the rack of machines elsewhere, since a rack that loses power may hold some of ours.
    """
    places = {b.name: i for i, b in enumerate(builds)}
    total = calm(len(builds))
    for fault in faults:
        if fault.kind is Kind.POWER:
            dark = builds[places[fault.machine]].rack if fault.machine in places else racks.get(fault.machine)
            for i, build in enumerate(builds):
                if build.rack == dark:
                    total.feed_1[i] = 0.0
                    total.feed_2[i] = 1.0 if build.cross_fed else 0.0
        elif fault.machine in places:
            _apply(total, builds[places[fault.machine]], places[fault.machine], fault)
    return total


def _apply(total: Strain, build: Build, i: int, fault: Fault) -> None:
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
        case _:
            total.mute[i] = 1.0


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
