"""Add and list customers."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from sqlalchemy import select

from app.errands import at_the_database, checked


@click.group()
def command() -> None:
    """Add and list customers."""


@command.command()
@click.argument("slug")
@click.argument("name")
@click.option("--language", default="en", show_default=True, help="en or fr.")
@click.option("--zone", default="UTC", show_default=True, help="IANA time zone.")
def add(slug: str, name: str, language: str, zone: str) -> None:
    """Add the customer NAME under the short name SLUG."""
    from app.api.customers import NewCustomer
    from models.audit import record
    from models.customers import Customer

    body = checked(NewCustomer, slug=slug, name=name, language=language, zone=zone)
    now = datetime.now(UTC)
    with at_the_database() as session:
        row = Customer(**body.model_dump(), created_at=now)
        session.add(row)
        session.flush()  # the audit names the row
        record(session, actor="vigie customer", deed="customer.added", subject=f"customer:{row.id}",
               customer_id=row.id, facts=body.model_dump(), now=now)  # fmt: skip
    click.echo(f"added {row.slug} ({row.id})")


@command.command("list")
def list_() -> None:
    """List customers."""
    from models.customers import Customer

    with at_the_database() as session:
        for row in session.scalars(select(Customer).order_by(Customer.slug)):
            click.echo(f"{row.slug:<20} {row.name}{'  (demo)' if row.demo else ''}")
