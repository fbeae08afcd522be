"""Bring the database to the schema this code was written for."""

from __future__ import annotations

import psycopg
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from alembic import command
from app.revisions import MIGRATIONS, current, head, known


class MigrationError(Exception):
    """The database could not be migrated; the message is one sentence for a person."""


def config(url: str) -> Config:
    """Alembic's configuration for the database at `url`, independent of the working directory."""
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return made


def upgrade(url: str) -> tuple[str | None, str]:
    """Migrate to head under the advisory lock; returns the revisions before and after. Raises MigrationError."""
    try:
        before = current(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
        if before is not None and before not in known():
            raise MigrationError(
                f"the database was migrated by a newer Vigie (revision {before}, this one knows up to {head()}): "
                "start it with that version, or with --fresh to begin anew"
            )
        if before != head():
            command.upgrade(config(url), "head")
        return before, head()
    except psycopg.OperationalError as error:
        raise MigrationError(f"the database does not answer: {str(error).strip()}") from error
    except DBAPIError as error:
        raise MigrationError(f"the database refused a migration: {str(error.orig).strip()}") from error
    except CommandError as error:
        raise MigrationError(f"the migrations do not fit together: {error}") from error
