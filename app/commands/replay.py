"""Run recordings through decode and detection and write the incidents."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

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


class Span(click.ParamType[int]):
    """A span such as 90s, 15m, 6h or 1d, in milliseconds."""

    name = "span"
    _UNITS: ClassVar = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds, more than none."""
        if isinstance(value, int):
            return value
        text = str(value)
        number, unit = text[:-1], self._UNITS.get(text[-1:])
        if unit is None or not number.isdigit() or int(number) == 0:
            self.fail(f"{value!r} is no span: write 30m, 6h or 1d", param, ctx)
        return int(number) * unit


EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
WRITABLE = click.Path(dir_okay=False, writable=True, path_type=Path)


@click.command()
@click.argument("files", nargs=-1, required=True, type=EXISTING)
@click.option("--history-until", type=Instant(), help="Only learn from what lies before this instant.")
@click.option("--incidents", required=True, type=WRITABLE, help="CSV of what would have been opened.")
@click.option("--scores", type=WRITABLE, help="CSV of every score: machine, at, score in robust sigmas.")
@click.option("--verdicts", type=EXISTING, help="CSV of real problems (machine, start, end) to judge incidents by.")
@click.option("--verdict-delay", type=Span(), default="1d", show_default=True, help="Judged so long after it opened.")
@click.option(
    "--verdict-noise", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Share judged wrong."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Which of them are judged wrong.")
def command(
    files: tuple[Path, ...],
    history_until: datetime | None,
    incidents: Path,
    scores: Path | None,
    verdicts: Path | None,
    verdict_delay: int,
    verdict_noise: float,
    seed: int,
) -> None:
    """Run recordings through the same decode and detection as live, as fast as this machine allows, needing no service.

    The recording's clock is the only clock; the same recording gives the same bytes. Every machine counts as watched.
    With --verdicts each incident is judged as an engineer would, after the delay and never before; the list of problems
    is seen by nothing else.
    """
    from telemetry import oracle
    from telemetry.recording import BadRecording, merged
    from telemetry.replay import replay

    until_ms = None if history_until is None else round(history_until.timestamp() * 1000)
    try:
        judge = None if verdicts is None else oracle.Oracle(oracle.read(verdicts), verdict_delay, verdict_noise, seed)
        tally = replay(merged(files), incidents, scores, until_ms, judge)
    except (BadRecording, oracle.BadLabels, OSError) as e:
        raise click.ClickException(str(e)) from None
    click.echo(
        f"{tally.messages} messages, {tally.readings} readings of {tally.machines} machines; "
        f"{tally.incidents} incidents in {incidents}",
        err=True,
    )
    if judge is not None:
        click.echo("judged: " + (", ".join(f"{n} {w}" for w, n in sorted(judge.words.items())) or "none"), err=True)
    for reason, count in sorted(tally.refused.items()):
        click.echo(f"refused, {reason}: {count}", err=True)
