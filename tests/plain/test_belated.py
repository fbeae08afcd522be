"""Hard faults do not hang on which of a machine's agents sends first, and an older word undoes no newer one."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from telemetry.reading import Fed, Late, Reading
from telemetry.recording import Message
from telemetry.replay import replay
from telemetry.verdict import Verdict
from telemetry.watching import Watching

T0 = 1_790_000_000_000 // 60_000 * 60_000


def said(at_s: float, arrived_s: float | None = None, **metrics: float) -> Reading:
    told = {name.replace("__", "."): value for name, value in metrics.items()}
    at = T0 + round(at_s * 1000)
    return Reading("m", at, told, None, at if arrived_s is None else T0 + round(arrived_s * 1000), "native")


def admitted(told: list[Reading]) -> list[Fed]:
    """As whoever takes reports in hands them on."""
    newest, out = -1, list[Fed]()
    for one in told:
        out.append(Late(one) if one.at_ms < newest else one)
        newest = max(newest, one.at_ms)
    return out


def turns(found: list[Verdict]) -> list[tuple[str, float, bool]]:
    return [(v.cause, (v.at_ms - T0) / 1000, v.opened) for v in found]


def two_agents() -> list[Reading]:
    """One every ten seconds; the other, twenty behind, tells of a RAID that breaks and is mended, and of a boot."""
    told: list[Reading] = []
    for s in range(0, 600, 10):
        told.append(said(s, cpu_util=20.0, mem_used_pct=40.0 + s % 7))
        up = 1000.0 + s if s < 400 else s - 400.0
        broken = 100 <= s < 300
        told.append(said(s - 20, s, raid_degraded__md0=float(broken), fs_readonly__var=float(broken), uptime_s=up))
    return told


EXPECTED = [("raid:md0", 80.0, True), ("readonly:var", 80.0, True),
            ("raid:md0", 340.0, False), ("readonly:var", 340.0, False)]  # fmt: skip


def test_what_an_agent_tells_that_is_always_behind_is_seen_in_its_own_time() -> None:
    watching = Watching()
    assert turns(watching.feed(admitted(two_agents()))) == EXPECTED
    assert watching.known["m"].booted_ms == T0 + 380_000


def test_batches_and_restarts_anywhere_change_nothing() -> None:
    told, rng = admitted(two_agents()), random.Random(3)
    whole = Watching()
    whole.feed(told)
    for _ in range(8):
        cuts = sorted(rng.sample(range(1, len(told)), 6))
        watching, found = Watching(), list[Verdict]()
        for a, b in zip([0, *cuts], [*cuts, len(told)], strict=True):
            found += watching.feed(told[a:b])
            watching = Watching.restore(watching.snapshot())
        assert turns(found) == EXPECTED
        assert watching.snapshot() == whole.snapshot()


def test_an_older_word_of_the_same_metric_neither_opens_ends_nor_reopens() -> None:
    watching = Watching()
    assert watching.feed([said(0, raid_degraded=0.0), said(60, raid_degraded=0.0)]) == []
    assert watching.feed([Late(said(30, 61, raid_degraded=1.0))]) == []
    assert turns(watching.feed([said(120, raid_degraded=1.0)])) == [("raid", 120, True)]
    before = watching.snapshot()
    late = [Late(said(s, 125, raid_degraded=v)) for s, v in ((20, 0.0), (40, 1.0), (110, 0.0), (120, 0.0))]
    assert watching.feed(late) == []
    assert watching.snapshot() == before
    # Of another shape meanwhile: what was told before it was told at its own instant, and not never.
    watching.feed([said(130, cpu_util=5.0)])
    assert watching.feed([Late(said(s, 131, raid_degraded=0.0)) for s in (50, 119, 120)]) == []
    assert turns(watching.feed([said(200, cpu_util=5.0), Late(said(125, 201, raid_degraded=0.0)),
                                Late(said(190, 201, raid_degraded=0.0))])) == [("raid", 190, False)]  # fmt: skip


def test_a_late_report_is_judged_for_what_is_new_in_it_alone() -> None:
    watching = Watching()
    watching.feed([said(0, psu_ok__1=1.0, raid_degraded=0.0), said(60, raid_degraded=0.0)])
    found = watching.feed([Late(said(30, 61, psu_ok__1=0.0, raid_degraded=1.0))])
    assert turns(found) == [("psu:1", 30, True)]


def test_a_batch_of_history_opens_nothing_when_it_comes_late() -> None:
    watching = Watching()
    watching.feed([said(3600, cpu_util=5.0)])
    assert watching.feed([Late(said(s, 3600, raid_degraded=1.0)) for s in (0, 60)]) == []
    assert turns(watching.feed([Late(said(3000, 3601, raid_degraded=1.0))])) == [("raid", 3000, True)]


def test_a_counter_that_is_told_late_grows_by_its_own_words() -> None:
    watching = Watching()
    told = [replace(said(s, s + 20, net_errors_s=v), counters=frozenset({"net_errors_s"}))
            for s, v in ((0, 0.0), (30, 3000.0), (60, 6000.0), (90, 9000.0), (60, 6000.0))]  # fmt: skip
    watching.feed([said(600, cpu_util=5.0)])
    (opened,) = watching.feed([Late(one) for one in told])
    assert (opened.cause, opened.at_ms, opened.score) == ("network", T0 + 90_000, 100.0)


@pytest.mark.parametrize("seed", range(4))
def test_the_order_in_which_two_agents_arrive_changes_no_turn(seed: int) -> None:
    rng, agents = random.Random(seed), list[list[Reading]]()
    for metric in ("raid_degraded", "psu_ok__1", "mem_used_pct", "ecc_errors"):
        at, mine = 0.0, list[Reading]()
        for _ in range(60):
            at += rng.choice((5, 10, 30))
            value = {"mem_used_pct": rng.choice((50.0, 98.0)), "ecc_errors": at // 400}.get(metric)
            mine.append(said(at, 1800, **{metric: float(rng.random() < 0.5) if value is None else value}))
        agents.append([one for one in mine if one.at_ms > T0 + 900_000])
    in_time = sorted((one for mine in agents for one in mine), key=lambda one: one.at_ms)
    shuffled = [mine[:] for mine in agents]
    any_order = []
    while left := [mine for mine in shuffled if mine]:
        any_order.append(rng.choice(left).pop(0))
    expected = sorted(turns(Watching().feed(admitted(in_time))))
    assert expected
    assert sorted(turns(Watching().feed(admitted(any_order)))) == expected


def test_scores_know_nothing_of_it_and_any_prefix_of_a_recording_opens_the_same(tmp_path: Path) -> None:
    def lines(*, both: bool) -> list[Message]:
        out = []
        for i, one in enumerate(two_agents()):
            if both or i % 2 == 0:
                body = json.dumps({"seq": i, "at": one.at_ms, "metrics": dict(one.metrics)}).encode()
                out.append(Message(one.received_at_ms, "vigie/m/report", body))
        return out

    replay(lines(both=False), tmp_path / "one.csv", tmp_path / "one.scores")
    replay(lines(both=True), tmp_path / "two.csv", tmp_path / "two.scores")
    assert (tmp_path / "one.scores").read_bytes() == (tmp_path / "two.scores").read_bytes()
    rows = (tmp_path / "two.csv").read_text().splitlines()[1:]
    assert [row.split(",")[2] for row in rows] == ["raid:md0", "readonly:var"]
    for cut in random.Random(5).sample(range(len(lines(both=True))), 4):
        replay(lines(both=True)[:cut], tmp_path / "part.csv")
        part = (tmp_path / "part.csv").read_text().splitlines()[1:]
        assert [row.split(",")[0] for row in part] == [row.split(",")[0] for row in rows][: len(part)]
        assert len(part) == (2 if cut > 21 else 0)
