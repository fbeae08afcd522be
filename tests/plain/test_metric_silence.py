"""A metric that falls silent while its machine speaks is missed; one nobody could have heard is not."""

from __future__ import annotations

import orjson
import pytest

from telemetry import metric_silence
from telemetry.metric_silence import Change, Metrics, Rhythms

BEGIN = 1_795_338_200_000
ALL = ("cpu_util", "temp_c.cpu", "fan_rpm.1")


class Machine:
    """Reports with these names at these seconds."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.at_s = 0
        self.said: list[Change] = []

    def report(self, names: tuple[str, ...], times: int = 1, every_s: int = 10, floor_s: float = 30.0) -> Machine:
        for _ in range(times):
            self.at_s += every_s
            found = self.metrics.hear(dict.fromkeys(names, 1.0), BEGIN + 1000 * self.at_s, floor_s)
            self.said += found
            rhythms = Rhythms()
            rhythms.of["m"] = self.metrics
            self.metrics = Rhythms.restored(orjson.loads(orjson.dumps(rhythms.snapshot()))).of["m"]
        return self

    @property
    def told(self) -> list[tuple[tuple[str, ...], bool]]:
        return [(change.names, change.opened) for change in self.said]


def test_a_metric_that_is_left_out_is_silent_after_its_rhythm_and_over_when_it_is_back() -> None:
    machine = Machine().report(ALL, 30).report(ALL[:2], 5)
    assert machine.told == []
    machine.report(ALL[:2], 2)
    assert machine.told == [(("fan_rpm.1",), True)]
    machine.report(ALL[:2], 100)
    assert len(machine.said) == 1
    machine.report(ALL)
    assert machine.told == [(("fan_rpm.1",), True), (("fan_rpm.1",), False)]
    assert {change.cause for change in machine.said} == {"silence:fan_rpm.1"}
    assert len({change.started_ms for change in machine.said}) == 1


def test_what_falls_silent_together_is_one_condition_and_over_only_when_all_are_back() -> None:
    machine = Machine().report(ALL, 30).report(ALL[:1], 10)
    assert machine.told == [(("fan_rpm.1", "temp_c.cpu"), True)]
    machine.report(ALL[:2], 10)
    assert len(machine.said) == 1
    machine.report(ALL)
    assert machine.told[1:] == [(("fan_rpm.1", "temp_c.cpu"), False)]


def test_each_agent_of_a_machine_has_a_rhythm_of_its_own() -> None:
    machine = Machine()
    for _ in range(30):
        machine.report(("cpu_util",), 6).report(("smart_pending.sda",), 1, every_s=1)
    assert machine.told == []
    machine.report(("cpu_util",), 24)
    assert machine.told == []
    machine.report(("cpu_util",), 3)
    assert machine.told == [(("smart_pending.sda",), True)]


@pytest.mark.parametrize("away_s", [60, 3600])
def test_the_machine_s_own_silence_counts_against_none_of_its_metrics(away_s: int) -> None:
    machine = Machine()
    for _ in range(30):
        machine.report(("cpu_util",)).report(("temp_c.cpu",), every_s=1)
    machine.report(("cpu_util",), 1, every_s=away_s).report(("cpu_util",), 3)
    assert machine.told == []
    machine.report(("cpu_util",), 4)
    assert machine.told == [(("temp_c.cpu",), True)]


def test_what_was_heard_seldom_or_in_no_rhythm_is_not_missed() -> None:
    assert Machine().report(ALL, metric_silence.LEARNED).report(ALL[:1], 50).told == []
    restless = Machine()
    for k in range(60):
        restless.report(ALL[:1], 1 + k * k % 17).report(ALL)
    assert restless.report(ALL[:1], 200).told == []


@pytest.mark.parametrize(
    "name", ['up{job="node"}', "containers.web.cpu", "docker.abc.mem", "processlist.12.cpu", "net.veth1a2b.rx", "users"]
)
def test_what_comes_and_goes_by_its_nature_is_not_missed(name: str) -> None:
    assert Machine().report(("cpu_util", name), 30).report(("cpu_util",), 50).told == []


def test_a_contract_s_floor_holds_for_metrics_as_well() -> None:
    machine = Machine().report(ALL, 30, floor_s=600.0).report(ALL[:2], 59, floor_s=600.0)
    assert machine.told == []
    assert machine.report(ALL[:2], 3, floor_s=600.0).told == [(("fan_rpm.1",), True)]


def test_after_work_on_it_a_machine_may_report_less() -> None:
    machine = Machine().report(ALL, 30)
    machine.metrics.settle()
    assert machine.report(ALL[:1], 60).told == []


def test_names_that_never_come_twice_are_held_in_bounds() -> None:
    machine = Machine()
    for k in range(100):
        machine.report((f"job_{k}",))
    assert machine.told == []
    assert len(machine.metrics.rounds) <= metric_silence.MOST_ROUNDS


def test_the_desk_is_told_in_words() -> None:
    machine = Machine().report(ALL, 30).report(ALL[:1], 10).report(ALL)
    begun, over = (metric_silence.verdict("srv-1", change) for change in machine.said)
    assert begun.title == "2 metrics are no longer reported"
    assert begun.summary.startswith("Fan 1, Temperature (cpu): last reported ")
    assert begun.summary.endswith(" UTC, until then every 10 s; the machine itself goes on speaking")
    assert (begun.kind, begun.severity, begun.opened, over.opened) == ("silence", 3, True, False)
    assert begun.finding_id == over.finding_id
