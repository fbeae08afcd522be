"""Which schema this code needs and which one a database has, known without importing what migrates."""

from __future__ import annotations

from pathlib import Path

import psycopg

MIGRATIONS = Path(__file__).resolve().parent.parent / "alembic"


def head() -> str:
    """The revision this code needs: the files are numbered in order (a test holds them to it)."""
    return max(file.stem.split("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


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
