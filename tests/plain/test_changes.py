"""What somebody changes on a machine is told apart from what breaks on it; what breaks after a change is still told."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from telemetry import changes, name_signs
from telemetry.admission import Heard as Admitted
from telemetry.reading import Event, Heard, Reading
from telemetry.verdict import Verdict
from telemetry.watching import Watching

MINUTE = 60_000
T0 = 1_780_012_800_000
DAYS = 3
Values = dict[str, float]
Bend = Callable[[Values, int], None]  # what the change does to a report, so many minutes after it


def day(seed: int, minutes: int, start: int) -> list[Values]:
    """Minutes of a server under a daily load, from a minute on."""
    rng = np.random.default_rng(seed)
    load, rows = 0.5, []
    for i in range(start, start + minutes):
        load += (0.5 + 0.3 * math.sin(2 * math.pi * i / 1440) - load) * 0.1 + rng.normal(0, 0.02)
        noise = rng.normal(0, 1, 7)
        rows.append({
            "cpu_util": 10 + 40 * load + noise[0], "requests_s": 60 + 200 * load + 5 * noise[1],
            "latency_ms": 20 + 10 * load + 0.6 * noise[2], "mem_used_pct": 40 + 5 * load + 0.3 * noise[3],
            "procs": 100 + 20 * load + 2 * noise[4], "http_errors": max(0.0, 0.5 + 0.3 * noise[5]),
            "disk_iops": 50 + 30 * load + 3 * noise[6],
        })  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def learned() -> bytes:
    """A watch that knows three days of the machine."""
    watching = Watching()
    late = 10 * 86_400_000
    rows = enumerate(day(1, DAYS * 1440, 0))
    watching.feed([Reading("m", T0 + i * MINUTE, row, None, T0 + i * MINUTE + late, "native") for i, row in rows])
    return watching.snapshot()


def said(
    learned: bytes, bend: Bend, told: Sequence[Heard], hours: int, change_at: int = 120
) -> list[tuple[int, Verdict]]:
    """What opens in the hours after, with the minutes from the change; ``told`` comes at the change."""
    watching = Watching.restore(learned)
    found = []
    for i, row in enumerate(day(2, hours * 60, DAYS * 1440)):
        at, after = T0 + (DAYS * 1440 + i) * MINUTE, i - change_at
        if after >= 4:
            bend(row, after)
        heard: list[Heard] = list(told) if after == 0 else []
        heard.append(Reading("m", at, row, None, at, "native"))
        found += [(after, v) for v in watching.feed(heard) if v.opened]
        if after == 60:  # a watcher that starts anew knows what was changed
            watching = Watching.restore(watching.snapshot())
    return found


def release(minute: int = 120, code: str = "deployment", severity: int = 4) -> Event:
    at = T0 + (DAYS * 1440 + minute) * MINUTE
    return Event("m", at, code, severity, "release 2.3.1", at, "native")


def new_level(row: Values, _: int) -> None:
    row["mem_used_pct"] += 10
    row["procs"] += 60
    row["latency_ms"] += 15


def worse_and_worse(row: Values, after: int) -> None:
    for name, more in (("mem_used_pct", 10), ("procs", 60), ("latency_ms", 15)):
        row[name] += more * after / 60


def errors(row: Values, _: int) -> None:
    row["http_errors"] += 20


def slow(row: Values, _: int) -> None:
    row["latency_ms"] *= 3


def a_tenth(row: Values, _: int) -> None:
    row["requests_s"] /= 10


def stopped(row: Values, _: int) -> None:
    row |= {"requests_s": 0.0, "cpu_util": 3.0, "disk_iops": 5.0}


def test_a_new_level_after_a_release_opens_nothing_for_a_day_and_without_one_it_does(learned: bytes) -> None:
    assert said(learned, new_level, [release()], 28) == []
    assert [(after, v.cause) for after, v in said(learned, new_level, [], 3)] == [(4, "memory")]


def test_a_release_that_restarts_the_machine_half_an_hour_later_is_one_change(learned: bytes) -> None:
    def restarted(row: Values, after: int) -> None:
        row["uptime_s"] = 60.0 * (after - 30 if after >= 30 else after + 90_000)
        if after >= 30:
            new_level(row, after)

    assert said(learned, restarted, [release()], 5) == []


def test_what_was_taken_for_a_change_says_so_to_who_asks_why(learned: bytes) -> None:
    watching = Watching.restore(learned)
    for i, row in enumerate(day(2, 60, DAYS * 1440)):
        at = T0 + (DAYS * 1440 + i) * MINUTE
        if i >= 30:
            new_level(row, i)
        heard: list[Heard] = [release(25)] if i == 25 else []
        assert watching.feed([*heard, Reading("m", at, row, None, at, "native")]) == []
    held = watching.known["m"].held
    assert held is not None
    assert held.rule == "change"
    assert "within an hour of release 2.3.1" in held.words


def test_what_keeps_getting_worse_after_a_release_opens_and_names_it(learned: bytes) -> None:
    after, first = said(learned, worse_and_worse, [release()], 6)[0]
    assert first.kind == "anomaly"
    assert 45 <= after <= 120
    assert first.evidence["change"]["what"] == "release 2.3.1"


@pytest.mark.parametrize("bend", [errors, slow, stopped, a_tenth])
def test_harm_opens_at_once_whoever_brought_it(learned: bytes, bend: Bend) -> None:
    after, first = said(learned, bend, [release()], 3)[0]
    assert after <= 8
    change = first.evidence["change"]
    assert (change["what"], (first.started_ms - change["at_ms"]) // MINUTE) == ("release 2.3.1", after)


def test_harm_does_not_hide_behind_many_louder_metrics() -> None:
    def beside(rows: list[Values], start: int) -> list[Reading]:
        found = []
        for i, row in enumerate(rows, start):
            at, noise = T0 + i * MINUTE, np.random.default_rng(i).normal(0, 1, 12)
            more = {f"pool_{k}": 50.0 + noise[k] for k in range(12)}
            found.append(Reading("m", at, row | more, None, at, "native"))
        return found

    aged = 10 * 86_400_000
    watching = Watching()
    watching.feed([replace(one, received_at_ms=one.at_ms + aged) for one in beside(day(1, 1440, 0), 0)])
    quiet = watching.snapshot()
    for more_errors in (0, 20):
        watching, opened = Watching.restore(quiet), []
        for i, one in enumerate(beside(day(2, 150, 1440), 1440)):
            shifted = {name: v + 500 * (i >= 35 and name.startswith("pool")) for name, v in one.metrics.items()}
            shifted["http_errors"] += more_errors * (i >= 35)
            told: list[Heard] = [Event("m", one.at_ms, "deployment", 4, "release 2", one.at_ms, "native")] * (i == 30)
            opened += [i for v in watching.feed([*told, replace(one, metrics=shifted)]) if v.opened]
        assert [i < 45 for i in opened] == [True] * bool(more_errors), (more_errors, opened)


def test_what_begins_hours_after_a_release_is_not_taken_for_it(learned: bytes) -> None:
    found = said(learned, new_level, [release(30)], 3)  # an hour and a half before
    assert [(after, "change" in v.evidence) for after, v in found] == [(4, False)]


def test_another_thing_within_the_day_is_told(learned: bytes) -> None:
    def later_the_disk(row: Values, after: int) -> None:
        new_level(row, after)
        if after >= 300:
            row["disk_iops"] += 400

    assert [after for after, _ in said(learned, later_the_disk, [release()], 9)] == [pytest.approx(300, abs=3)]


def test_what_had_gone_for_an_hour_and_comes_again_did_not_begin_with_the_release(learned: bytes) -> None:
    def for_a_while_and_again(row: Values, after: int) -> None:
        if after < 60 or after >= 300:
            new_level(row, after)

    assert [after for after, _ in said(learned, for_a_while_and_again, [release()], 9)] == [pytest.approx(300, abs=5)]


def test_work_on_the_machine_for_hours_after_a_release_does_not_part_the_shift_from_it(learned: bytes) -> None:
    watching = Watching.restore(learned)
    found = []
    for i, row in enumerate(day(2, 9 * 60, DAYS * 1440)):
        at = T0 + (DAYS * 1440 + i) * MINUTE
        new_level(row, i)
        if i in range(40, 280):  # kept and not looked at, as in maintenance
            watching.known["m"].settle(at, mended=True)
            continue
        told: list[Heard] = [release(0)] if i == 0 else []
        found += watching.feed([*told, Reading("m", at, row, None, at, "native")])
    assert found == []


def test_a_limit_that_is_passed_after_a_release_is_told(learned: bytes) -> None:
    def full(row: Values, _: int) -> None:
        row["mem_used_pct"] = 99.0

    assert "rule" in {v.kind for _, v in said(learned, full, [release()], 3)}


def test_a_machine_that_is_changed_all_day_is_judged_as_if_nobody_had(learned: bytes) -> None:
    many = [release(minute) for minute in range(0, 120, 15)]
    assert [after for after, _ in said(learned, new_level, many, 3)] == [4]


def test_a_deployment_told_as_an_error_is_a_fault_and_ends_when_one_is_told_as_done() -> None:
    watching = Watching()
    assert [v.cause for v in watching.feed([release(severity=2)])] == ["event:deployment"]
    assert [v.opened for v in watching.feed([release(125, severity=0)])] == [False]
    assert watching.known["m"].lately.told == [(release(125).at_ms, "deployment", "release 2.3.1")]


def test_a_release_told_after_a_fault_is_named_by_none_however_many_messages_come_at_once() -> None:
    heard = [Event("m", T0 + MINUTE, "psu", 2, "", T0 + MINUTE, "native"),
             Event("m", T0, "deployment:api", 4, "release 2.3.1", T0 + 2 * MINUTE, "native"),
             Event("m", T0 + 3 * MINUTE, "fan", 2, "", T0 + 3 * MINUTE, "native")]  # fmt: skip
    one_by_one = Watching()
    for told in (Watching().feed(heard), [v for one in heard for v in one_by_one.feed([one])]):
        assert [(v.cause, "change" in v.evidence) for v in told] == [("event:psu", False), ("event:fan", True)]


def test_a_release_told_as_done_or_with_no_severity_at_all_opens_nothing() -> None:
    assert Watching().feed([release(severity=severity) for severity in (0, 3, 4)]) == []


def test_a_shift_of_a_snapshot_that_did_not_keep_when_it_was_last_seen_is_read() -> None:
    lately = changes.Lately.restored([[[T0, "deployment", "x"]], {}, {}, [T0, T0 + 9, {"cpu": 6.0}, {"cpu": 1.0}]])
    assert lately.shift == changes.Shift(T0, T0 + 9, {"cpu": 6.0}, {"cpu": 1.0}, T0 + 9)
    assert changes.Lately.restored(lately.state()) == lately


def facts(minute: int, **told: str) -> Reading:
    at = T0 + minute * MINUTE
    return Reading("m", at, {"x": 1.0}, None, at, "native", {name.replace("__", "."): v for name, v in told.items()})


def admitted(*readings: Reading) -> list[tuple[str, str, str]]:
    state = Admitted()
    for reading in readings:
        state.admit(reading, retained=False, future_tolerance_ms=0)
    return state.take_changed()


def test_a_fact_that_names_another_version_is_a_change_and_its_first_word_is_none() -> None:
    assert admitted(facts(0, service__version="2.3.0"), facts(9, service__version="2.3.1")) == [
        ("service.version", "2.3.0", "2.3.1")
    ]
    assert admitted(facts(0, service__version="2.3.0", rack="7"), facts(1, service__version="2.3.0", rack="8")) == []


def test_a_fact_of_a_report_that_comes_late_is_no_change_and_takes_nothing_back() -> None:
    state = Admitted()
    for reading in (facts(9, version="2"), facts(3, version="1", rack="7"), facts(10, version="2")):
        state.admit(reading, retained=False, future_tolerance_ms=0)
    assert (state.facts, state.take_changed()) == ({"version": "2", "rack": "7"}, [])


def test_two_services_that_take_turns_with_their_versions_do_not_change_all_day() -> None:
    turns = [facts(minute, version=str(minute % 2)) for minute in range(300)]
    assert len(admitted(*turns)) == 3


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ({"app_version": 230.0}, {"app_version": 231.0}, "app_version 231 (230 before)"),
        (
            {'app_build_info{revision="a",version="2.3.0"}': 1.0},
            {'app_build_info{revision="b",version="2.3.1"}': 1.0},
            "app_build_info 2.3.1 (2.3.0 before)",
        ),
    ],
)
def test_a_metric_that_tells_of_another_version_is_a_change(before: Values, after: Values, what: str) -> None:
    watching = Watching()
    for i, row in enumerate([before, before, after, after]):
        watching.feed([Reading("m", T0 + i * MINUTE, {"x": 1.0} | row, None, T0, "prometheus")])
    assert watching.changes.take() == [changes.Change("m", T0 + 2 * MINUTE, "deployment", what, "machine")]


@pytest.mark.parametrize("name", ["disk.rebuild", "conversion", "osd_up", "release_lag_s", "page_image_bytes", "x"])
def test_a_metric_that_only_sounds_like_a_version_is_none(name: str) -> None:
    assert not name_signs.is_version_metric(name)


@pytest.mark.parametrize("name", ["requests_s", "http_server_requests_total", "Properties/Throughput", "qps",
                                  "db.queries", "nginx_requests_per_sec",
                                  'http_requests_total{code="200"}'])  # fmt: skip
def test_of_what_is_done_for_those_who_ask_less_is_harm(name: str) -> None:
    assert name_signs.is_work(name)


@pytest.mark.parametrize("name", ["requests_queued", "request_duration_seconds", "slow_queries", "failed_requests",
                                  'http_requests_total{status_code="503"}', "disk_throughput_mb_s",
                                  "request_size_bytes", "cpu_util", "required", "procs"])  # fmt: skip
def test_less_of_what_waits_fails_or_is_no_work_is_none(name: str) -> None:
    assert not name_signs.is_work(name)


@pytest.mark.parametrize("name", ["softwareVersion", "fw_version", "Properties/Firmware", "os.version", "build_id",
                                  "container.image.tag", "kernel"])  # fmt: skip
def test_a_fact_under_any_usual_name_is_known_for_a_version(name: str) -> None:
    assert name_signs.is_version(name)


def test_a_restart_is_told_once_and_named_by_what_begins_after_it(learned: bytes) -> None:
    watching = Watching.restore(learned)
    at = [T0 + (DAYS * 1440 + i) * MINUTE for i in range(4)]
    up = (5000.0, 5060.0, 30.0, 90.0)
    rows = day(2, 4, DAYS * 1440)
    watching.feed([Reading("m", t, row | {"uptime_s": s}, None, t, "native")
                   for t, row, s in zip(at, rows, up, strict=True)])  # fmt: skip
    assert [(one.at_ms, one.what) for one in watching.changes.take()] == [(at[2], "a restart")]
    told = watching.feed([Event("m", at[3] + 1, "psu", 2, "", at[3] + 1, "native")])
    assert told[0].evidence["change"] == {"at_ms": at[2], "kind": "restart", "what": "a restart"}
