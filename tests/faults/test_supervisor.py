"""Parts die, hang, and leave children of their own; the supervisor keeps its word all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app import leash, orphans, supervisor
from app.supervisor import Part, Supervisor, pause_after

ROOT = Path(__file__).resolve().parents[2]

DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def guard(tmp_path: Path, told: list[str]) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path, told.append, dict(os.environ))
    yield made
    made.stop([list(made.runs)])
    made.close()


def python(code: str) -> list[str]:
    return leash.command([sys.executable, "-c", code])


def part(name: str, code: str) -> Part:
    return Part(name, python(code))


def await_that(claim: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_pause_before_a_restart_doubles_up_to_half_a_minute() -> None:
    assert [pause_after(n) for n in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_killed_part_is_started_again_and_its_end_is_told(guard: Supervisor, told: list[str]) -> None:
    run = guard.start(part("sleeper", "import time; time.sleep(600)"))
    first = run.process.pid
    run.process.kill()
    await_that(guard.look)
    assert (run.state, run.why) == ("waiting", "ended by SIGKILL")
    assert "sleeper ended by SIGKILL; starting it again in 0.5 s" in told[0]
    await_that(guard.look)
    assert (run.state, run.restarts) == ("running", 1)
    assert run.process.pid != first


def test_a_part_that_keeps_failing_waits_longer_each_time(guard: Supervisor, told: list[str]) -> None:
    run = guard.start(part("broken", "raise SystemExit(3)"))
    await_that(lambda: guard.look() and run.failures == 2)
    assert "ended with status 3; starting it again in 0.5 s" in told[0]
    assert "starting it again in 1 s" in told[1]


def test_what_a_dead_part_had_started_does_not_stay(guard: Supervisor, tmp_path: Path) -> None:
    child = "import subprocess, sys; print(subprocess.Popen(['sleep', '600']).pid, flush=True); sys.stdin.read()"
    code = f"import time\nexec({child!r})\ntime.sleep(600)"
    run = guard.start(part("parent", code))
    log = tmp_path / "parent.log"
    await_that(lambda: log.exists() and log.read_text().strip().isdigit())
    grandchild = int(log.read_text())
    run.process.kill()
    await_that(guard.look)
    await_that(lambda: not alive(grandchild))


def test_stages_stop_one_after_the_other(guard: Supervisor, tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    code = (
        "import signal, sys, time\n"
        "def end(*_):\n    time.sleep(0.2); open({ends!r}, 'a').write({name!r} + '\\n'); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(600)"
    )
    names = ("first", "second", "third")
    for name in names:
        guard.start(part(name, code.format(ends=str(ends), name=name)))
    await_that(lambda: all("up" in (tmp_path / f"{name}.log").read_text() for name in names))
    guard.stop([["third"], ["second"], ["first"]])
    assert ends.read_text().split() == ["third", "second", "first"]


def test_a_part_deaf_to_the_signal_is_ended_by_force(
    guard: Supervisor, told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "GRACE_S", 0.3)
    run = guard.start(part("deaf", DEAF))
    await_that(lambda: "up" in (tmp_path / "deaf.log").read_text())
    guard.stop([["deaf"]])
    assert run.process.returncode == -signal.SIGKILL
    assert "ended by force" in told[-1]


def test_a_log_grown_too_long_is_cut_back_and_the_last_one_kept(
    guard: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LARGEST_LOG", 1000)
    run = guard.start(part("talker", "print('x' * 5000, flush=True); import time; time.sleep(600)"))
    log = tmp_path / "talker.log"
    await_that(lambda: log.stat().st_size > 1000)
    guard.tidy_logs()
    assert log.stat().st_size == 0
    assert (tmp_path / "talker.log.1").stat().st_size == 1000
    assert run.process.poll() is None


def test_no_part_outlives_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path\n"
        "from app import leash; from app.supervisor import Part, Supervisor\n"
        "guard = Supervisor(Path(sys.argv[1]), print, dict(os.environ))\n"
        "run = guard.start(Part('p', leash.command([sys.executable, '-c', 'import time; time.sleep(600)'])))\n"
        "print(run.process.pid, flush=True); time.sleep(600)"
    )
    argv = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as own:
        assert own.stdout is not None
        pid = int(own.stdout.readline())
        assert alive(pid)
        own.kill()
        await_that(lambda: not alive(pid))


def test_a_leash_that_cannot_become_the_command_passes_signals_on() -> None:
    """As on systems where the kernel does not tell a child of its parent's death."""
    code = f"from app import leash; import os, sys; sys.exit(leash._watch(os.getppid(), 15, ['sleep', '600']))"  # noqa: F541
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as watcher:
        await_that(lambda: bool(psutil.Process(watcher.pid).children()))
        child = psutil.Process(watcher.pid).children()[0].pid
        watcher.terminate()
        await_that(lambda: not alive(child))


def test_the_next_start_ends_what_a_killed_one_left(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE, start_new_session=True) as left:
        assert left.stdout is not None
        left.stdout.readline()
        orphans.note(tmp_path, {"deaf": left.pid})
        orphans.PATIENCE_S, kept = 0.5, orphans.PATIENCE_S
        try:
            assert orphans.clear(tmp_path) == ["deaf"]
        finally:
            orphans.PATIENCE_S = kept
        assert not alive(left.pid)
    assert orphans.clear(tmp_path) == []


def test_a_stranger_that_was_given_the_same_number_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as stranger:
        (tmp_path / "parts.json").write_text(f'{{"part": [{stranger.pid}, 12345.0]}}')
        assert orphans.clear(tmp_path) == []
        assert stranger.poll() is None
        stranger.kill()
