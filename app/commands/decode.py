"""Print what Vigie understands of a recording, one reading a line."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--machine", default="me", show_default=True, help="Who speaks where neither topic nor payload says.")
@click.option("--mapping", "mapping_file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A file of declared mappings (TOML or JSON), asked first.")  # fmt: skip
def command(file: Path, machine: str, mapping_file: Path | None) -> None:
    """Print what Vigie understands of a recording, one reading a JSON line (machine, at, metrics, seq, format).

    Values are as sent, before counters become rates. A message that is not taken is printed as its refusal and
    topic; events and status are lines of their own. Recorded requests over HTTP (OTLP, remote_write, reports) are
    read like messages.
    """
    from telemetry.mapping_files import BadMappingFile, read
    from telemetry.recording import BadRecording, messages
    from telemetry.replay import decoded

    try:
        mappings = read(mapping_file) if mapping_file is not None else []
        for line in decoded(messages(file), machine, mappings):
            sys.stdout.buffer.write(line)
    except (BadRecording, BadMappingFile) as e:
        raise click.ClickException(str(e)) from None
    except BrokenPipeError:
        # The reader of the pipe has seen enough; nothing is left to flush into it.
        sys.stderr.close()
    else:
        sys.stdout.buffer.flush()
