"""Hearing PostgreSQL's notifications, for the workers. A nudge and never the truth: the loops also poll."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import structlog
from psycopg import sql
from sqlalchemy import make_url

from escalation.announce import WORK

log = structlog.get_logger("wake")

_LOOK_UP_S = 1.0  # how soon a stop is seen; the wait itself costs nothing
_PAUSES_S = (0.5, 1.0, 2.0, 5.0)  # before a lost connection is made anew; the last one again and again


def listen(url: str, nudge: Callable[[], None], stop: threading.Event, channel: str = WORK) -> None:
    """Call `nudge` at each notification on `channel` until `stop` is set; a lost connection is made anew.

    `url` is SQLAlchemy's address of the database. Several notifications at once are one nudge.
    """
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    lost = 0
    while not stop.is_set():
        try:
            with psycopg.connect(
                plain, autocommit=True, connect_timeout=5, application_name="vigie-wake"
            ) as connection:
                connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                lost = 0
                nudge()  # something may have been said while nobody listened
                while not stop.is_set():
                    if list(connection.notifies(timeout=_LOOK_UP_S, stop_after=1)):
                        nudge()
        except psycopg.Error as error:
            pause = _PAUSES_S[min(lost, len(_PAUSES_S) - 1)]
            lost += 1
            log.warning("notifications lost", error=str(error), again_in_s=pause)
            stop.wait(pause)
