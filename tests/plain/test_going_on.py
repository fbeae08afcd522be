"""The short way of a report in which nothing begins or ends: it leaves the state the long way leaves, to the bit."""

from __future__ import annotations

import copy
import random

import pytest

from telemetry.eyes import Eyes
from telemetry.forecast import Forecasts
from telemetry.machine import Machine
from telemetry.rulebook import RuleBook

T0 = 1_769_904_000_000
GAUGES = ("disk_used_pct./var", "mem_used_pct", "cert_days_left.www")


def report(rng: random.Random, count: int) -> dict[str, float]:
    return {name: rng.gauss(50, 9) for name in GAUGES[:count]} | {"cpu_util": rng.random()}


@pytest.mark.parametrize("count", [0, 1, 2, 3])
@pytest.mark.parametrize("every_ms", [700, 10_000, 60_000])
def test_gauges_noted_and_counted_in_later_are_gauges_counted_in_at_once(count: int, every_ms: int) -> None:
    rng, long, short = random.Random(count), Forecasts(), Forecasts()
    noted = 0
    for turn in range(400):
        at, metrics = T0 + turn * every_ms, report(rng, count)
        long.look("m", metrics, at, False)
        if turn and short.goes_on(metrics, at):
            noted += 1
        else:
            short.look("m", metrics, at, False)
        if turn % 97 == 0:
            assert copy.deepcopy(short).state() == long.state()
    assert short.state() == long.state()
    assert noted == (399 if count == 0 else 0) if every_ms == 60_000 else noted > 300


def test_gauges_that_change_lose_nothing_that_was_noted() -> None:
    rng, long, short = random.Random(5), Forecasts(), Forecasts()
    for turn in range(60):
        at, metrics = T0 + turn * 900, report(rng, 3 if turn // 7 % 2 else 1)
        long.look("m", metrics, at, False)
        if turn % 7 == 0 or not short.goes_on(metrics, at):
            short.look("m", metrics, at, False)
    assert short.state() == long.state()


def test_a_drive_and_a_lone_metric_are_looked_at_each_time() -> None:
    drive, lone = Eyes(), Eyes()
    drive.look("m", {"smart_5_raw": 0.0, "smart_197_raw": 0.0}, 2, T0, False)
    lone.look("m", {"cpu_util": 0.0}, 1, T0, False)
    assert not drive.goes_on({"smart_5_raw": 0.0, "smart_197_raw": 0.0}, T0)
    assert not lone.goes_on({"cpu_util": 0.0}, T0)


def test_what_a_rule_calls_calm_is_what_a_look_turns_nothing_of() -> None:
    names = ("disk_used_pct./var", "temp_c.cpu", "fan_rpm.1", "psu_ok.1", "ecc_errors", "cpu_util")
    usual = {"disk_used_pct./var": 60.0, "temp_c.cpu": 60.0, "fan_rpm.1": 3000.0, "psu_ok.1": 1.0, "ecc_errors": 3.0,
             "cpu_util": 30.0}  # fmt: skip
    ill = {"disk_used_pct./var": 99.0, "temp_c.cpu": 120.0, "fan_rpm.1": 0.0, "psu_ok.1": 0.0, "ecc_errors": 3.0,
           "cpu_util": 100.0}  # fmt: skip
    rng, long, short = random.Random(3), RuleBook(), RuleBook()
    calm = 0
    for turn in range(3_000):
        at = T0 + turn * 10_000
        metrics = {n: (ill if rng.random() < (0.3 if turn // 40 % 3 == 0 else 0.0) else usual)[n] for n in names}
        if turn == 2_900:
            metrics["ecc_errors"] = 4.0  # a count that has grown is in doubt for hours
        if turn and short.is_calm(metrics):
            calm += 1
            assert not long.look(metrics, "native", at, False)
        else:
            told = long.look(metrics, "native", at, False)
            assert [t.cause for t in short.look(metrics, "native", at, False)] == [t.cause for t in told]
        assert short.standing == long.standing
    assert calm > 1_000
    assert not short.is_calm({**usual, "ecc_errors": 4.0})


def test_a_boot_is_noticed_on_the_short_way() -> None:
    m = Machine("m")
    metrics = {"psu_ok.1": 1.0, "uptime_s": 900.0}
    for up in (900.0, 910.0, 920.0):
        m.rules.look({**metrics, "uptime_s": up}, "native", T0, False)
        m.eyes.look("m", metrics, 2, T0, False)
        assert not m.rules.began_anew({**metrics, "uptime_s": up})
    assert m.goes_on({**metrics, "uptime_s": 930.0}, T0)
    assert m.settles_ms == -1
    assert m.goes_on({**metrics, "uptime_s": 4.0}, T0)
    assert m.settles_ms > T0


def test_a_condition_taken_up_again_is_no_calm() -> None:
    book = RuleBook()
    metrics = {"psu_ok.1": 1.0}
    book.look(metrics, "native", T0, False)
    assert book.is_calm(metrics)
    rule = next(name for name, metric in book.standing if metric == "psu_ok.1")
    assert book.go_on(rule, "psu_ok.1", T0, T0) == "psu:1"
    assert not book.is_calm(metrics)
