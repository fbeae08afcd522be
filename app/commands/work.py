"""Send notices, climb ladders, notice silence, look after broker and tables."""

from __future__ import annotations

import click

from app.cli import read_settings


@click.command()
def command() -> None:
    """Send notices, climb ladders, notice silence, keep the broker's accounts and the tables in order."""
    from app import logs, loops
    from escalation import work
    from models.session import make_engine, make_sessions
    from telemetry import broker, history, silence

    settings = read_settings()
    logs.set_up(settings)
    engine = make_engine(settings.database_for("worker"), pool_size=2, name="vigie-upkeep")
    sessions = make_sessions(engine)
    upkeep = [
        loops.Loop("accounts", 2.0, broker.credentials_loop(settings, sessions)),
        loops.Loop("silence", 5.0, silence.silence_loop(sessions)),
        loops.Loop("compaction", 60.0, history.compaction_loop(sessions)),
    ]
    try:
        with loops.running(upkeep):
            work.main(settings)
    finally:
        engine.dispose()
