"""What the database is asked meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from models.session import Sessions


@contextmanager
def statements(sessions: Sessions) -> Iterator[list[str]]:
    """The text of each statement these sessions send within the block, in order."""
    said: list[str] = []

    def hear(*given: object) -> None:
        said.append(str(given[2]))

    engine = sessions.kw["bind"]
    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", hear)
