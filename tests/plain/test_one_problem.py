"""One problem is one condition: what follows from a fault joins it, a symptom names its root, a return is no news."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from telemetry.course import Course
from telemetry.evidence import Witness, cause_of, led, title_of
from telemetry.lab.cast import machines
from telemetry.lab.cohort import Cohort
from telemetry.lab.faults import Fault, Kind
from telemetry.lab.sensors import NAMES
from telemetry.lab.state import Sample
from telemetry.machine import BOOTED_MS, MENDED_MS, Machine
from telemetry.reading import Reading
from telemetry.rules import FOLLOWS, RULES, explains, kind_of
from telemetry.verdict import Verdict
from telemetry.verdicts import of_rule
from telemetry.watching import Watching

MINUTE = 60_000
BEGINS = datetime(2026, 9, 1, 12, tzinfo=UTC)
PLAYED = ("tst-web-1", "vmc-db-1")
Told = list[tuple[int, dict[str, float]]]


def witness(metric: str, share: float) -> Witness:
    return Witness(metric, 10.0, 1.0, 2.0, share, "past")


@pytest.mark.parametrize(
    ("metrics", "cause"),
    [
        ({"cpu_util": 2.0, "mem_used_pct": 1.6}, "memory"),
        ({"procs": 2.5, "mem_used_pct": 2.2}, "memory"),
        ({"disk_write_mb_s": 4.5, "disk_used_pct./var": 1.4}, "disk:/var"),
        ({"cpu_util": 2.0, "mem_used_pct": 0.9}, "cpu"),  # memory alone would not be enough
        ({"latency_ms": 90.0, "mem_used_pct": 1.4}, "memory"),  # however loud the symptom is
        ({"mem_used_pct": 1.2, "disk_used_pct./var": 1.1, "disk_free_gb./var": 1.1}, "memory"),
        ({"temp_c.cpu": 2.0, "mem_used_pct": 1.5}, "temperature"),
        ({"queue_depth": 2.0, "mem_used_pct": 1.9}, "queue_depth"),
    ],
)
def test_what_fills_or_breaks_names_the_problem_and_not_what_it_slows(metrics: dict[str, float], cause: str) -> None:
    seen = led([witness(metric, share) for metric, share in metrics.items()])
    assert cause_of(seen) == cause
    assert sorted(w.metric for w in seen) == sorted(metrics)


def test_the_title_speaks_of_what_names_the_problem() -> None:
    assert title_of(led([witness("cpu_util", 2.0), witness("mem_used_pct", 1.6)])) == "Memory in use unusually high"


def test_every_cause_of_a_rule_follows_from_none_it_brings_but_by_the_table() -> None:
    kinds = {kind_of(rule.cause) for rule in RULES}
    assert set(FOLLOWS) <= kinds
    assert explains("fan:1", "temperature")
    assert explains("fan:1", "fan:2")
    assert not explains("disk:/var", "disk:/home")
    assert not explains("cpu", "memory")


class Server:
    """One machine's rules, and what is said as values come in."""

    def __init__(self) -> None:
        self.machine = Machine("m-1")
        self.at = 0

    def say(self, seconds: int, **metrics: float) -> list[Verdict]:
        named = {name.replace("__", "."): value for name, value in metrics.items()}
        out = []
        for _ in range(0, seconds, 10):
            self.at += 10_000
            out += [of_rule(self.machine, t, self.at) for t in self.machine.rules.look(named, "native", self.at, False)]
        return out


def told(verdicts: Sequence[Verdict]) -> list[tuple[str, str, bool]]:
    return [(str(v.evidence["rule"]), v.cause, v.opened) for v in verdicts]


def test_a_dead_fan_and_the_heat_that_follows_are_one_cause_until_both_are_over() -> None:
    server = Server()
    server.say(60, fan_rpm__1=3000, temp_c__cpu=60)
    begun = server.say(60, fan_rpm__1=0, temp_c__cpu=96)
    assert told(begun) == [("fan_stopped", "fan:1", True), ("cpu_hot", "fan:1", True)]
    assert server.machine.open_causes() == {"fan:1"}
    assert told(server.say(120, fan_rpm__1=3000, temp_c__cpu=96)) == [("fan_stopped", "fan:1", False)]
    assert server.machine.open_causes() == {"fan:1"}
    assert told(server.say(120, fan_rpm__1=3000, temp_c__cpu=60)) == [("cpu_hot", "fan:1", False)]
    assert (server.machine.open_causes(), server.machine.joined) == (set(), {})


def test_a_fault_that_explains_the_anomaly_already_open_joins_it() -> None:
    server = Server()
    server.machine.condition.started_ms, server.machine.condition.cause = 1, "disk-speed"
    begun = server.say(10, **{"disk_used_pct__/var": 97, "mem_used_pct": 50})
    assert told(begun) == [("disk_full", "disk-speed", True)]
    server.machine.condition.reset()
    assert server.machine.open_causes() == {"disk-speed"}
    assert told(server.say(120, **{"disk_used_pct__/var": 60, "mem_used_pct": 50})) == [
        ("disk_full", "disk-speed", False)
    ]


def test_the_second_disk_that_fills_is_a_problem_of_its_own() -> None:
    server = Server()
    server.machine.condition.started_ms, server.machine.condition.cause = 1, "disk-speed"
    assert told(server.say(10, **{"disk_used_pct__/var": 97, "disk_used_pct__/home": 50})) == [
        ("disk_full", "disk-speed", True)
    ]
    assert told(server.say(10, **{"disk_used_pct__/var": 97, "disk_used_pct__/home": 97})) == [
        ("disk_full", "disk:/home", True)
    ]


@pytest.mark.parametrize(
    ("metric", "brings", "leaves"),
    [
        ("mem_used_pct", "disk-speed", ("network", "temperature", "power", "cpu")),
        ("disk_used_pct./var", "latency", ("cpu", "disk:/home")),
        ("ssd_wear_pct.sda", "", ("disk-speed", "latency", "cpu", "readonly")),
    ],
)
def test_what_is_only_foretold_brings_less_than_what_has_come(metric: str, brings: str, leaves: Sequence[str]) -> None:
    machine = Machine("m-1")
    machine.eyes.forecasts.courses[metric] = Course(started_ms=1)
    (cause,) = machine.open_causes()
    assert all(machine.under(other) == other for other in leaves)
    if brings:
        assert machine.under(brings) == cause


def test_what_the_model_finds_goes_under_the_hard_fault_that_brings_it() -> None:
    """A drive that loses sectors keeps the disk busy: one problem."""
    server = Server()
    server.say(60, smart_reallocated__sda=4)
    assert told(server.say(10, smart_reallocated__sda=9)) == [("smart_reallocated", "drive:sda", True)]
    assert server.machine.under("disk-speed") == "drive:sda"
    assert server.machine.under("memory") == "memory"


def test_two_rules_of_one_cause_do_not_part_company() -> None:
    server = Server()
    server.say(60, temp_c__cpu=96, temp_c__board=50, fan_rpm__1=3000)
    server.say(20, temp_c__cpu=96, temp_c__board=50, fan_rpm__1=0)
    assert told(server.say(60, temp_c__cpu=96, temp_c__board=80, fan_rpm__1=0)) == [("board_hot", "temperature", True)]


def readings(sample: Sample, names: Sequence[str], at_ms: int, aged_ms: int) -> list[Reading]:
    return [
        Reading(name, at_ms, {n: v for n, v in zip(NAMES, row, strict=True) if v == v}, None, at_ms + aged_ms, "native")
        for name, row, heard in zip(names, sample.values.tolist(), sample.heard, strict=True)
        if heard
    ]


class Played:
    """Two of the lab's servers with a day and a half behind them, and what the watch says of them."""

    def __init__(self) -> None:
        self.cohort = Cohort([m for m in machines() if m.build.name in PLAYED], 0, timedelta(hours=36))
        self.watching = Watching()
        self.cohort.begin(BEGINS, {})
        while not self.cohort.is_live(BEGINS):
            self.step(60, [], aged_ms=10**7)

    def step(self, seconds: int, faults: list[Fault], aged_ms: int = 0) -> list[Verdict]:
        at_ms = self.cohort.at_ms + seconds * 1000
        sample = self.cohort._step(at_ms, faults)
        return self.watching.feed(readings(sample, self.cohort.names, at_ms, aged_ms))

    def play(self, minutes: int, faults: list[Fault]) -> list[Verdict]:
        return [verdict for _ in range(minutes * 3) for verdict in self.step(20, faults)]


def test_a_machine_that_was_dark_and_boots_opens_nothing() -> None:
    played = Played()
    assert played.play(5, []) == []
    silent = Fault(Kind.SILENT, PLAYED[0], BEGINS)
    assert played.play(10, [silent]) == []
    played.cohort.cure(silent)
    assert played.play(60, []) == []


def test_a_settling_machine_still_shows_hard_faults_and_later_anomalies() -> None:
    server = Server()
    server.say(10, uptime_s=5000, fan_rpm__1=3000)
    server.machine.settle(server.at, booted=server.machine.rules.began_anew({"uptime_s": 5000.0}))
    assert server.machine.settles_ms == -1
    server.say(10, uptime_s=30, fan_rpm__1=3000)
    server.machine.settle(server.at, booted=server.machine.rules.began_anew({"uptime_s": 30.0}))
    assert server.machine.settles_ms == server.at + BOOTED_MS
    assert told(server.say(20, uptime_s=40, fan_rpm__1=0)) == [("fan_stopped", "fan:1", True)]
    server.machine.settle(server.at, mended=True)
    assert server.machine.settles_ms > server.at + MENDED_MS, "the longer settling holds"


def test_what_stands_where_it_is_expected_names_nothing_while_another_does_not() -> None:
    """ "Disk writes 0.026, 0.002 to 0.107 expected" helps nobody."""
    within = Witness("m-1", 5.0, 1.0, 9.0, 1.2, "past")
    outside = Witness("m-2", 12.0, 1.0, 9.0, 1.0, "past")
    faint = Witness("m-3", 12.0, 1.0, 9.0, 0.5, "past")
    assert [w.metric for w in led([within, outside, faint])] == ["m-2", "m-1", "m-3"]
    assert [w.metric for w in led([within, faint])] == ["m-1", "m-3"]
    assert [w.metric for w in led([outside, within])] == ["m-2", "m-1"]
