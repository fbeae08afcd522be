"""Which schema this code needs and which one a database has, known without importing what migrates."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg

MIGRATIONS = Path(__file__).resolve().parent.parent / "alembic"
_LINES = re.compile(r'^(revision|down_revision) = "(\w+)"', re.MULTILINE)


def head() -> str:
    """The revision this code needs: the one that no other comes after.

    Numbers alone do not tell: several hands write migrations at once, and a lower number may come to stand on a higher.
    """
    (last,) = known().keys() - set(known().values())
    return last


def known() -> dict[str, str]:
    """Every revision of this code, and the one it stands on (empty: the first)."""
    found: dict[str, str] = {}
    for file in (MIGRATIONS / "versions").glob("[0-9]*_*.py"):
        said = dict(_LINES.findall(file.read_text()))
        found[said["revision"]] = said.get("down_revision", "")
    return found


def current(dsn: str) -> str | None:
    """The revision of the database at `dsn` (libpq's form); None when it was never migrated.

    Raises psycopg.OperationalError when the database does not answer.
    """
    with psycopg.connect(dsn) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except psycopg.errors.UndefinedTable:
            return None
    return str(row[0]) if row else None
