"""Alembic's entry: migrate with the connection that `app.migrate` hands over, under one advisory lock."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, create_engine, text

from alembic import context
from models import Base

# Two migrations at once would race for the same tables; the number only has to be ours.
LOCK = 0x56494749

# A migration waits briefly for a lock and then gives up, rather than queue every reader behind it.
LIMITS = "SET lock_timeout = '4s'; SET statement_timeout = '10min'"


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=Base.metadata, compare_type=True, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


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
        migrate(connection)
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
        connection.commit()
    engine.dispose()


if context.is_offline_mode():
    raise SystemExit("migrations run against a live database only")
main()
