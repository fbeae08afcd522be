"""Trying again what the database had reasons of its own to undo: a deadlock, a lock, or being away for a moment."""

from __future__ import annotations

import time
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError

log = structlog.get_logger()

OF_ITS_OWN: Final = (OperationalError, InternalError)  # nothing was kept, and nothing of what was given is to blame
MOST: Final = 5
_PAUSE_S: Final = 0.2  # after the first failure; after the second twice as long


class Failures:
    """How often it failed in a row. One thread."""

    def __init__(self, most: int = MOST) -> None:
        self._number, self._most = 0, most

    def wait(self, problem: DBAPIError) -> None:
        """Wait a little before the next try. Raises `problem` when there were enough."""
        self._number += 1
        log.warning("watch.store_failed", why=str(problem.orig).strip())
        if self._number > self._most:
            raise problem
        time.sleep(_PAUSE_S * self._number)

    def over(self) -> None:
        """It went well."""
        self._number = 0
