"""The five floors are ours, and Alembic is the installed one, whatever the working directory."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("app", "telemetry", "escalation", "contracts", "models")


@pytest.mark.parametrize("name", FLOORS)
def test_each_floor_resolves_inside_this_repository(name: str) -> None:
    assert Path(str(import_module(name).__file__)).is_relative_to(ROOT)


def test_alembic_is_the_installed_package() -> None:
    assert not Path(str(import_module("alembic").__file__)).is_relative_to(ROOT / "alembic")
    assert not (ROOT / "alembic" / "__init__.py").exists()


def test_alembic_is_the_installed_package_from_the_repository_root_too() -> None:
    asked = "import alembic.command, pathlib; print(pathlib.Path(alembic.__file__).parent)"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()) != ROOT / "alembic"


def test_tests_are_no_package() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []
