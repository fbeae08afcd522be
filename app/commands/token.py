"""Make, list and revoke keys for programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
from sqlalchemy import select

from app.errands import at_the_database, named


@click.group()
def command() -> None:
    """Make, list and revoke keys for programs."""


@command.command()
@click.argument("label")
@click.option("--customer", help="Short name: the key sees that customer only.  [default: it acts as one of ours]")
@click.option(
    "--scope", "scopes", multiple=True, help="A right, such as incidents:read; may be repeated.  [default: all]"
)
@click.option("--days", type=click.IntRange(1, 3650), help="It ends after so many days.")
@click.option("--bare", is_flag=True, help="Only the key.")
def add(label: str, customer: str | None, scopes: tuple[str, ...], days: int | None, bare: bool) -> None:
    """Make a key called LABEL and show it, this once."""
    from app import keys, rights
    from models.customers import Customer

    known = rights.CUSTOMER_KEY if customer else frozenset(rights.RIGHTS)
    if wrong := sorted(set(scopes) - known):
        raise click.ClickException(f"no such right here: {', '.join(wrong)}; use some of {', '.join(sorted(known))}")
    now = datetime.now(UTC)
    with at_the_database() as session:
        owner = named(session, Customer, Customer.slug, customer, "customer") if customer else None
        made = keys.make(
            session,
            label=label[:200],
            scopes=scopes or known,
            customer_id=owner.id if owner else None,
            made_by=None,
            actor="vigie token",
            now=now,
            expires_at=now + timedelta(days=days) if days else None,
        )
    click.echo(
        made.text
        if bare
        else f"{made.text}\nIt is shown this once. Revoke it with: vigie token revoke {made.row.key_id}"
    )


@command.command("list")
def list_() -> None:
    """List keys; never their secret."""
    from app import keys
    from models.people import ApiToken

    now = datetime.now(UTC)
    with at_the_database() as session:
        for row in session.scalars(select(ApiToken).order_by(ApiToken.created_at)):
            state = "live" if keys.is_live(row, now) else "ended"
            used = f"used {row.used_at:%Y-%m-%d}" if row.used_at else "never used"
            click.echo(f"{row.key_id}  {state:<5}  {used:<16}  {row.label}  {' '.join(row.scopes)}")


@command.command()
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """End the key KEY_ID at once."""
    from app import keys
    from models.people import ApiToken

    with at_the_database() as session:
        row = named(session, ApiToken, ApiToken.key_id, key_id, "key")
        keys.revoke(session, row, actor="vigie token", now=datetime.now(UTC))
    click.echo(f"{key_id} opens nothing any more")
