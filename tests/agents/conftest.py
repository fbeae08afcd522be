"""Real agents in environments of their own, made once and kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.session import Sessions
from tests.cast import Cast
from tests.rig import Rig, need_mosquitto

# Agents that can live together share an environment; the others need older libraries than these.
NEEDS = {
    "many": (
        "glances==4.5.8", "psmqtt==2.6.2", "paho-mqtt==2.1.0", "tb-mqtt-client==1.13.14", "mmh3==5.3.1",
        "opentelemetry-sdk==1.45.2", "opentelemetry-exporter-otlp-proto-http==1.45.2",
    ),
    "sparkplug": ("pysparkplug==0.6.1",),
    "linux2mqtt": ("linux2mqtt==1.7.0", "psutil<6"),
}  # fmt: skip
_MAKING_S = 180
Environment = Callable[[str], "Path | None"]


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "vigie-agents"


def _made(name: str) -> Path | None:
    """The Python of an environment; None when it cannot be installed here, with the reason on standard error."""
    needs = NEEDS[name]
    mark = hashlib.sha256("\n".join((sys.version, *needs)).encode()).hexdigest()[:16]
    home = _cache() / f"{name}-{mark}"
    python = home / "bin" / "python"
    if python.exists():
        return python
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent) as folder:
        fresh = Path(folder) / "env"
        try:
            subprocess.run([sys.executable, "-m", "venv", str(fresh)], check=True, capture_output=True, timeout=60)
            install = [str(fresh / "bin" / "python"), "-m", "pip", "install", "--quiet", *needs]
            subprocess.run(install, check=True, capture_output=True, timeout=_MAKING_S)
        except (subprocess.SubprocessError, OSError) as problem:
            said = getattr(problem, "stderr", b"") or b""
            print(f"agents {name}: {problem} {said.decode(errors='replace')[-500:]}", file=sys.stderr)
            return None
        if not python.exists():  # nobody else was faster
            fresh.rename(home)
    return python


@pytest.fixture(scope="session")
def environment() -> Environment:
    """`environment("sparkplug")`: a Python that has these agents, or None."""
    return _made


@pytest.fixture
def rig(tmp_path: Path, database: str, sessions: Sessions, cast: Cast) -> Iterator[Rig]:
    need_mosquitto()
    a_rig = Rig(tmp_path, database, sessions)
    yield a_rig
    a_rig.end()
