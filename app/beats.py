"""What the supervisor knows of its parts, as rows of `process_beats` for the platform page.

psycopg alone, without SQLAlchemy: the supervisor only sits there, and should not hold thirty megabytes for that.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from datetime import datetime

import psycopg

from app.supervisor import Run

# A part that beats for itself keeps its own instant and facts: we know that it is there, it knows whether it gets on.
_UPSERT = """
INSERT INTO process_beats (name, pid, host, state, started_at, beat_at, restarts, why, facts)
VALUES (%(name)s, %(pid)s, %(host)s, %(state)s, %(started_at)s, %(now)s, %(restarts)s, %(why)s, '{}')
ON CONFLICT (name) DO UPDATE SET
    pid = excluded.pid, host = excluded.host, state = excluded.state, started_at = excluded.started_at,
    restarts = excluded.restarts, why = excluded.why,
    beat_at = CASE WHEN %(vouch)s OR process_beats.pid <> excluded.pid
        THEN excluded.beat_at ELSE process_beats.beat_at END
"""


class Beats:
    """Writes the rows; a missed beat is made good by the next.

    Each beat has a connection of its own: an open one would be shared by every part forked while it lives.
    """

    def __init__(self, dsn: str, started_at: datetime) -> None:
        self._dsn = dsn
        self._started_at = started_at

    def write(self, runs: Iterable[Run], now: datetime) -> bool:
        """Write one row per part and one for the supervisor; False when the database did not take them."""
        host = platform.node()
        own = {"name": "supervisor", "pid": os.getpid(), "state": "running", "started_at": self._started_at,
               "restarts": 0, "why": "", "vouch": True}  # fmt: skip
        rows = [own] + [
            {"name": run.part.name, "pid": run.process.pid, "state": run.state, "started_at": run.started_at,
             "restarts": run.restarts, "why": run.why, "vouch": run.state == "running" and not run.part.beats_itself}
            for run in runs
        ]  # fmt: skip
        try:
            with self._connect() as connection, connection.cursor() as cursor:
                cursor.executemany(_UPSERT, [{**row, "host": host, "now": now} for row in rows])
        except psycopg.OperationalError:
            return False
        return True

    def forget_others(self, names: Iterable[str]) -> None:
        """Drop rows of this host's parts that are no longer among `names`."""
        with self._connect() as connection:
            connection.execute(
                "DELETE FROM process_beats WHERE host = %s AND NOT name = ANY(%s)",
                [platform.node(), [*names, "supervisor"]],
            )

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(self._dsn, autocommit=True, application_name="vigie-supervisor")
