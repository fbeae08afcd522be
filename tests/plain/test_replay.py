"""Replay: the same bytes twice, the same incidents from any prefix, and the commands people type."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from app.commands.decode import command as decode_command
from app.commands.replay import command as replay_command
from telemetry.recording import Message
from telemetry.replay import INCIDENT_COLUMNS, replay, rfc3339

T0 = 1_769_904_000_000  # 2026-02-01T00:00:00Z
STEP = 60_000


@pytest.fixture(scope="module")
def stream() -> list[Message]:
    """Two servers, a day and a half of history, five hours with two problems each."""
    told = []
    for k, name in enumerate(("one", "two")):
        rng = np.random.default_rng(k)
        for i in range(-2160, 300):
            load = 40 + 20 * np.sin(i * 2 * np.pi / 1440) + rng.normal(0, 2)
            row = {f"m{j}": float(load * (j + 1) + rng.normal(0, 2)) for j in range(5)}
            if 100 + 20 * k <= i < 112 + 20 * k or 200 <= i < 215:
                row |= {"m1": row["m1"] * 3, "m2": 0.0, "m4": row["m4"] * 2}
            body = json.dumps({"seq": i + 2160, "at": T0 + i * STEP, "metrics": row}).encode()
            told.append(Message(T0 + i * STEP, f"vigie/{name}/report", body))
    return sorted(told, key=lambda m: (m.t_ms, m.topic))


def run(stream: list[Message], out: Path, *, scores: bool = False) -> list[dict[str, str]]:
    replay(stream, out, out.with_suffix(".scores") if scores else None, T0)
    with out.open(newline="") as f:
        return list(csv.DictReader(f))


def test_twice_the_same_bytes(stream: list[Message], tmp_path: Path) -> None:
    run(stream, tmp_path / "a", scores=True)
    run(stream, tmp_path / "b", scores=True)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a.scores").read_bytes() == (tmp_path / "b.scores").read_bytes()
    assert len((tmp_path / "a.scores").read_text().splitlines()) == 1 + 2 * 300


def test_each_problem_is_one_incident_from_when_it_opened_to_when_it_ended(
    stream: list[Message], tmp_path: Path
) -> None:
    rows = run(stream, tmp_path / "a")
    assert tuple(rows[0]) == INCIDENT_COLUMNS
    assert [r["machine"] for r in rows] == ["one", "two", "one", "two"]
    starts = [(100, 105), (120, 125), (200, 205), (200, 205)]
    for row, (low, high) in zip(rows, starts, strict=True):
        assert rfc3339(T0 + low * STEP) <= row["start"] <= rfc3339(T0 + high * STEP)
        assert row["start"] < row["end"] < rfc3339(T0 + (high + 30) * STEP)
        assert set(row["metrics"].split()) <= {"m0", "m1", "m2", "m3", "m4"}


def test_any_prefix_gives_the_same_incidents_up_to_its_end(stream: list[Message], tmp_path: Path) -> None:
    whole = run(stream, tmp_path / "whole")
    first = next(i for i, m in enumerate(stream) if m.t_ms >= T0)
    for cut in random.Random(7).sample(range(first, len(stream)), 5):
        until = rfc3339(stream[cut - 1].t_ms)
        expected = [dict(r, end=r["end"] if r["end"] <= until else "") for r in whole if r["start"] <= until]
        assert run(stream[:cut], tmp_path / "part") == expected


def said(at: int, metrics: dict[str, float], ahead: int = 0) -> Message:
    body = {"seq": at, "at": T0 + 10_000 * at + ahead, "metrics": metrics}
    return Message(T0 + 10_000 * at, "vigie/one/report", json.dumps(body).encode())


def test_a_metric_that_falls_silent_is_told_alike_of_any_prefix_whatever_is_told_twice(tmp_path: Path) -> None:
    told = [said(k, {"cpu_util": 5.0} | ({} if 40 <= k < 60 else {"fan_rpm": 9.0})) for k in range(80)]
    stream = [each for k, m in enumerate(told) for each in (m, *told[max(0, k - 3) : k : 2])]
    whole = run(stream, tmp_path / "whole")
    assert [(row["cause"], bool(row["end"])) for row in whole] == [("silence:fan_rpm", True)]
    for cut in random.Random(3).sample(range(80, len(stream)), 6):
        until = rfc3339(stream[cut - 1].t_ms)
        expected = [dict(r, end=r["end"] if r["end"] <= until else "") for r in whole if r["start"] <= until]
        assert run(stream[:cut], tmp_path / "part") == expected


@pytest.mark.parametrize(("ahead", "opens"), [(240_000, 1), (420_000, 0)])
def test_what_is_dated_too_far_ahead_is_refused_as_live(ahead: int, opens: int, tmp_path: Path) -> None:
    stream = [said(k, {"mem_used_pct": 99.0}, ahead) for k in range(30)]
    assert len(run(stream, tmp_path / "a")) == opens


def test_replay_as_a_command(stream: list[Message], tmp_path: Path) -> None:
    recording, out = tmp_path / "r.jsonl", tmp_path / "i.csv"
    recording.write_bytes(b"".join(m.line() for m in stream) + Message(T0, "nowhere", b"").line())
    arguments = [str(recording), "--history-until", "2026-02-01T00:00:00Z", "--incidents", str(out)]
    result = CliRunner().invoke(replay_command, arguments)
    assert result.exit_code == 0
    assert "4 incidents" in result.output
    assert "refused, empty: 1" in result.output
    for wrong in ("tomorrow", "2026-02-01T00:00:00"):
        assert CliRunner().invoke(replay_command, [*arguments[:2], wrong, *arguments[3:]]).exit_code == 2


def test_decode_prints_readings_and_refusals(tmp_path: Path) -> None:
    recording = tmp_path / "r.jsonl"
    recording.write_bytes(
        Message(T0, "vigie/a/report", b'{"seq":1,"metrics":{"x":1}}').line()
        + Message(T0, "vigie/a/report", b"{").line()
        + Message(T0, "vigie/a/event", b'{"code":"ecc","text":"A2"}').line()
        + Message(T0, "glances/a/cpu/user", b"3").line()
    )
    result = CliRunner().invoke(decode_command, [str(recording)])
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.output.splitlines()]
    assert lines[0] == {
        "machine": "a", "at": "2026-02-01T00:00:00Z", "metrics": {"x": 1.0}, "seq": 1, "format": "native",
    }  # fmt: skip
    assert (lines[1]["refused"], lines[1]["topic"]) == ("not_json", "vigie/a/report")
    assert lines[2]["event"]["code"] == "ecc"
    assert lines[3]["metrics"] == {"cpu.user": 3.0}
    (tmp_path / "bad").write_text("nonsense")
    assert "line 1" in CliRunner().invoke(decode_command, [str(tmp_path / "bad")]).output
