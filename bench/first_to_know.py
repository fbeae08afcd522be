"""First to know, in the lab: thousands of simulated faults through the real detector, and a model of who calls when.

Simulated servers (telemetry/lab) live two quiet days, then one thing breaks on each, by a kind, a severity and a speed
drawn at random. The detector says when it would have opened; the published model of docs/first-to-know.md says when the
customer's word would have come, from the instant at which the service is felt to be slow or down. The same seed gives
the same figures.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telemetry.lab import faults
from telemetry.lab.faults import Fault, Kind
from telemetry.lab.hardware import Build
from telemetry.lab.physics import World
from telemetry.lab.sensors import INDEX, NAMES
from telemetry.lab.state import Sample
from telemetry.reading import Reading
from telemetry.watching import Settings, Watching

MACHINES: Final = 25  # of a batch; a batch learns two days and then breaks in many rounds, each from the same instant
ROUNDS: Final = 10
BEGINS: Final = datetime(2026, 10, 6, tzinfo=UTC)  # a Tuesday
LEARNED_S: Final = 2 * 86_400
QUICK_S, SLOW_S = 10, 60  # a report every 10 s for a quarter of an hour, then every minute: what is late is late
QUICK_FOR_S: Final = 900
HORIZON_S: Final = 4 * 3600
CONFIRM_S: Final = 3 * 60  # so long must the service be slow before anybody says it is
SLOW, DOWN = 2.0, 10.0  # times the usual latency of the hour
SILENCE_S: Final = 60 + 5  # silence.py's patience with a machine that reports every 10 s, and the loop that looks
ROLES: Final = ("web", "database", "batch", "gateway", "storage")
HEALTHY: Final = "healthy"
FAULTS: Final = (Kind.FAN, Kind.LEAK, Kind.LOG, Kind.DISK, Kind.NIC, Kind.SILENT)
# From when a service is felt to be slow or down to the customer's word: median and the 5 to 95 % range, minutes. Our
# assumption (docs/first-to-know.md); halved and doubled it gives the range of the share.
CALLS: Final[Mapping[str, tuple[float, float, float]]] = {"slow": (30.0, 8.0, 120.0), "down": (10.0, 2.0, 45.0)}
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Broken:
    """One simulated fault: seconds from its beginning; None: not within the horizon. ``luck`` is a normal draw."""

    kind: str
    found_s: float | None
    felt_s: float | None
    felt: str  # slow, down, or empty
    luck: float

    def called_s(self, times: float) -> float | None:
        """When the customer's word comes, with the delays of the model so many times as long."""
        if self.felt_s is None:
            return None
        median, low, high = CALLS[self.felt]
        spread = math.log(high / low) / (2 * 1.645)
        return self.felt_s + 60 * times * median * math.exp(spread * self.luck)


@dataclass(frozen=True, slots=True)
class Told:
    """Of many faults: by whom they were known first within the horizon."""

    faults: int
    ours: int
    customer: int
    nobody: int
    felt: int
    leads_s: Sequence[float]  # of those where we were first and the customer called later

    @property
    def share(self) -> float:
        """Ours among those anybody knew of."""
        return self.ours / max(self.ours + self.customer, 1)

    @property
    def interval(self) -> tuple[float, float]:
        """The share's 95 % interval by chance alone (Wilson)."""
        n, z = max(self.ours + self.customer, 1), 1.96
        middle = (self.share + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(self.share * (1 - self.share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return middle - half, middle + half


def told(broken: Sequence[Broken], times: float = 1.0) -> Told:
    """Who knew first of these, with the customers' delays so many times as long."""
    ours, customer, nobody, leads = 0, 0, 0, []
    for one in broken:
        call = one.called_s(times)
        if one.found_s is not None and (call is None or one.found_s <= call):
            ours += 1
            leads += [] if call is None else [call - one.found_s]
        elif call is not None and call <= HORIZON_S:
            customer += 1
        else:
            nobody += 1
    return Told(len(broken), ours, customer, nobody, sum(one.felt_s is not None for one in broken), leads)


def broken(number: int, seed: int) -> Iterator[Broken]:
    """So many faults, batch by batch; and of each machine of a batch how it is while nothing breaks."""
    left, batch = number, 0
    while left > 0:
        for one in _batch(seed + 1000 * batch, min(left, MACHINES * ROUNDS)):
            left -= one.kind != HEALTHY
            yield one
        batch += 1


def _batch(seed: int, number: int) -> Iterator[Broken]:
    lived = _Lived(seed, MACHINES)
    rng = np.random.default_rng(seed)
    # Chance is the same in every round: a machine that opens something though nothing breaks would open it then too,
    # and pass for having found its fault. It is left out, and counted.
    alarmed = [one is not None for one in lived.break_them([])[0]]
    yield from (Broken(HEALTHY, 1.0 if one else None, None, "", 0.0) for one in alarmed)
    sound = [place for place, one in enumerate(alarmed) if not one]
    while number > 0:
        chosen = [_drawn(lived.builds[place].name, lived.live, rng) for place in sound[:number]]
        found, felt, how = lived.break_them(chosen)
        luck = rng.standard_normal(len(chosen))
        for at, (place, fault) in enumerate(zip(sound, chosen, strict=False)):
            yield Broken(fault.kind.value, found[place], felt[place], how[place], float(luck[at]))
        number -= len(chosen)


def _drawn(machine: str, at: datetime, rng: np.random.Generator) -> Fault:
    kind = FAULTS[int(rng.integers(len(FAULTS)))]
    severity, speed = 1.0, 1.0
    if kind is Kind.FAN:
        severity = float(rng.uniform(0.5, 1.0))
    elif kind in (Kind.LEAK, Kind.LOG):
        speed = float(np.exp(rng.uniform(np.log(0.15), 0.0)))  # full within 25 minutes to 4 hours
    elif kind is Kind.DISK:
        speed = float(np.exp(rng.uniform(np.log(0.05), 0.0)))
    elif kind is Kind.NIC:
        severity = float(np.exp(rng.uniform(np.log(0.05), 0.0)))  # 0.4 to 8 % of packets
    return Fault(kind, machine, at, severity, speed)


class _Lived:
    """A batch of machines that has lived its quiet days, and can be taken back to their end."""

    def __init__(self, seed: int, machines: int) -> None:
        self.builds = [
            Build(f"lab-{i}", ROLES[i % len(ROLES)], "Europe/Paris", f"R{i}", cores=16, mem_gb=64.0, var_gb=200.0)
            for i in range(machines)
        ]
        self.world = World(self.builds, seed)
        start = BEGINS + timedelta(hours=seed % 24)
        self.live = start + timedelta(seconds=LEARNED_S)
        self.live_ms = round(self.live.timestamp() * 1000)
        self.watching = Watching(Settings(learn_until_ms=self.live_ms))
        latency = []
        for step in range(LEARNED_S // SLOW_S + 30):
            at_ms = round(start.timestamp() * 1000) + (step + 1) * SLOW_S * 1000
            sample = self.world.step(at_ms, SLOW_S, faults.strain(self.builds, ()))
            latency.append(sample.values[:, INDEX["latency_ms"]].copy())
            self.watching.feed(_readings(self.builds, sample, at_ms))
        self.at_ms = at_ms
        self.usual: Floats = np.nanmedian(np.array(latency), axis=0)
        self._kept = self.world.snapshot(), self.watching.snapshot()

    def break_them(self, chosen: Sequence[Fault]) -> tuple[list[float | None], list[float | None], list[str]]:
        """When each was found and felt, seconds after it began, and how it was felt."""
        self.world.restore(self._kept[0])
        watching = Watching.restore(self._kept[1], self.watching.settings)
        count = len(self.builds)
        found: list[float | None] = [None] * count
        felt: list[float | None] = [None] * count
        how = [""] * count
        over_s = np.zeros(count)
        after = 0.0
        strained = faults.strain(self.builds, chosen)
        while after < HORIZON_S:
            step = QUICK_S if after < QUICK_FOR_S else SLOW_S
            after += step
            at_ms = self.at_ms + round(after * 1000)
            sample = self.world.step(at_ms, step, strained)
            for verdict in watching.feed(_readings(self.builds, sample, at_ms)):
                place = int(verdict.machine.removeprefix("lab-"))
                if verdict.opened and found[place] is None:
                    found[place] = after
            self._feel(sample, after, step, over_s, felt, how)
            for place in np.flatnonzero(sample.heard == 0).tolist():
                if found[place] is None and after >= SILENCE_S:
                    found[place] = float(SILENCE_S)
        return found, felt, how

    def _feel(
        self, sample: Sample, after: float, step: float, over_s: Floats, felt: list[float | None], how: list[str]
    ) -> None:
        """Since when the service is slow or down: it must stay so for a while before anybody says so."""
        silent = sample.heard == 0
        with np.errstate(invalid="ignore"):
            times = np.where(silent, np.inf, sample.values[:, INDEX["latency_ms"]] / np.maximum(self.usual, 1e-9))
        down = silent | (times >= DOWN) | (sample.values[:, INDEX["fs_readonly./var"]] > 0)
        slow = down | (times >= SLOW)
        over_s[:] = np.where(slow, over_s + step, 0.0)
        for place in np.flatnonzero(over_s >= CONFIRM_S).tolist():
            if felt[place] is None:
                felt[place] = after - CONFIRM_S
                how[place] = "slow"
            if down[place]:
                how[place] = "down" if felt[place] == after - CONFIRM_S or how[place] == "down" else "slow"


def _readings(builds: Sequence[Build], sample: Sample, at_ms: int) -> list[Reading]:
    return [
        Reading(build.name, at_ms, {n: v for n, v in zip(NAMES, row, strict=True) if v == v}, None, at_ms, "native")
        for build, row, heard in zip(builds, sample.values.tolist(), sample.heard.tolist(), strict=True)
        if heard
    ]


def report(found: Sequence[Broken]) -> Iterator[str]:
    """The table, with what it counts."""
    well = [one for one in found if one.kind == HEALTHY]
    found = [one for one in found if one.kind != HEALTHY]
    yield "kind | faults | felt in 4 h | we first | customer first | nobody in 4 h | median found | median ahead"
    by: dict[str, list[Broken]] = defaultdict(list)
    for one in found:
        by[one.kind].append(one)
    for kind, some in sorted(by.items()):
        t = told(some)
        seen = [one.found_s for one in some if one.found_s is not None]
        yield (
            f"{kind:<8} | {t.faults} | {t.felt} | {t.ours} | {t.customer} | {t.nobody} | {_minutes(seen)} | "
            f"{_minutes(t.leads_s)}"
        )
    t = told(found)
    low, high = t.interval
    early, late = told(found, 0.5).share, told(found, 2.0).share
    yield (
        f"We knew first in {t.ours} of {t.ours + t.customer} simulated faults that anybody knew of within 4 hours: "
        f"{100 * t.share:.1f} % (by chance {100 * low:.1f} to {100 * high:.1f} %; customers twice as quick "
        f"{100 * early:.1f} %, half as quick {100 * late:.1f} %)."
    )
    noticed = [one for one in found if one.felt_s is not None]
    f = told(noticed)
    yield (
        f"Of the {f.faults} that a customer feels within 4 hours: we first in {100 * f.share:.1f} %, ahead by "
        f"{_minutes(f.leads_s)} (median). Each kind counts as often as it was drawn, all kinds alike; a real fleet has "
        "another mix."
    )
    alarmed = sum(one.found_s is not None for one in well)
    yield f"Left out: {alarmed} of {len(well)} machines, which opened something in 4 hours while nothing was broken."


def _minutes(seconds: Sequence[float]) -> str:
    return "–" if not seconds else f"{float(np.median(seconds)) / 60:.1f} min"


def main(arguments: Sequence[str]) -> int:
    options = argparse.ArgumentParser(prog="python -m bench first-to-know", description=__doc__)
    options.add_argument("--faults", type=int, default=2000)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args(arguments)
    if given.faults < 1:
        options.error("--faults must be 1 at least")
    found = []
    for one in broken(given.faults, given.seed):
        found.append(one)
        if len(found) % 250 == 0:
            print(f"{len(found)} faults", file=sys.stderr, flush=True)
    for line in report(found):
        print(line)
    return 0
