"""Bring the database to the schema this code was written for, and say where it stands."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from alembic import command

MIGRATIONS = Path(__file__).resolve().parent.parent / "alembic"


class MigrationError(Exception):
    """The database could not be migrated; the message is one sentence for a person."""


def config(url: str) -> Config:
    """Alembic's configuration for the database at `url`, independent of the working directory."""
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return made


def head() -> str:
    """The revision this code needs: the files are numbered in order, so nothing has to be imported to know it."""
    return max(file.stem.split("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def current(url: str) -> str | None:
    """The revision the database at `url` stands at; None when it was never migrated."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    except ProgrammingError:
        return None
    finally:
        engine.dispose()


def upgrade(url: str) -> tuple[str | None, str]:
    """Migrate to head under the advisory lock; returns the revisions before and after. Raises MigrationError."""
    try:
        before = current(url)
        if before is not None and before > head():
            raise MigrationError(
                f"the database was migrated by a newer Vigie (revision {before}, this one knows up to {head()}): "
                "start it with that version, or with --fresh to begin anew"
            )
        if before != head():
            command.upgrade(config(url), "head")
        return before, head()
    except OperationalError as error:
        raise MigrationError(f"the database does not answer: {str(error.orig).strip()}") from error
    except CommandError as error:
        raise MigrationError(f"the migrations do not fit together: {error}") from error
