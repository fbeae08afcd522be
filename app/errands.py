"""What the small commands share: a transaction at the database of this desk, and errors in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.cli import read_settings
from app.problems import of_database
from app.wire import In, of_fields
from models.base import Base
from models.session import SYSTEM, make_engine, make_sessions, work

M = TypeVar("M", bound=In)
R = TypeVar("R", bound=Base)


@contextmanager
def at_the_database() -> Iterator[Session]:
    """One transaction that sees everything. Raises ClickException in words when the database is away or says no."""
    try:
        url = read_settings().database_for("worker")
    except ValueError as error:
        raise click.ClickException(f"{error}; is Vigie up? Start it with ./run") from error
    engine = make_engine(url, pool_size=1, name="vigie-errand")
    try:
        with work(make_sessions(engine), SYSTEM) as session:
            yield session
    except DBAPIError as error:
        problem = of_database(error)
        if problem.kind == "busy":
            said = str(error.orig).strip().splitlines()[0] if error.orig else "it does not answer"
            raise click.ClickException(
                f"the database cannot be reached: {said}; is Vigie up? Start it with ./run"
            ) from error
        remedy = problem.errors[0].remedy if problem.errors else problem.remedy
        raise click.ClickException(f"{problem.detail.rstrip('.')}; {remedy}") from error
    finally:
        engine.dispose()


def checked(model: type[M], **given: Any) -> M:  # Any: words of a command line
    """The words of a command line in the shape the API wants. Raises ClickException naming each wrong one."""
    try:
        return model.model_validate_strings(given)
    except ValidationError as error:
        errors = of_fields(model, error, "the command").errors
        raise click.ClickException("\n".join(f"{e.field} {e.problem}: {e.remedy}" for e in errors)) from error


def named(session: Session, kind: type[R], name: InstrumentedAttribute[str], wanted: str, what: str) -> R:
    """The row of that name. Raises ClickException."""
    found = session.scalar(select(kind).where(name == wanted))
    if found is None:
        raise click.ClickException(f"there is no {what} {wanted}; see what there is with vigie, or on the pages")
    return found
