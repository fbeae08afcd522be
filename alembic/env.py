"""Alembic's entry: migrate with the connection that `app.migrate` hands over, under one advisory lock.

Those who serve come first. A migration that meets them at a table gives way soon, is undone as a whole and tried again;
what was migrated before it stays, each migration being a transaction of its own.
"""

from __future__ import annotations

import logging
import time
from itertools import chain, repeat

import psycopg
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from alembic import context
from models import Base

# Two migrations at once would race for the same tables; the number only has to be ours.
LOCK = 0x56494749

# While a migration waits for a table, every reader of it queues behind: so it waits far less than the two seconds after
# which a reader gives up, and less than the second after which a deadlock is looked for, so that of the two it is never
# the reader who is turned away.
LIMITS = "SET lock_timeout = '400ms'; SET statement_timeout = '10min'"
# Pauses between tries; in all some four minutes, which is longer than anything of ours holds a table.
PAUSES_S = (*(0.2, 0.4, 0.8, 1.5), *repeat(3.0, 80))

log = logging.getLogger("alembic.runtime.migration")


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=Base.metadata, compare_type=True, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


def migrate_patiently(connection: Connection) -> None:
    """Migrate, giving way to those who serve and trying again; raises OperationalError when they never let it in."""
    for pause in chain(PAUSES_S, [None]):
        try:
            migrate(connection)
            break
        except OperationalError as error:
            gave_way = isinstance(error.orig, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected)
            if not gave_way or pause is None:
                raise
            log.warning("the tables are in use; migrating goes on in %s s", pause)
            connection.rollback()
            time.sleep(pause)


def main() -> None:
    given = context.config.attributes.get("connection")
    if isinstance(given, Engine):
        with given.connect() as connection:
            migrate(connection)
        return
    if given is not None:
        migrate(given)
        return
    url = context.config.get_main_option("sqlalchemy.url")
    if not url:
        raise SystemExit("no database given: run `vigie migrate`, which knows the settings")
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.execute(text(LIMITS))
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        connection.commit()
        migrate_patiently(connection)
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
        connection.commit()
    engine.dispose()


if context.is_offline_mode():
    raise SystemExit("migrations run against a live database only")
main()
