"""What is committed says nothing of where it was made, and no statement is pieced together from values."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.house import map

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("app", "telemetry", "escalation", "contracts", "models")

# Package indexes are named by each machine's own configuration, never by us; and no path of a machine is ours.
# In halves, so that this file does not hold what it looks for.
_PARTS = (("pypi", ".org"), ("pythonhosted", ".org"), ("registry", ".npmjs"), ("repo.maven", ".apache"), ("/work", "/"))
_ELSEWHERE = re.compile("|".join(re.escape("".join(halves)) for halves in (*_PARTS, ("/root", "/"))))

UNSAFE = ("pickle", "joblib", "shelve", "marshal")


def committed() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a repository: there is no list of committed files")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def sources() -> list[Path]:
    return [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]


def test_no_registry_and_no_path_of_a_machine_is_committed() -> None:
    found = []
    for path in committed():
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}:{n}" for n, line in enumerate(lines, 1) if _ELSEWHERE.search(line)]
    assert found == []


def test_no_sql_text_is_an_f_string() -> None:
    found = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and node.args):
                continue
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            pieced = isinstance(node.args[0], ast.JoinedStr)
            if called in ("text", "exec_driver_sql") and pieced:
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert found == []


def test_no_file_of_ours_grows_past_three_hundred_lines() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources()}
    assert {name: lines for name, lines in long.items() if lines > 300} == {}


def test_nothing_is_unpickled_and_no_shell_is_asked() -> None:
    found = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
                found += [f"{path.name}: {name}" for name in names if name.split(".")[0] in UNSAFE]
            if isinstance(node, ast.keyword) and node.arg == "shell":
                found.append(f"{path.name}:{node.value.lineno}: shell=")
    assert found == []


def test_locks_name_hashes_and_no_address() -> None:
    for name in ("requirements.lock", "requirements-test.lock", "requirements-node.lock", "requirements-pip.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        pinned = re.findall(r"^[a-z0-9._-]+==", text, flags=re.MULTILINE | re.IGNORECASE)
        assert len(pinned) <= text.count("--hash=sha256:")
    assert "resolved" not in (ROOT / "package-lock.json").read_text()


def test_the_lock_pins_what_setup_cfg_asks_for() -> None:
    setup, lock = (ROOT / "setup.cfg").read_text(), (ROOT / "requirements-test.lock").read_text()
    asked = re.findall(r"^    ([a-z0-9-]+)(?:\[[a-z]+\])?==(\S+)$", setup, flags=re.MULTILINE)
    locked = set(re.findall(r"^([a-z0-9._-]+)==(\S+)", lock, flags=re.MULTILINE))
    assert len(asked) > 20
    assert [pair for pair in asked if pair not in locked] == []


def test_what_the_readme_and_the_map_name_stands_and_nothing_is_left_out() -> None:
    folders = "app|telemetry|escalation|contracts|models|tests|deploy|bench|docs|alembic"
    for page in ("README.md", "docs/house.md", "docs/running-large.md"):
        named = re.findall(rf"[`(]((?:{folders})/[\w./-]*)[`)]", (ROOT / page).read_text())
        assert sorted(name for name in set(named) if not (ROOT / name).exists()) == [], page
    assert (ROOT / "docs" / "house.md").read_text() == map.drawn(), "run: python tests/house/map.py > docs/house.md"
