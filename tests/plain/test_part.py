"""A part is known by the number the supervisor started it under."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from telemetry import part

_LEASH = Path(__file__).resolve().parents[2] / "app" / "leash.py"
_ASK = "from telemetry import part; print(part.pid(), flush=True)"


def test_a_part_is_known_by_its_own_number() -> None:
    assert part.pid() == os.getpid()


def test_behind_a_leash_that_stays_a_part_is_known_by_the_number_of_the_leash() -> None:
    stays = f"import runpy, sys; sys.platform = 'darwin'; runpy.run_path({str(_LEASH)!r}, run_name='__main__')"
    argv = [sys.executable, "-c", stays, str(os.getpid()), "15", "keep", "--", sys.executable, "-c", _ASK]
    leash = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=_LEASH.parents[1])
    said, _ = leash.communicate(timeout=60)
    assert leash.returncode == 0
    assert int(said) == leash.pid


def test_a_leash_of_somebody_else_changes_nothing() -> None:
    environment = {**os.environ, part.LEASH: "1"}
    asked = subprocess.run([sys.executable, "-c", _ASK], env=environment, capture_output=True, text=True, check=True,
                           cwd=_LEASH.parents[1])  # fmt: skip
    assert int(asked.stdout) not in (1, os.getpid())
