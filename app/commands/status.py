"""Say which processes run, since when, and what they cost."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from app.cli import read_settings


@click.command()
def command() -> None:
    """Say which processes of Vigie run, since when, and what they cost in memory and processor time."""
    from sqlalchemy import select
    from sqlalchemy.exc import OperationalError

    from app import words
    from models.session import SYSTEM, make_engine, make_sessions, work
    from models.telemetry import ProcessBeat

    engine = make_engine(read_settings().database_for("worker"), pool_size=1, name="vigie-status")
    try:
        with work(make_sessions(engine), SYSTEM) as session:
            beats = list(session.scalars(select(ProcessBeat).order_by(ProcessBeat.started_at)))
    except OperationalError as error:
        raise click.ClickException("Vigie does not run here: its database does not answer") from error
    finally:
        engine.dispose()
    now = datetime.now(UTC)
    total_mb = total_s = 0.0
    for beat in beats:
        megabytes, seconds = _cost(beat.pid, alone=beat.name == "supervisor")
        total_mb, total_s = total_mb + megabytes, total_s + seconds
        hours = (now - beat.started_at).total_seconds() / 3600
        ended = f", {words.count(beat.restarts, 'restart')}, last {beat.why}" if beat.restarts else ""
        click.echo(
            f"{beat.name:<12} {beat.state:<9} pid {beat.pid:<8} {megabytes:6.0f} MB {seconds:8.1f} s of processor time"
            f" in {hours:.2f} h{ended}"
        )
    click.echo(f"{'together':<36} {total_mb:6.0f} MB {total_s:8.1f} s of processor time")


def _cost(pid: int, *, alone: bool) -> tuple[float, float]:
    """Megabytes (memory shared by several counted in parts) and processor seconds of a process and what it started."""
    import psutil

    try:
        top = psutil.Process(pid)
        family = [top] if alone else [top, *top.children(recursive=True)]
    except psutil.Error:
        return 0.0, 0.0
    megabytes = seconds = 0.0
    for one in family:
        try:
            full, spent = one.memory_full_info(), one.cpu_times()
        except psutil.Error:
            continue  # it ended while we looked
        megabytes += getattr(full, "pss", full.uss) / 2**20
        seconds += spent.user + spent.system
    return megabytes, seconds
