"""Run recordings through decode and detection and write the incidents."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click


class Instant(click.ParamType[datetime]):
    """An RFC 3339 instant with an offset."""

    name = "instant"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The instant, aware."""
        if isinstance(value, datetime):
            return value
        try:
            when = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no RFC 3339 instant, such as 2026-02-01T00:00:00Z", param, ctx)
        if when.tzinfo is None:
            self.fail(f"{value!r} has no offset: write 2026-02-01T00:00:00Z", param, ctx)
        return when.astimezone(UTC)


EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
WRITABLE = click.Path(dir_okay=False, writable=True, path_type=Path)


@click.command()
@click.argument("files", nargs=-1, required=True, type=EXISTING)
@click.option("--history-until", type=Instant(), help="Only learn from what lies before this instant.")
@click.option("--incidents", required=True, type=WRITABLE, help="CSV of what would have been opened.")
@click.option("--scores", type=WRITABLE, help="CSV of every score: machine, at, score in robust sigmas.")
def command(files: tuple[Path, ...], history_until: datetime | None, incidents: Path, scores: Path | None) -> None:
    """Run recordings through the same decode and detection as live, as fast as this machine allows, needing no service.

    The recording's clock is the only clock; the same recording gives the same bytes. Every machine counts as watched.
    """
    from telemetry.recording import BadRecording, merged
    from telemetry.replay import replay

    until_ms = None if history_until is None else round(history_until.timestamp() * 1000)
    try:
        tally = replay(merged(files), incidents, scores, until_ms)
    except (BadRecording, OSError) as e:
        raise click.ClickException(str(e)) from None
    click.echo(
        f"{tally.messages} messages, {tally.readings} readings of {tally.machines} machines; "
        f"{tally.incidents} incidents in {incidents}",
        err=True,
    )
    for reason, count in sorted(tally.refused.items()):
        click.echo(f"refused, {reason}: {count}", err=True)
