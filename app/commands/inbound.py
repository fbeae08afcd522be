"""Doors for other people's alerts: make, list and close them, and replay recorded requests through them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from app.errands import at_the_database, named

KINDS = ("alertmanager", "pagerduty", "nagios", "icinga", "hook")


@click.group()
def command() -> None:
    """Doors for other people's alerts: Alertmanager, PagerDuty's clients, Nagios, Icinga, any hook."""


@command.command()
@click.argument("name")
@click.option("--customer", required=True, help="Short name of the customer it belongs to.")
@click.option("--kind", type=click.Choice(KINDS), required=True, help="Who sends.")
@click.option("--machine", help="The machine meant when the sender names none.")
@click.option("--mapping", type=click.File(), help="A JSON file: where things stand in the body of a hook.")
@click.option(
    "--severity",
    "severities",
    multiple=True,
    metavar="WORD=1..4",
    help="What the sender's word means; may be repeated.",
)
@click.option(
    "--one-for", type=click.Choice(["alert", "group"]), help="What an incident stands for, at an Alertmanager."
)
@click.option("--no-acknowledge", is_flag=True, help="An acknowledgement of the sender does not stop our ladder.")
@click.option("--token-in-path", is_flag=True, help="The token may stand in the path, for senders without headers.")
@click.option("--token", default="", help="One the sender has already.  [default: one is made]")
@click.option("--bare", is_flag=True, help="Only the token.")
def add(
    name: str,
    customer: str,
    kind: str,
    machine: str | None,
    mapping: Any,
    severities: tuple[str, ...],
    one_for: str | None,
    no_acknowledge: bool,
    token_in_path: bool,
    token: str,
    bare: bool,
) -> None:
    """Make a door called NAME and show its token, this once."""
    from app.cli import read_settings
    from escalation.inbound import doors
    from escalation.inbound.body import BadBody
    from models.customers import Customer
    from models.machines import Machine

    settings: dict[str, Any] = {}
    if mapping is not None:
        settings["mapping"] = _json(mapping.read())
    if severities:
        settings["severities"] = dict(_severity(each) for each in severities)
    if one_for:
        settings["one_for"] = one_for
    if no_acknowledge:
        settings["acknowledges"] = False
    if token_in_path:
        settings["token_in_path"] = True
    kind = "nagios" if kind == "icinga" else kind
    with at_the_database() as session:
        owner = named(session, Customer, Customer.slug, customer, "customer")
        meant = named(session, Machine, Machine.name, machine, "machine") if machine else None
        try:
            _, text = doors.make(
                session, owner.id, name, kind, "vigie inbound", datetime.now(UTC),
                settings=settings, machine_id=meant.id if meant else None, token=token,
            )  # fmt: skip
        except BadBody as error:
            raise click.ClickException(f"{error.field} {error.problem}: {error.remedy}") from error
    if bare:
        click.echo(text)
        return
    address = read_settings().address
    click.echo(f"{text}\nIt is shown this once. The sender posts to " + (
        f"{address}/v2/enqueue, with it as routing_key." if kind == "pagerduty"
        else f"{address}/in/{kind}, with the header  Authorization: Bearer {text}"
    ))  # fmt: skip


@command.command("list")
def list_() -> None:
    """List doors; never their token."""
    from models.customers import Customer
    from models.inbound import InboundDoor

    with at_the_database() as session:
        found = select(InboundDoor, Customer.slug).join(Customer, Customer.id == InboundDoor.customer_id)
        for row, slug in session.execute(found.order_by(Customer.slug, InboundDoor.name)):
            state = "closed" if row.closed_at else f"used {row.used_at:%Y-%m-%d}" if row.used_at else "never used"
            click.echo(f"{row.id}  {slug:<20}  {row.kind:<12}  …{row.token_end}  {state:<16}  {row.name}")


@command.command()
@click.argument("door")
def close(door: str) -> None:
    """Close the door with the id DOOR: nothing comes in any more."""
    import uuid

    from escalation.inbound import doors
    from models.inbound import InboundDoor

    with at_the_database() as session:
        try:
            row = session.get(InboundDoor, uuid.UUID(door))
        except ValueError:
            row = None
        if row is None:
            raise click.ClickException(f"there is no door {door}; see vigie inbound list")
        doors.close(session, row, "vigie inbound", datetime.now(UTC))
    click.echo(f"{row.name} is closed")


@command.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--everything", is_flag=True, help="Take also the lines that were refused when they were recorded.")
@click.option("--accepted-only", is_flag=True, help="Take only the lines that were answered 2xx; as without it.")
@click.option("--against", type=click.File(), help="An expected.json: say where the states differ, and end with 1.")
@click.option(
    "--one-for",
    type=click.Choice(["alert", "group"]),
    default="alert",
    help="What an incident stands for, at an Alertmanager.",
)
def replay(files: tuple[Path, ...], everything: bool, accepted_only: bool, against: Any, one_for: str) -> None:
    """Take recorded requests line by line and print what is open after each.

    FILES are JSON lines {t_ms, method, path, headers, body|body_b64, answered[, answer]}. They go through the real
    doors, intake and contract of a customer made for it, in one transaction that is rolled back: nothing stays.
    """
    from app.rehearsal import play
    from escalation.inbound.body import BadBody

    if everything and accepted_only:
        raise click.ClickException("--everything and --accepted-only exclude each other")
    stated = _json(against.read()) if against is not None else {}
    wrong = 0
    try:
        for file, said in zip(files, play(files, everything=everything, one_for=one_for), strict=True):
            if against is None:
                click.echo(json.dumps({file.name: said}, ensure_ascii=False, indent=1))
            else:
                wrong += _compare(file.name, said, stated)
    except BadBody as error:
        raise click.ClickException(f"{error.field} {error.problem}: {error.remedy}") from error
    if wrong:
        raise SystemExit(1)


def _compare(name: str, said: dict[str, Any], stated: dict[str, Any]) -> int:
    """Say where a recording's states differ from what was stated; how many lines do."""
    expected = stated.get(name, {}).get("after")
    if not isinstance(expected, list):
        click.echo(f"{name}: nothing is stated for it")
        return 1
    wrong = 0
    for at, want in enumerate(expected):
        got = said["after"][at] if at < len(said["after"]) else None
        if got != want:
            wrong += 1
            click.echo(f"{name}: after line {want.get('after', at + 1)}")
            click.echo(f"  stated {json.dumps(want, ensure_ascii=False)}")
            click.echo(f"  found  {json.dumps(got, ensure_ascii=False)}")
    click.echo(f"{name}: {len(expected) - wrong} of {len(expected)} states as stated")
    return wrong


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise click.ClickException(f"the file is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise click.ClickException("the file holds no JSON object")
    return found


def _severity(text: str) -> tuple[str, int]:
    word, _, value = text.partition("=")
    if not word or value not in ("1", "2", "3", "4"):
        raise click.ClickException(f"--severity {text}: give WORD=1 to WORD=4")
    return word.lower(), int(value)
