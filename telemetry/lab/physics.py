"""The simulated servers: demand in, what their sensors show out. Plain, seeded, and cheap: arrays over machines.

One call of `World.step` moves every machine by `dt_s` seconds. Noise is drawn from (seed, instant), so the same
world stepped over the same instants shows the same values to the bit, whoever asks and whenever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from telemetry.lab import heat, organs
from telemetry.lab.hardware import BINS_A_DAY, ROLES, Build, Floats, week_table
from telemetry.lab.organs import SWAP_GB, ou
from telemetry.lab.sensors import DECIMALS, NAMES
from telemetry.lab.state import Sample, State, Strain

DAY_S = 86_400
ROTATE_AT_S = 3 * 3600 + 600  # logs are rotated at 03:10 at the site
REBOOT_AT_S = 3 * 3600 + 2400  # patches restart a machine at 03:40, if at all
REBOOT_CHANCE = 1 / 20  # a night and machine: about monthly patching plus the odd second try
REBOOT_S = 80.0
COLD_CACHE_TAU_S = 600.0


class World:
    """A fleet of simulated servers. Guards their state over time; `seed` fixes all chance."""

    def __init__(self, builds: Sequence[Build], seed: int) -> None:
        self.builds = tuple(builds)
        self.seed = seed
        n = len(self.builds)
        names = list(ROLES)
        self._week = week_table(list(ROLES.values()))
        self._role = np.array([names.index(b.role) for b in self.builds], dtype=np.intp)
        self._zones = sorted({b.zone for b in self.builds})
        self._zone = np.array([self._zones.index(b.zone) for b in self.builds], dtype=np.intp)
        self._infos = [ZoneInfo(z) for z in self._zones]
        self._offset_hour = -1
        self._offset_s = np.zeros(n)
        self._rows = np.arange(n)
        self._is: dict[str, Floats] = {
            f.name: np.array([getattr(ROLES[b.role], f.name) for b in self.builds], dtype=np.float64)
            for f in fields(ROLES["web"])
            if f.type == "float"
        }
        for size in ("cores", "mem_gb", "var_gb", "inlet_c", "psus"):
            self._is[size] = np.array([getattr(b, size) for b in self.builds], dtype=np.float64)
        rng = np.random.default_rng(seed)
        self._is["scale"] = rng.uniform(0.82, 1.08, n)
        self.state = self._fresh(rng)

    def _fresh(self, rng: np.random.Generator) -> State:
        n = len(self.builds)
        z = {f.name: np.zeros(n) for f in fields(State)}
        warm = heat.settled(self._is["inlet_c"])
        z |= {"cpu_c": warm.cpu_c, "board_c": warm.board_c, "duty": warm.duty, "busy": np.full(n, 0.35)}
        z["load"] = self._is["cores"] * 0.2
        z["root_pct"] = rng.uniform(24, 52, n)
        z["data_gb"] = self._is["var_gb"] * rng.uniform(0.16, 0.3, n)
        # Seven rotated days at an eighth of their size: the balance that rotation tends to.
        z["archive_gb"] = self._is["log_gb_day"] * 0.125 * 7.0
        z["log_gb"] = self._is["log_gb_day"] * rng.uniform(0.1, 0.9, n)
        z["reallocated"] = np.array([float(b.worn_sectors) for b in self.builds])
        z["uptime_s"] = rng.uniform(4, 40, n) * DAY_S
        return State(**z)

    def snapshot(self) -> dict[str, list[float]]:
        """The whole state as lists by machine, for a file."""
        return {f.name: getattr(self.state, f.name).tolist() for f in fields(State)}

    def restore(self, saved: Mapping[str, Sequence[float]]) -> None:
        """Take a `snapshot` back. Raises ValueError when it is of another fleet or another version."""
        arrays = {f.name: np.array(saved.get(f.name, ()), dtype=np.float64) for f in fields(State)}
        if set(saved) != set(arrays) or any(a.shape != (len(self.builds),) for a in arrays.values()):
            raise ValueError("the snapshot belongs to another fleet")
        self.state = State(**arrays)

    def demand(self, at_ms: int) -> Floats:
        """The rhythm alone, without chance: demand 0..1 by machine at an instant."""
        week_s = (at_ms / 1000.0 + self._offsets(at_ms) + 3 * DAY_S) % (7 * DAY_S)  # the epoch was a Thursday
        place = week_s * BINS_A_DAY / DAY_S - 0.5
        low = np.floor(place).astype(np.intp)
        part = place - low
        bins = self._week.shape[1]
        table: Floats = self._week
        here: Floats = table[self._role, low % bins] * (1.0 - part) + table[self._role, (low + 1) % bins] * part
        return here

    def step(self, at_ms: int, dt_s: float, strain: Strain) -> Sample:
        """Let `dt_s` seconds pass, ending at `at_ms`, under `strain`; returns what the sensors show then."""
        rng = np.random.default_rng((self.seed, at_ms // 1000))
        noise = rng.standard_normal((16, len(self.builds)))
        chance = rng.random((3, len(self.builds)))
        heard = self._power(at_ms, dt_s, strain, chance[0])
        served, work = self._serve(at_ms, dt_s, strain, noise)
        served = np.where(heard, served, 0.0)
        now = organs.Moment(self.state, self._is, strain, dt_s, served, work, noise, chance)
        shown = organs.sense(now)
        values = np.column_stack([shown[name] for name in NAMES])
        return Sample(np.rint(values * DECIMALS) / DECIMALS, heard)

    def _offsets(self, at_ms: int) -> Floats:
        hour = at_ms // 3_600_000
        if hour != self._offset_hour:
            now = datetime.fromtimestamp(at_ms / 1000, UTC)
            by_zone = [(now.astimezone(z).utcoffset() or now.utcoffset()) for z in self._infos]
            seconds = np.array([o.total_seconds() if o else 0.0 for o in by_zone])
            self._offset_s, self._offset_hour = seconds[self._zone], hour
        return self._offset_s

    def _power(self, at_ms: int, dt_s: float, strain: Strain, chance: Floats) -> NDArray[np.bool_]:
        """Who runs: supplied, not hung, not rebooting. A machine that comes back starts from cold."""
        s = self.state
        local_s = (at_ms / 1000.0 + self._offsets(at_ms)) % DAY_S
        past_reboot = (local_s - REBOOT_AT_S) % DAY_S < dt_s
        s.down_s = np.where(past_reboot & (chance < REBOOT_CHANCE), REBOOT_S + dt_s, s.down_s)
        fed = np.where(self._is["psus"] > 1, np.maximum(strain.feed_1, strain.feed_2), strain.feed_1)
        s.down_s = np.where((fed < 0.5) | (strain.mute > 0.5), REBOOT_S, np.maximum(s.down_s - dt_s, 0.0))
        heard: NDArray[np.bool_] = s.down_s <= 0.0
        for name in ("leaked_gb", "swap_gb", "ecc", "load"):
            setattr(s, name, np.where(heard, getattr(s, name), 0.0))
        s.uptime_s = np.where(heard, s.uptime_s + dt_s, 0.0)
        s.cold = np.where(heard, s.cold * np.exp(-dt_s / COLD_CACHE_TAU_S), 1.0)
        s.busy = np.where(heard, s.busy, 0.1)
        past_rotation = (local_s - ROTATE_AT_S) % DAY_S < dt_s
        s.archive_gb = np.where(past_rotation, s.archive_gb * 6 / 7 + s.log_gb * 0.125, s.archive_gb)
        s.log_gb = np.where(past_rotation, 0.0, s.log_gb)
        return heard

    def _serve(self, at_ms: int, dt_s: float, strain: Strain, noise: Floats) -> tuple[Floats, Floats]:
        """Demand with its chance, and the part of it this machine still manages to serve."""
        s = self.state
        restless = np.where(self._role == list(ROLES).index("batch"), 0.075, 0.035)
        s.slow = ou(s.slow, dt_s, 5400.0, 0.05, noise[0])
        s.brisk = ou(s.brisk, dt_s, 150.0, restless, noise[1])
        base = self.demand(at_ms) * self._is["scale"]
        work = np.clip(base * (1.0 + s.slow) + s.brisk * np.sqrt(base), 0.02, 1.15)
        stuck = (organs.var_pct(s, self._is) >= 99.5) | (s.reallocated >= organs.READ_ONLY_FROM)
        able = heat.throttle(s.cpu_c) * np.where(stuck, 0.15, 1.0) / (1.0 + s.swap_gb / SWAP_GB * 2.5)
        return work * able / (1.0 + organs.LOSS_SLOWS * strain.loss), work
