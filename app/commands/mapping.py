"""Declare how to read agents there is no format for: check, add, list, remove."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy import delete, select

from app.errands import at_the_database

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """Declare how to read agents there is no format for (the words: docs/agents.md)."""


@command.command()
@click.argument("file", type=_FILE)
def check(file: Path) -> None:
    """Say whether FILE (TOML or JSON) holds mappings that can be used. Changes nothing."""
    from telemetry.mapping_files import BadMappingFile, read

    try:
        for mapping in read(file):
            click.echo(f"{mapping.name}: {mapping.topic}, {len(mapping.values)} values, behind our prefix as "
                       f"vigie/MACHINE/{mapping.name}/…")  # fmt: skip
    except BadMappingFile as problem:
        raise click.ClickException(str(problem)) from None


@command.command()
@click.argument("file", type=_FILE)
def add(file: Path) -> None:
    """Declare the mappings of FILE; one of the same name is replaced. Watchers use them within seconds."""
    from models.audit import record
    from models.mappings import SourceMapping
    from telemetry.mapping_files import BadMappingFile, read, specs

    try:
        read(file)
        written = specs(file)
    except BadMappingFile as problem:
        raise click.ClickException(str(problem)) from None
    now = datetime.now(UTC)
    with at_the_database() as session:
        for spec in written:
            name = spec["name"]
            session.execute(delete(SourceMapping).where(SourceMapping.name == name))
            session.add(SourceMapping(name=name, spec=dict(spec), author="vigie mapping", created_at=now))
            record(session, actor="vigie mapping", deed="mapping.declared", subject=f"mapping {name}",
                   facts={"topic": spec["topic"]}, now=now)  # fmt: skip
            click.echo(f"declared {name}: {spec['topic']}")


@command.command("list")
def list_() -> None:
    """List declared mappings."""
    from models.mappings import SourceMapping

    with at_the_database() as session:
        for row in session.scalars(select(SourceMapping).order_by(SourceMapping.created_at)):
            click.echo(f"{row.name:<24} {row.spec.get('topic', '')}")


@command.command()
@click.argument("name")
def remove(name: str) -> None:
    """Do not use the mapping NAME any more; what it understood stays."""
    from models.audit import record
    from models.mappings import SourceMapping

    with at_the_database() as session:
        gone = session.execute(delete(SourceMapping).where(SourceMapping.name == name).returning(SourceMapping.id))
        if gone.first() is None:
            raise click.ClickException(f"there is no mapping {name}; see what there is with vigie mapping list")
        record(session, actor="vigie mapping", deed="mapping.removed", subject=f"mapping {name}", facts={},
               now=datetime.now(UTC))  # fmt: skip
    click.echo(f"removed {name}")
