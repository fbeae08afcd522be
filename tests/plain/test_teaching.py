"""Verdicts teach: by likeness, with a vote, reversibly, and one wrong word in ten does not blind."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from app.commands.replay import command as replay_command
from telemetry.oracle import BadLabels, Oracle, cut, read
from telemetry.reading import Reading
from telemetry.recording import Message
from telemetry.replay import replay
from telemetry.teaching import FORTNIGHT_MS, LOUDER, UP, Case, Judgement, Taught, signature_of
from telemetry.verdict import Verdict

T0 = 1_769_904_000_000
BURSTS = (144, 60, 210, 100, 180, 120)  # steps of five minutes into each day
DAY_MS = 86_400_000
CPU = {"cpu": 0.8, "load": 0.6}
DISK = {"disk": 1.0}


def taught(*words: str, signature: dict[str, float] = CPU, peaks: tuple[float, ...] = ()) -> Taught:
    """A machine whose incidents, an hour apart, were judged so."""
    t = Taught()
    for i, word in enumerate(words):
        case = Case(T0 + i * 3_600_000, peaks[i] if peaks else 1.5, signature)
        t.judge(Judgement("m", f"f{i}", word, T0 + DAY_MS, case))
    return t


NOW = T0 + 2 * DAY_MS


def test_an_alarm_like_a_dismissed_one_must_be_louder_and_another_need_not() -> None:
    t = taught("false")
    assert t.holds(CPU, NOW).bar == pytest.approx(LOUDER * 1.5)
    assert t.holds(DISK, NOW).bar == pytest.approx(UP)


def test_harmless_counts_like_false() -> None:
    assert taught("benign").holds(CPU, NOW) == taught("false").holds(CPU, NOW)


def test_the_loudest_dismissed_sets_the_bar() -> None:
    assert taught("false", "false", peaks=(3.0, 1.2)).holds(CPU, NOW).bar == pytest.approx(3.9)


@pytest.mark.parametrize(
    ("words", "restrains"),
    [("false", True), ("false true", False), ("false false true", False), ("false false false true", True),
     ("false " * 4 + "true true", False), ("false " * 5 + "true true", True)],
)  # fmt: skip
def test_restraint_needs_twice_as_many_dismissed_and_one_more(words: str, restrains: bool) -> None:
    held = taught(*words.split()).holds(CPU, NOW)
    assert (held.bar > 1.5) == restrains
    assert bool(held.like) == restrains


def test_one_wrong_word_in_ten_confirmations_changes_nothing() -> None:
    held = taught(*["true"] * 9, "false").holds(CPU, NOW)
    assert held.bar == pytest.approx(UP)


def test_the_level_never_falls_below_where_it_began_and_rises_no_higher_than_double() -> None:
    assert taught(*["true"] * 20).holds(DISK, NOW).bar == 1.0
    assert taught(*["false"] * 80).holds(DISK, NOW).bar == 2.0


def test_a_word_withdrawn_or_changed_leaves_nothing_behind() -> None:
    t = taught("false")
    t.judge(Judgement("m", "f0", "", NOW))
    assert t.holds(CPU, NOW).bar == 1.0
    t.judge(Judgement("m", "f0", "true", NOW))
    assert t.holds(CPU, NOW).bar == 1.0
    t.judge(Judgement("m", "f0", "false", NOW))
    assert t.holds(CPU, NOW) == taught("false").holds(CPU, NOW)


def test_a_word_counts_from_its_instant_and_for_a_fortnight() -> None:
    t = taught("false")
    assert t.holds(CPU, T0 + DAY_MS - 1).bar == 1.0
    assert t.holds(CPU, T0 + DAY_MS).bar > 1.0
    assert t.holds(CPU, T0 + FORTNIGHT_MS + 1).bar == 1.0


def test_the_reason_says_what_restrains() -> None:
    assert "1 like it was dismissed" in taught("false").holds(CPU, NOW).reason
    assert "raised this machine's threshold to 1.05" in taught("false").holds(DISK, NOW).reason
    assert Taught().holds(CPU, NOW).reason == ""


def test_a_signature_keeps_the_eight_loudest_at_length_one() -> None:
    shares = np.arange(12.0)
    s = signature_of([f"m{i}" for i in range(12)], shares)
    assert sorted(s) == sorted(f"m{i}" for i in range(4, 12))
    assert sum(v * v for v in s.values()) == pytest.approx(1.0, abs=1e-3)
    assert signature_of(["a", "b"], np.zeros(2)) == {}


def test_state_comes_back_whole() -> None:
    t = taught("false", "true")
    again = Taught.restored(json.loads(json.dumps(t.state())))
    assert again.holds(CPU, NOW) == t.holds(CPU, NOW)
    assert again.state() == t.state()


# ---- the oracle


def opened(at: int, *, end: bool = False, started: int | None = None) -> Verdict:
    return Verdict("m", "cpu", "anomaly", 3, 6.0, at, at if started is None else started, (), "", "", {}, not end)


def test_the_oracle_speaks_a_day_after_the_opening_and_not_before() -> None:
    oracle = Oracle({"m": [(T0, T0 + 60_000)]}, DAY_MS)
    oracle.take(opened(T0 + 30_000))
    assert oracle.due(T0 + 30_000 + DAY_MS - 1) == []
    (word,) = oracle.due(T0 + 30_000 + DAY_MS)
    assert (word.word, word.at_ms) == ("true", T0 + 30_000 + DAY_MS)
    assert word.finding == str(opened(T0 + 30_000).finding_id)
    assert oracle.due(T0 + 9 * DAY_MS) == []


def test_what_overlaps_no_problem_is_false_and_what_runs_into_one_is_true() -> None:
    oracle = Oracle({"m": [(T0 + 100_000, T0 + 200_000)]}, DAY_MS)
    for start, end in ((0, 90_000), (0, 110_000), (200_000, 210_000), (150_000, 160_000)):
        oracle.take(opened(T0 + start))
        oracle.take(opened(T0 + end, end=True, started=T0 + start))
        assert oracle.due(T0 + start + DAY_MS)[0].word == (
            "true" if (start, end) in ((0, 110_000), (150_000, 160_000)) else "false"
        )


def test_about_one_word_in_ten_is_turned_round_the_same_ones_each_time() -> None:
    def words(seed: int) -> list[str]:
        oracle = Oracle({}, DAY_MS, 0.1, seed)
        for i in range(500):
            oracle.take(opened(T0 + i * 60_000))
        return [j.word for j in oracle.due(T0 + 9 * DAY_MS)]

    assert 25 <= words(1).count("true") <= 80
    assert words(1) == words(1)
    assert words(1) != words(2)


def test_words_fall_due_at_their_instant_however_batches_lie() -> None:
    oracle = Oracle({}, 120_000)
    heard = [Reading("m", T0 + i * 60_000, {"a": 1.0}, None, T0 + i * 60_000, "native") for i in range(6)]
    order: list[str] = []
    for piece, words in cut(heard, oracle):
        order += [f"word {(w.at_ms - T0) // 60_000}" for w in words]
        for h in piece:
            assert isinstance(h, Reading)
            order.append(str((h.at_ms - T0) // 60_000))
            if h.at_ms == T0 + 60_000:
                oracle.take(opened(h.at_ms))
    assert order == ["0", "1", "2", "word 3", "3", "4", "5"]


def test_labels_that_cannot_be_read_say_where(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("machine,start\nm,2026-02-01T00:00:00Z\n")
    with pytest.raises(BadLabels, match="no column end"):
        read(path)
    path.write_text("machine,start,end\nm,2026-02-01T00:00:00Z,\nm,yesterday,\n")
    with pytest.raises(BadLabels, match="line 3"):
        read(path)


# ---- through the replay


@pytest.fixture(scope="module")
def stream() -> list[Message]:
    """One server: three days of history, then six days with the same harmless burst at another hour each day."""
    rng = np.random.default_rng(3)
    told = []
    for i in range(-864, 288 * 6):
        load = 40 + 10 * np.sin(i * 2 * np.pi / 288) + rng.normal(0, 1)
        row = {f"m{j}": float(load * (j + 1) + rng.normal(0, 1)) for j in range(12)}
        if i > 0 and (i - BURSTS[i // 288]) % 288 < 6:
            row["m1"] += 60.0
        if i == 288 * 4 + 30:
            row |= {f"m{j}": 1500.0 for j in (6, 7, 8)}
        body = json.dumps({"seq": i + 864, "at": T0 + i * 300_000, "metrics": row}).encode()
        told.append(Message(T0 + i * 300_000, "vigie/one/report", body))
    return told


def instant(start: str) -> int:
    return round(datetime.fromisoformat(start).timestamp() * 1000)


def run(stream: list[Message], out: Path, oracle: Oracle | None) -> list[str]:
    replay(stream, out, None, T0, oracle)
    with out.open(newline="") as f:
        return [r["start"] for r in csv.DictReader(f)]


def test_dismissing_a_daily_burst_ends_it_and_another_problem_still_opens(
    stream: list[Message], tmp_path: Path
) -> None:
    bursts = {T0 + (288 * day + at + k) * 300_000 for day, at in enumerate(BURSTS) for k in range(6)}
    without = run(stream, tmp_path / "a", None)
    with_words = run(stream, tmp_path / "b", Oracle({}, DAY_MS))
    assert len(bursts.intersection(map(instant, without))) >= 4
    assert len(bursts.intersection(map(instant, with_words))) <= 2
    other = T0 + (288 * 4 + 30) * 300_000
    assert other in map(instant, without)
    assert other in map(instant, with_words)


def test_any_prefix_gives_the_same_incidents_with_verdicts_too(stream: list[Message], tmp_path: Path) -> None:
    whole = run(stream, tmp_path / "a", Oracle({}, DAY_MS, 0.1, 7))
    for cut_at in (1511, 2000):
        part = run(stream[:cut_at], tmp_path / "b", Oracle({}, DAY_MS, 0.1, 7))
        assert part == whole[: len(part)]
        until = stream[cut_at - 1].t_ms
        assert len(part) == sum(instant(s) <= until for s in whole)


def test_the_command_takes_a_list_of_problems(stream: list[Message], tmp_path: Path) -> None:
    recording = tmp_path / "r.jsonl"
    recording.write_text(
        "".join(json.dumps({"t_ms": m.t_ms, "topic": m.topic, "payload": m.payload.decode()}) + "\n" for m in stream)
    )
    labels = tmp_path / "labels.csv"
    labels.write_text("machine,start,end\n")
    asked = [str(recording), "--history-until", "2026-02-01T00:00:00Z", "--incidents", str(tmp_path / "i.csv"),
             "--verdicts", str(labels)]  # fmt: skip
    done = CliRunner().invoke(replay_command, [*asked, "--verdict-delay", "1d", "--verdict-noise", "0", "--seed", "3"])
    assert done.exit_code == 0, done.output
    assert "false" in done.stderr
    done = CliRunner().invoke(replay_command, [*asked, "--verdict-delay", "soon"])
    assert done.exit_code == 2
    assert "write 30m, 6h or 1d" in done.output
