"""What a watcher does before it takes a partition."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
from pathlib import Path
from app.settings import Settings
from telemetry import watch

def read() -> bool:
    return "holidays.countries" in sys.modules

def takes(*_: object) -> None:
    print(read())
    raise SystemExit

print(read())
watch.open_reader = takes
watch.main(Settings(data=Path("."), database_url="postgresql://nobody@localhost:1/nothing"))
"""


def test_public_holidays_are_read_before_the_first_incident_asks_for_them() -> None:
    """In a process of its own: others of these tests have read them in this one."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=False, cwd=ROOT
    )
    assert (done.stdout.split(), done.stderr, done.returncode) == (["False", "True"], "", 0)
