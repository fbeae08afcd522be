"""A process of this floor says that it is alive and how it gets on, for the platform page and for `silence`."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from telemetry import part

_BEAT = text(
    """
    INSERT INTO process_beats AS b (name, pid, host, state, started_at, beat_at, restarts, why, facts)
    VALUES (:name, :pid, :host, 'running', :now, :now, 0, '', :facts)
    ON CONFLICT (name) DO UPDATE SET pid = excluded.pid, host = excluded.host, beat_at = excluded.beat_at,
        facts = excluded.facts,
        started_at = CASE WHEN b.pid = excluded.pid THEN b.started_at ELSE excluded.started_at END
    """
).bindparams(bindparam("facts", type_=JSONB))


def beat(session: Session, name: str, facts: Mapping[str, Any], now: datetime) -> None:
    """Write this process's row; what the supervisor knows of it (restarts, why) stays."""
    words = {"name": name, "pid": part.pid(), "host": platform.node(), "now": now, "facts": dict(facts)}
    session.execute(_BEAT, words)
