"""The simulated servers behave like servers: rhythm, correlation, heat, wear; and every fault shows where it should."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from telemetry.lab.faults import MEANING, Fault, Kind, cure, from_json, strain, to_json
from telemetry.lab.hardware import ROLES, Build, Floats
from telemetry.lab.physics import World
from telemetry.lab.sensors import INDEX, NAMES
from telemetry.lab.state import calm

MONDAY = datetime(2026, 3, 9, 0, 0, tzinfo=UTC)
START_MS = int(MONDAY.timestamp() * 1000)
MINUTE_MS = 60_000
ZONES = ("Europe/Paris", "America/Denver", "Asia/Singapore")


def fleet(count: int = 10) -> list[Build]:
    roles = list(ROLES)
    return [
        Build(f"m{i}", roles[i % 5], ZONES[0] if count <= 10 else ZONES[i % 3], f"r{i // 5}", cross_fed=i % 5 == 3)
        for i in range(count)
    ]


def run(world: World, minutes: int, faults: tuple[Fault, ...] = (), start_ms: int = START_MS, every: int = 1) -> Floats:
    """Values by (step of `every` minutes, machine, sensor); rows of machines that did not run are NaN."""
    sick = strain(world.builds, faults)
    rows = []
    for k in range(every, minutes + 1, every):
        sample = world.step(start_ms + k * MINUTE_MS, 60.0 * every, sick)
        rows.append(np.where(sample.heard[:, None], sample.values, np.nan))
    return np.array(rows)


@pytest.fixture(scope="module")
def week() -> Floats:
    """Seven days of twenty healthy machines, every five minutes."""
    return run(World(fleet(20), 11), 7 * 1440, every=5)


def column(values: Floats, name: str, machine: int = 0) -> Floats:
    picked: Floats = values[:, machine, INDEX[name]]
    return picked


def test_the_same_seed_shows_the_same_values_to_the_bit() -> None:
    one, two, other = (run(World(fleet(), seed), 300) for seed in (5, 5, 6))
    assert np.array_equal(one, two, equal_nan=True)
    assert not np.array_equal(one, other, equal_nan=True)


def test_a_restored_world_goes_on_as_if_it_had_never_stopped() -> None:
    whole = World(fleet(), 5)
    run(whole, 90)
    resumed = World(fleet(), 5)
    resumed.restore(whole.snapshot())
    later = START_MS + 90 * MINUTE_MS
    assert np.array_equal(run(whole, 60, start_ms=later), run(resumed, 60, start_ms=later), equal_nan=True)


def test_a_snapshot_of_another_fleet_is_refused() -> None:
    with pytest.raises(ValueError, match="another fleet"):
        World(fleet(10), 5).restore(World(fleet(9), 5).snapshot())


def test_an_office_database_works_by_day_and_rests_at_night_and_on_sunday() -> None:
    world = World(fleet(), 5)
    eleven, three = (START_MS + (hour - 1) * 3_600_000 for hour in (11, 3))  # Paris is an hour ahead in March
    sunday = eleven + 6 * 86_400_000
    assert world.demand(eleven)[0] > 2.5 * world.demand(three)[0]
    assert world.demand(eleven)[0] > 2.0 * world.demand(sunday)[0]


def test_the_rhythm_follows_the_zone_of_the_site() -> None:
    builds = [Build("here", "database", "Europe/Paris", "r"), Build("there", "database", "Asia/Singapore", "r")]
    world = World(builds, 5)
    hours = np.array([world.demand(START_MS + h * 3_600_000) for h in range(24)])
    assert np.argmax(hours[:, 1]) < np.argmax(hours[:, 0])
    assert np.allclose(hours[:17, 1], np.roll(hours, 0, 0)[7:24, 0])  # seven hours apart in winter


def test_metrics_of_one_machine_move_together() -> None:
    values = run(World(fleet(), 5), 1440, every=2)
    for role, (one, other) in (
        (0, ("cpu_util", "power_w")),
        (1, ("requests_s", "net_tx_mb_s")),
        (4, ("cpu_util", "temp_c.cpu")),
    ):
        pair = np.array([column(values, one, role), column(values, other, role)])
        pair = pair[:, ~np.isnan(pair).any(axis=0)]
        assert np.corrcoef(pair)[0, 1] > 0.85, (one, other)


def test_a_healthy_week_of_every_role_stays_within_limits(week: Floats) -> None:
    for name, low, high in (
        ("cpu_util", 0.0, 97.0),
        ("cpu_iowait", 0.0, 8.0),
        ("mem_used_pct", 20.0, 90.0),
        ("swap_used_pct", 0.0, 0.0),
        ("disk_used_pct./var", 5.0, 75.0),
        ("temp_c.cpu", 35.0, 70.0),
        ("temp_c.board", 25.0, 45.0),
        ("fan_rpm.1", 2500.0, 9000.0),
        ("net_errors_s", 0.0, 0.0),
        ("smart_pending.sda", 0.0, 0.0),
        ("fs_readonly./var", 0.0, 0.0),
        ("psu_ok.1", 1.0, 1.0),
    ):
        seen = week[:, :, INDEX[name]]
        assert np.nanmin(seen) >= low, name
        assert np.nanmax(seen) <= high, name


def test_machines_reboot_now_and_then_and_count_their_uptime_anew(week: Floats) -> None:
    uptime = week[:, :, INDEX["uptime_s"]]
    absent = np.isnan(uptime)
    assert 1 <= absent.any(axis=0).sum() < 20
    assert absent.mean() < 0.002
    assert np.nanmin(uptime) < 900.0


def test_logs_grow_through_the_day_and_are_rotated_at_night() -> None:
    steps = np.diff(column(run(World(fleet(), 5), 1440, every=5), "disk_used_pct./var", 1))
    assert np.nanmin(steps) < -0.5
    assert np.nanmean(steps > 0) > 0.9


def test_a_dead_fan_drives_the_processor_out_of_its_band_within_a_minute() -> None:
    world = World(fleet(), 5)
    usual = np.nanmax(run(world, 1440, every=2)[:, :, INDEX["temp_c.cpu"]], axis=0)
    evening = world.snapshot()
    for machine in range(5):
        world.restore(evening)
        sick = strain(world.builds, [Fault(Kind.FAN, f"m{machine}", MONDAY)])
        begin = START_MS + 1440 * MINUTE_MS
        for second in range(1, 61):
            sample = world.step(begin + second * 1000, 1.0, sick)
        assert sample.values[machine, INDEX["fan_rpm.1"]] == 0.0
        assert sample.values[machine, INDEX["temp_c.cpu"]] > usual[machine] + 6.0


def test_the_other_fan_speeds_up_when_one_dies() -> None:
    world = World(fleet(), 5)
    before = column(run(world, 60), "fan_rpm.2")[-1]
    after = column(run(world, 10, (Fault(Kind.FAN, "m0", MONDAY),), START_MS + 60 * MINUTE_MS), "fan_rpm.2")[-1]
    assert after > 1.8 * before


def test_a_leak_fills_memory_then_swap_and_then_latency_follows() -> None:
    values = run(World(fleet(), 5), 45, (Fault(Kind.LEAK, "m1", MONDAY),))
    memory, swap, latency = (column(values, name, 1) for name in ("mem_used_pct", "swap_used_pct", "latency_ms"))
    assert memory[-1] > 95.0
    assert swap[-1] > 50.0
    assert np.argmax(memory > 90.0) < np.argmax(swap > 10.0)
    assert latency[-1] > 4.0 * latency[0]


def test_a_runaway_log_fills_var_at_a_steady_rate_until_nothing_is_left() -> None:
    values = run(World(fleet(), 5), 60, (Fault(Kind.LOG, "m1", MONDAY),))
    free = column(values, "disk_free_gb./var", 1)
    rates = np.diff(free[:25])
    assert np.all(rates < 0)
    assert np.std(rates) < 0.05 * abs(np.mean(rates))
    assert free[-1] == 0.0
    assert column(values, "requests_s", 1)[-1] < 0.4 * column(values, "requests_s", 1)[0]


def test_a_failing_disk_collects_sectors_and_ends_read_only() -> None:
    values = run(World(fleet(), 5), 75, (Fault(Kind.DISK, "m4", MONDAY),))
    for name in ("smart_reallocated.sda", "smart_pending.sda"):
        assert np.all(np.diff(column(values, name, 4)) >= 0)
        assert column(values, name, 4)[9] > 20
    assert column(values, "fs_readonly./var", 4)[-1] == 1.0


def test_a_lossy_card_drops_packets_and_throughput_falls() -> None:
    world = World(fleet(), 5)
    before = run(world, 30)
    after = run(world, 30, (Fault(Kind.NIC, "m3", MONDAY),), START_MS + 30 * MINUTE_MS)
    assert np.nanmin(column(after, "net_drops_s", 3)) > 100 * max(np.nanmax(column(before, "net_drops_s", 3)), 0.1)
    assert np.nanmean(column(after, "net_rx_mb_s", 3)) < 0.6 * np.nanmean(column(before, "net_rx_mb_s", 3))
    assert np.nanmean(column(after, "tcp_retrans_s", 3)) > 20 * np.nanmean(column(before, "tcp_retrans_s", 3))


def test_a_silent_machine_says_nothing_and_boots_when_cured() -> None:
    world = World(fleet(), 5)
    assert np.isnan(column(run(world, 10, (Fault(Kind.SILENT, "m2", MONDAY),)), "cpu_util", 2)).all()
    back = column(run(world, 10, start_ms=START_MS + 10 * MINUTE_MS), "uptime_s", 2)
    assert np.isnan(back[0])
    assert 0 < np.nanmax(back) < 700


def test_a_rack_without_power_is_silent_but_for_what_hangs_on_a_second_feed() -> None:
    values = run(World(fleet(), 5), 5, (Fault(Kind.POWER, "m0", MONDAY),))
    silent = np.isnan(values[-1, :, INDEX["cpu_util"]])
    assert silent.tolist() == [True, True, True, False, True] + [False] * 5
    assert column(values, "psu_ok.1", 3)[-1] == 0.0
    assert column(values, "psu_ok.2", 3)[-1] == 1.0


def test_a_rack_split_between_cohorts_goes_dark_as_one() -> None:
    builds = fleet()
    ours, theirs = builds[1:], builds[:1]
    sick = strain(ours, [Fault(Kind.POWER, "m0", MONDAY)], {b.name: b.rack for b in theirs})
    assert sick.feed_1[:4].max() == 0.0
    assert sick.feed_1[4:].min() == 1.0


def test_a_slowing_fan_warms_the_machine_without_stopping() -> None:
    world = World(fleet(), 5)
    usual = np.nanmax(run(world, 1440, every=2)[:, 0, INDEX["temp_c.cpu"]])
    after = run(world, 30, (Fault(Kind.FAN, "m0", MONDAY, severity=0.6),), START_MS + 1440 * MINUTE_MS)[-1, 0]
    assert 800 < after[INDEX["fan_rpm.1"]] < 0.5 * after[INDEX["fan_rpm.2"]]
    assert usual < after[INDEX["temp_c.cpu"]] < 88


def test_a_machine_with_one_supply_has_no_second_sensor() -> None:
    world = World([Build("small", "web", "UTC", "r", psus=1)], 1)
    assert np.isnan(world.step(START_MS, 60.0, calm(1)).values[0, INDEX["psu_ok.2"]])


@pytest.mark.parametrize("kind", list(Kind))
def test_a_cured_machine_is_well_again_within_the_hour(kind: Kind) -> None:
    world = World(fleet(), 5)
    fault = Fault(kind, "m1", MONDAY)
    run(world, 50, (fault,))
    cure(world.state, world.builds, fault)
    after = run(world, 60, start_ms=START_MS + 50 * MINUTE_MS)[-1]
    healthy = run(World(fleet(), 5), 110)[-1]
    for name in ("temp_c.cpu", "mem_used_pct", "disk_used_pct./var", "smart_pending.sda", "net_errors_s", "psu_ok.1"):
        assert after[1, INDEX[name]] == pytest.approx(healthy[1, INDEX[name]], abs=2.5), name


@pytest.mark.parametrize("kind", list(Kind))
def test_a_fault_survives_the_state_file_and_explains_itself(kind: Kind) -> None:
    fault = Fault(kind, "m1", MONDAY, 0.5, 2.0)
    assert from_json(to_json(fault)) == fault
    assert MEANING[kind]


def test_a_fault_on_an_unknown_machine_strains_nobody() -> None:
    sick = strain(fleet(), [Fault(Kind.FAN, "nobody", MONDAY)])
    assert sick.fan_1.min() == 1.0


def test_every_sensor_has_its_column() -> None:
    assert len(set(NAMES)) == len(NAMES) == World(fleet(), 1).step(START_MS, 1.0, calm(10)).values.shape[1]
