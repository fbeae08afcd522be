"""The watch: learns in silence, opens once, ends once, and forgets nothing over a snapshot."""

from __future__ import annotations

import random

import numpy as np
import pytest

from app.pages.meaning import how_sure
from telemetry.reading import Event, Heard, Reading
from telemetry.watching import Settings, Verdict, Watching

T0 = 1_790_000_000_000 // 60_000 * 60_000
MINUTE = 60_000
NAMES = ("cpu_util", "mem_used_pct", "disk_used_pct./var", "net_rx_mb_s", "temp_c.cpu", "fan_rpm.1", "uptime_s")


def values(minute: float, rng: np.random.Generator) -> dict[str, float]:
    load = 35 + 15 * np.sin(minute * 2 * np.pi / 1440) + rng.normal(0, 2)
    return dict(
        zip(
            NAMES,
            (
                load, 45 + 0.1 * load + rng.normal(0, 0.5), 60 + minute * 1e-4 + rng.normal(0, 0.05),
                3 + 0.1 * load + rng.normal(0, 0.4), 40 + 0.3 * load + rng.normal(0, 0.5),
                3000 + 15 * load + rng.normal(0, 25), minute * 60,
            ),
            strict=True,
        )
    )  # fmt: skip


def reading(machine: str, at: int, metrics: dict[str, float], received: int | None = None) -> Reading:
    return Reading(machine, at, metrics, None, at if received is None else received, "native")


def history(machine: str, minutes: int, seed: int = 3) -> list[Heard]:
    """Back-dated reports up to T0, sent in bulk at T0."""
    rng = np.random.default_rng(seed)
    return [reading(machine, T0 - (minutes - i) * MINUTE, values(i, rng), T0) for i in range(minutes)]


def live(
    machine: str, seconds: int, every: int, seed: int = 4, start: int = T0, since_minute: float = 4320
) -> list[Reading]:
    rng = np.random.default_rng(seed)
    return [
        reading(machine, start + s * 1000, values(since_minute + s / 60, rng)) for s in range(every, seconds + 1, every)
    ]


def leaking(readings: list[Reading], after: int, metric: str = "mem_used_pct", to: float = 93.0) -> list[Heard]:
    return [
        Reading(
            r.machine, r.at_ms, {**r.metrics, metric: to} if i >= after else r.metrics, None, r.received_at_ms, "native"
        )
        for i, r in enumerate(readings)
    ]


def opened(verdicts: list[Verdict]) -> list[str]:
    return [v.cause for v in verdicts if v.opened]


@pytest.fixture(scope="module")
def learned() -> bytes:
    """A watch that has three days of one machine's minutes behind it."""
    watching = Watching()
    assert watching.feed(history("srv-1", 4320)) == []
    assert watching.feed(live("srv-1", 60, 10)) == []
    assert watching.machines()["srv-1"].state == "watched"
    return watching.snapshot()


@pytest.mark.parametrize("every", [5, 10, 60])
def test_a_calm_machine_stays_calm_when_its_cadence_changes(every: int) -> None:
    watching = Watching()
    watching.feed(history("srv-1", 4320))
    assert opened(watching.feed(live("srv-1", 4 * 3600, every))) == []


@pytest.mark.parametrize("every", [5, 10, 60])
def test_a_leak_opens_once_within_two_grid_steps_and_says_why(learned: bytes, every: int) -> None:
    watching = Watching.restore(learned)
    told = leaking(live("srv-1", 1800, every, start=T0 + MINUTE, since_minute=4321), after=12)
    (verdict,) = [v for v in watching.feed(told) if v.opened]
    assert (verdict.kind, verdict.cause, verdict.metrics[0]) == ("anomaly", "memory", "mem_used_pct")
    assert verdict.at_ms - told[12].at_ms <= 2 * MINUTE  # type: ignore[union-attr]
    assert verdict.summary.startswith("Memory in use ")
    assert "expected" in verdict.summary
    first = verdict.evidence["metrics"][0]
    assert first["low"] < 60 < first["observed"]


def test_the_condition_ends_once_after_the_machine_is_well_again(learned: bytes) -> None:
    watching = Watching.restore(learned)
    bad = leaking(live("srv-1", 600, 10, start=T0 + MINUTE, since_minute=4321), after=0)
    begun = watching.feed(bad)
    ended = watching.feed(live("srv-1", 1800, 10, seed=9, start=T0 + 700_000, since_minute=4332))
    assert [v.opened for v in begun + ended] == [True, False]
    assert begun[0].finding_id == ended[0].finding_id
    assert watching.machines()["srv-1"].open_causes == ()


def test_a_reboot_of_the_uptime_alone_is_nothing(learned: bytes) -> None:
    watching = Watching.restore(learned)
    told = leaking(live("srv-1", 600, 10, start=T0 + MINUTE, since_minute=4321), 0, "uptime_s", 3.0)
    assert opened(watching.feed(told)) == []


def test_history_opens_nothing_however_bad_it_was() -> None:
    watching = Watching()
    told = [r for r in history("srv-1", 2000) if isinstance(r, Reading)]
    assert watching.feed(leaking(told, after=1900, to=99.5)[:-15]) == []


def test_a_new_machine_learns_for_an_hour_and_says_so() -> None:
    watching = Watching()
    watching.feed(live("srv-9", 3000, 10))
    assert watching.machines()["srv-9"].state == "learning"
    watching.feed(live("srv-9", 1800, 10, start=T0 + 3_000_000, since_minute=4370))
    assert watching.machines()["srv-9"].state == "watched"
    (model,) = [m for _, m in watching.take_models()]
    assert model.n_features_in_ == len(NAMES)


def test_an_hour_is_enough_for_a_plain_problem_and_the_evidence_says_how_little_it_rests_on() -> None:
    watching = Watching()
    calm = watching.feed(live("srv-9", 4200, 60))
    told = watching.feed(leaking(live("srv-9", 1200, 60, start=T0 + 4_200_000, since_minute=4390), after=5, to=99.0))
    (first, *_) = [v for v in told if v.opened and v.kind == "anomaly"]
    assert (opened(calm), first.cause) == ([], "memory")
    assert how_sure(dict(first.evidence)).endswith("of history only: what is usual is still being learned.")


def test_old_news_is_not_scored_again(learned: bytes) -> None:
    watching = Watching.restore(learned)
    before = watching.snapshot()
    assert watching.feed(leaking(live("srv-1", 60, 10), after=0)) == []
    assert watching.snapshot() == before


def stream(seed: int = 0) -> list[Heard]:
    """Three machines, two kinds of trouble, an event; interleaved as they arrive."""
    told: list[Heard] = []
    for i, name in enumerate(("a", "b", "c")):
        told += history(name, 1500, seed=i)
    later: list[Reading] = []
    for i, name in enumerate(("a", "b", "c")):
        part = live(name, 1200, (5, 10, 60)[i], seed=20 + i, since_minute=1500)
        later += [r for r in leaking(part, after=len(part) // 3, to=(93.0, 50.0, 98.5)[i]) if isinstance(r, Reading)]
    later.sort(key=lambda r: (r.at_ms, r.machine))
    return [*told, *later, Event("b", T0 + 2_000_000, "ecc", 2, "DIMM A2", T0 + 2_000_000, "native")]


def found(watching: Watching, told: list[Heard], cut: list[int]) -> list[Verdict]:
    out: list[Verdict] = []
    for a, b in zip([0, *cut], [*cut, len(told)], strict=True):
        out += watching.feed(told[a:b])
    return sorted(out, key=lambda v: (v.at_ms, v.machine, v.cause, v.opened))


def test_batches_cut_anywhere_give_the_same_verdicts_and_the_same_state() -> None:
    told = stream()
    whole, parts = Watching(), Watching()
    cut = sorted(random.Random(5).sample(range(1, len(told)), 60))
    expected = found(whole, told, [])
    assert {v.kind for v in expected} == {"anomaly", "rule", "event"}
    assert found(parts, told, cut) == expected
    assert parts.snapshot() == whole.snapshot()


def test_a_restored_watch_goes_on_as_if_nothing_had_happened() -> None:
    told = stream()
    whole, first = Watching(), Watching()
    middle = len(told) - 200
    expected = found(whole, told, [middle])
    begun = first.feed(told[:middle])
    second = Watching.restore(first.snapshot())
    assert second.snapshot() == first.snapshot()
    rest = begun + second.feed(told[middle:])
    assert sorted(rest, key=lambda v: (v.at_ms, v.machine, v.cause, v.opened)) == expected


def test_a_damaged_snapshot_is_refused(learned: bytes) -> None:
    for blob in (b"", b"nonsense", learned[:-1], learned[:100] + b"x" + learned[101:]):
        with pytest.raises(ValueError, match="snapshot"):
            Watching.restore(blob)


def test_a_dropped_machine_leaves_nothing_behind_and_its_rows_are_used_again(learned: bytes) -> None:
    watching = Watching.restore(learned)
    size = watching.fleet.size
    watching.drop("srv-1")
    watching.drop("nobody")
    assert watching.machines() == {}
    watching.feed(history("srv-2", 1500))
    watching.feed(live("srv-2", 10, 10))
    assert watching.fleet.size == size


def test_learning_until_an_instant_opens_nothing_before_it() -> None:
    settings = Settings(learn_until_ms=T0 + 600_000)
    watching = Watching(settings)
    watching.feed([reading("m", r.at_ms, dict(r.metrics)) for r in history("m", 3000) if isinstance(r, Reading)])
    verdicts = watching.feed(leaking(live("m", 1800, 60, since_minute=3000), after=2))
    assert all(v.at_ms >= T0 + 600_000 for v in verdicts)


def test_counters_become_rates_and_a_reset_is_no_value() -> None:
    watching = Watching()
    counters = frozenset({"c"})
    told: list[Heard] = [
        Reading("m", T0 + i * MINUTE, {"c": float(v)}, None, T0 + i * MINUTE, "prometheus", counters=counters)
        for i, v in enumerate((100, 160, 5, 65))
    ]
    watching.feed(told)
    watching.known["m"].notebook.close()
    assert [float(r[0]) for r in watching.known["m"].notebook.rows] == [1.0, 1.0]


def test_an_event_opens_once_and_ends_when_the_machine_says_so() -> None:
    watching = Watching()
    told = [
        Event("m", T0 + i, "raid", severity, "disk 3 lost", T0 + i, "native") for i, severity in enumerate((2, 2, 0, 0))
    ]
    assert [(v.cause, v.opened, v.severity) for v in watching.feed(told)] == [
        ("event:raid", True, 2),
        ("event:raid", False, 2),
    ]


def test_expected_bands_hold_what_is_usual(learned: bytes) -> None:
    low, high = Watching.restore(learned).expected("srv-1")["mem_used_pct"]
    assert 40 < low < 50 < high < 55


def test_the_model_joins_the_hard_fault_that_is_open_on_the_same_metric(learned: bytes) -> None:
    watching = Watching.restore(learned)
    told = leaking(live("srv-1", 900, 10, start=T0 + MINUTE, since_minute=4321), after=6, metric="fan_rpm.1", to=0.0)
    begun = [v for v in watching.feed(told) if v.opened]
    assert [(v.kind, v.cause) for v in begun] == [("rule", "fan:1"), ("anomaly", "fan:1")]
