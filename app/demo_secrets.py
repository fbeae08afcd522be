"""What the data folder holds of the demo: its machines' MQTT secrets, for their owner only, and whether it left."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

_LAB = Path("lab", "secrets.json")
_AGENT = Path("agent", "secret.json")
_SENT_AWAY = "demo.removed"
_PRIVATE = 0o600


def lab_file(data: Path) -> Path:
    """Where the lab's secrets lie: a JSON object, machine → secret."""
    return data / _LAB


def agent_file(data: Path) -> Path:
    """Where the secret of this host's own agent lies: a JSON object of one machine."""
    return data / _AGENT


def read(path: Path) -> dict[str, str]:
    """Machine → secret; empty when there is no demo. Raises ValueError when the file is damaged."""
    try:
        body = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return {str(name): str(secret) for name, secret in body.items()}


def stamp(path: Path) -> int:
    """Changes whenever the secrets do; 0 when there are none. Cheaper than reading them."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def write(path: Path, secrets: Mapping[str, str]) -> None:
    """Keep secrets: whole or not at all, and never readable by others, not even for an instant."""
    if read(path) == dict(secrets):
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE), "w") as file:
        json.dump(dict(secrets), file)
    os.replace(draft, path)


def send_away(data: Path) -> None:
    """Remember that somebody took the demo away: a start does not bring it back by itself."""
    (data / _SENT_AWAY).write_text("`vigie demo install` brings the demo back\n")


def welcome(data: Path) -> None:
    """The demo is wanted again."""
    (data / _SENT_AWAY).unlink(missing_ok=True)


def is_sent_away(data: Path) -> bool:
    """Whether the demo was taken away and not asked for since."""
    return (data / _SENT_AWAY).exists()


def forget(data: Path) -> None:
    """Take the secrets away; lab and agent then rest. Their counters stay: a number once used is never used again."""
    for path in (lab_file(data), agent_file(data)):
        path.unlink(missing_ok=True)
