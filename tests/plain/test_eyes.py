"""The other eyes: a lone metric by its tail, a drive by what SMART says; causal, and the same after a restart."""

from __future__ import annotations

import csv
import gzip
import hashlib
import math
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from click.testing import CliRunner

from app.commands.train import command as train_command
from telemetry import smart_card, watch_facts
from telemetry.eyes import RARE, Eyes
from telemetry.log import LogReader
from telemetry.reading import Reading
from telemetry.smart import DAY_MS, SIGNS, Card, Drive, Told
from telemetry.smart_card import SHIPPED, card
from telemetry.tail import FIRST, KEPT, Tail
from telemetry.watching import Watching

T0 = 1_769_904_000_000
STEP = 300_000


def rhythm(n: int, seed: int = 1) -> np.ndarray:
    """A daily rhythm in steps of five minutes, with a little noise."""
    rng = np.random.default_rng(seed)
    return 50 + 20 * np.sin(np.arange(n) * 2 * np.pi / 288) + rng.normal(0, 1, n)


def heard(values: np.ndarray) -> list[tuple[float, float]]:
    tail = Tail()
    return [tail.hear(float(v)) for v in values]


def test_a_spike_is_rare_and_a_daily_rhythm_is_not() -> None:
    values = rhythm(1500)
    values[1200] = 200
    rarity = np.array([r for r, _ in heard(values)])
    assert rarity[1200] > RARE
    assert rarity[600:1200].max() < RARE


def test_known_levels_in_an_unknown_shape_are_rarer_than_the_days_before() -> None:
    values = rhythm(1500)
    values[1224:1290] = 50 + 18 * np.where(np.arange(66) % 6 < 3, 1, -1)  # no level that was not there every day
    rarity = np.array([r for r, _ in heard(values)])
    assert rarity[1230:1290].max() > rarity[600:1224].max()


def test_novelty_tells_a_peak_once_and_lies_between_nought_and_one() -> None:
    values = rhythm(1500)
    values[1200] = 200
    told = heard(values)
    novelty = np.array([n for _, n in told])
    assert novelty.min() >= 0
    assert novelty.max() <= 1
    assert novelty[1200] == novelty[600:].max()
    assert told[1201][0] > 0.5
    assert not novelty[1201:1215].any()


@pytest.mark.parametrize("cut", [10, FIRST, 333, KEPT + 7])
def test_a_restored_tail_goes_on_as_if_nothing_had_happened(cut: int) -> None:
    values = rhythm(KEPT + 100)
    tail = Tail()
    for v in values[:cut]:
        tail.hear(float(v))
    other = Tail.restored(tail.state())
    assert [tail.hear(float(v)) for v in values[cut:]] == [other.hear(float(v)) for v in values[cut:]]


def test_units_change_nothing() -> None:
    values = rhythm(600)
    values[500] = 200
    assert np.allclose([r for r, _ in heard(values)], [r for r, _ in heard(values * 1e6)], rtol=1e-3, atol=1e-3)


def test_a_metric_that_never_moves_is_silent_until_it_does() -> None:
    values = np.full(400, 45.0)
    values[350:] = 60.0
    rarity = np.array([r for r, _ in heard(values)])
    assert np.abs(rarity[:350]).max() < 0.01
    assert rarity[350] > RARE


def readings(machine: str, rows: list[dict[str, float]], step_ms: int) -> list[Reading]:
    return [Reading(machine, T0 + i * step_ms, row, None, T0 + i * step_ms, "native") for i, row in enumerate(rows)]


def test_a_machine_with_one_metric_opens_one_incident_for_one_spike() -> None:
    values = rhythm(900)
    values[800:803] = 300
    watching = Watching()
    watching.scores = []
    found = watching.feed(readings("lone", [{"queue_depth": float(v)} for v in values], STEP))
    opened = [v for v in found if v.opened]
    assert [(v.started_ms - T0) // STEP for v in opened] == [800]
    assert opened[0].metrics == ("queue_depth",)
    assert all(0 <= score <= 1 for _, _, score in watching.scores)
    assert len(watching.scores) == len(values)


def test_a_second_metric_gives_the_machine_back_to_the_baselines() -> None:
    eyes = Eyes()
    for i in range(FIRST + 2):
        eyes.look("m", {"a": float(i)}, 1, T0 + i, False)
    assert eyes.score is not None
    eyes.look("m", {"a": 1.0, "b": 1.0}, 2, T0 + 99, False)
    assert (eyes.score, eyes.ratio, eyes.tail) == (None, None, None)


def worn(day: int) -> dict[str, float]:
    """A drive that begins to reallocate on day 10."""
    gone = max(0, day - 10)
    return {
        "smart_1_raw": 1e6 + day * 977, "smart_5_raw": float(40 * gone), "smart_9_raw": 26_000.0 + 24 * day,
        "smart_194_raw": 28.0, "smart_197_raw": float(3 * gone), "capacity_bytes": 2.0e12,
    }  # fmt: skip


def test_a_drive_that_wears_out_is_warned_of_and_one_that_does_not_is_not() -> None:
    watching = Watching()
    watching.scores = []
    found = watching.feed(readings("bad", [worn(d) for d in range(40)], DAY_MS))
    found += watching.feed(
        readings("good", [worn(d) | {"smart_5_raw": 0, "smart_197_raw": 0} for d in range(40)], DAY_MS)
    )
    assert [(v.machine, v.cause, v.opened) for v in found] == [("bad", "drive", True)]
    day = (found[0].started_ms - T0) // DAY_MS
    assert 10 < day < 25
    assert found[0].metrics[0] in ("smart_5_raw", "smart_197_raw")
    assert "Back up" in found[0].evidence["cure"]
    assert found[0].evidence["model"]["digest"] == card().lineage["digest"]
    scores = {(m, (at - T0) // DAY_MS): s for m, at, s in watching.scores}
    assert scores["bad", 35] > scores["bad", 5]


def test_a_host_names_the_drive_that_wears() -> None:
    watching = Watching()
    rows = []
    for day in range(30):
        row = {f"{k}.sdb": v for k, v in worn(day).items()} | {f"{k}.sda": v for k, v in worn(0).items()}
        rows.append(row | {"cpu_util": 10.0})
    found = [v for v in watching.feed(readings("host", rows, DAY_MS)) if v.opened and v.cause.startswith("drive")]
    assert {v.cause for v in found} == {"drive:sdb"}


def test_a_watch_restored_between_two_days_says_the_same_of_drives() -> None:
    told = readings("bad", [worn(d) for d in range(30)], DAY_MS)
    whole, first = Watching(), Watching()
    expected = [v.key for v in whole.feed(told)]
    early = first.feed(told[:14])
    second = Watching.restore(first.snapshot())
    assert [v.key for v in early + second.feed(told[14:])] == expected
    assert second.snapshot() == whole.snapshot()


def test_what_was_never_told_says_nothing() -> None:
    signs = Drive().hear(T0, Told(reallocated=0.0))
    shares = dict(zip(SIGNS, card().shares(signs), strict=True))
    assert shares["temperature"] == shares["age"] == 0.0
    assert 0 < card().risk(signs) < 1


def test_the_shipped_card_says_where_it_comes_from() -> None:
    lineage = card().lineage
    assert lineage["source"].startswith("Backblaze")
    assert lineage["failures"] == 57
    assert {"from", "to", "drives", "settings", "warned_later_days_at_1_pct"} <= lineage.keys()


def test_a_card_made_for_other_signs_is_refused() -> None:
    body = card().as_json()
    body["signs"] = dict(reversed(body["signs"].items()))
    with pytest.raises(ValueError, match="other signs"):
        Card.from_json(body)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 drives over 20 days; every sixth wears out and fails."""
    rng = np.random.default_rng(5)
    path = tmp_path_factory.mktemp("smart") / "drives.csv.gz"
    names = ["smart_1_raw", "smart_5_raw", "smart_9_raw", "smart_194_raw", "smart_197_raw"]
    with gzip.open(path, "wt", newline="") as f:
        out = csv.writer(f)
        out.writerow(["date", "serial_number", "model", "capacity_bytes", "failure", *names])
        for k in range(120):
            sick, ends = k % 6 == 0, int(rng.integers(10, 20))
            for day in range(ends if sick else 20):
                gone = max(0, day - ends + 8) * 30 * sick
                row = [rng.integers(1e7, 2e8), gone, 9000 + k * 100 + 24 * day, 25, gone // 10]
                failed = int(sick and day == ends - 1)
                out.writerow([f"2026-01-{day + 1:02d}", f"d{k}", "X", 2_000_000_000_000, failed, *row])
    return path


def test_training_twice_gives_the_same_card_and_says_what_it_reaches(table: Path, tmp_path: Path) -> None:
    outs = [tmp_path / "a.json", tmp_path / "b.json"]
    for out in outs:
        done = CliRunner().invoke(
            train_command, ["smart", "--data", str(table), "--out", str(out), "--source", "made up"]
        )
        assert done.exit_code == 0, done.output
        assert "warned_at_1_pct_flagged: " in done.output
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert SHIPPED.read_bytes() != outs[0].read_bytes()
    assert b"made up" in outs[0].read_bytes()


def test_a_table_without_failures_or_columns_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("date,serial_number\n")
    done = CliRunner().invoke(train_command, ["smart", "--data", str(tmp_path), "--out", str(tmp_path / "o.json")])
    assert done.exit_code == 1
    assert "no column failure, smart_5_raw" in done.output
    (tmp_path / "t.csv").write_text("date,serial_number,failure,smart_5_raw\n2026-01-01,a,0,0\n")
    done = CliRunner().invoke(train_command, ["smart", "--data", str(tmp_path), "--out", str(tmp_path / "o.json")])
    assert "too few failed drives" in done.output


def test_a_gap_of_days_counts_as_days_and_a_second_report_of_a_day_is_not_another_day() -> None:
    drive = Drive()
    for at in (0, DAY_MS // 4, DAY_MS // 2):
        drive.hear(T0 + at, Told(reallocated=8.0, read_rate=5.0))
    assert drive.days == 0
    signs = dict(zip(SIGNS, drive.hear(T0 + 4 * DAY_MS, Told(reallocated=16.0, read_rate=5.0)), strict=True))
    assert (drive.days, signs["missed_days"]) == (1, 3.0)
    assert signs["grew_7d"] == pytest.approx(math.log1p(1))
    assert signs["grew_1d"] == 0.0


@pytest.mark.parametrize("harm", ["another digest", "no digest", "no card", "not JSON", "other signs"])
def test_a_scorecard_that_is_not_the_one_pinned_warns_of_nothing_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    path = tmp_path / "card.json"
    smart_card.written(card(), path)
    assert smart_card.read(path).weight == card().weight
    if harm == "another digest":
        path.write_bytes(path.read_bytes().replace(b"weight", b"Weight", 1))
    elif harm in ("no digest", "no card"):
        (smart_card.pinned(path) if harm == "no digest" else path).unlink()
    else:
        path.write_bytes(b"{" if harm == "not JSON" else path.read_bytes().replace(b'"both"', b'"none"'))
        smart_card.pinned(path).write_text(hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(smart_card, "SHIPPED", path)
    smart_card.card.cache_clear()
    try:
        eyes, dying = Eyes(), {"smart_5_raw.sda": 5000.0, "smart_197_raw.sda": 900.0, "smart_187_raw.sda": 100.0}
        assert [v for day in range(9) for v in eyes.look("m", dying, 3, T0 + day * DAY_MS, False)] == []
        assert smart_card.trouble()
        assert "signs of wear" in watch_facts.facts({}, cast(LogReader, None), 0, {}, T0)["degraded"]
    finally:
        smart_card.card.cache_clear()


def test_the_shipped_scorecard_is_the_one_pinned() -> None:
    assert smart_card.trouble() == ""
    assert smart_card.pinned(SHIPPED).read_text().strip() == card().lineage["digest"]
