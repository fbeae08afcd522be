"""What is due by itself, one thing after the other, each in a transaction of its own: what goes wrong with one stops
none of the others.

It is logged and tried again at the next turn; that it is overdue the watchman sees by its row, as of everything.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session

from models import audit
from models.session import SYSTEM, Sessions, work

log = structlog.get_logger("one by one")

# PostgreSQL's classes of errors that every other thing would meet as well: connection, resources, intervention, system.
_OF_ALL = ("08", "53", "57P", "58")


def one_by_one(
    sessions: Sessions,
    what: str,
    due: Iterable[tuple[uuid.UUID, uuid.UUID | None]],
    does: Callable[[Session, uuid.UUID], int],
) -> int:
    """Do it for each (row, customer; None: the house's own), the customer's turn taken first; how much was done in
    all.

    Raises what is wrong with the database itself: then it is nobody's own trouble, and the loop waits.
    """
    done = 0
    for id, customer_id in due:
        try:
            with work(sessions, SYSTEM) as session:
                if customer_id is not None:
                    audit.take_turns(session, customer_id)
                done += does(session, id)
        except Exception as error:
            if is_of_all(error):
                raise
            log.exception("left for the next turn", what=what, id=str(id), customer=str(customer_id))
    return done


def is_of_all(error: Exception) -> bool:
    """Whether the trouble is the database's own. A lock somebody holds, or a statement that took too long, is not."""
    if isinstance(error, NoConnection | InterfaceError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        return error.connection_invalidated or isinstance(error, OperationalError)
    return error.connection_invalidated or str(state).startswith(_OF_ALL)
