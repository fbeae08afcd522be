"""Add and list contracts."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from sqlalchemy import select

from app.errands import at_the_database, checked, named


@click.group()
def command() -> None:
    """Add and list contracts."""


@command.command()
@click.argument("customer")
@click.argument("tier")
@click.option("--from", "starts_on", help="First day, such as 2026-01-01.  [default: today]")
@click.option("--until", "ends_on", help="Last day; left out: without end.")
@click.option("--zone", default="UTC", show_default=True, help="IANA zone the days are read in.")
@click.option("--country", default="", help="Two letters, for public holidays.")
@click.option("--number", help="VC-…; given when left out.")
@click.option(
    "--machine", "machines", multiple=True, help="A machine it covers; may be repeated. Left out: all of them."
)
def add(
    customer: str, tier: str, starts_on: str | None, ends_on: str | None, zone: str, country: str,
    number: str | None, machines: tuple[str, ...],
) -> None:  # fmt: skip
    """Give CUSTOMER (its short name) a contract of TIER: bronze, silver, gold or platinum."""
    from app.api.contracts import NewContract, new_of
    from contracts import contracting
    from contracts.life import By, CannotBe
    from models.agreements import ContractLine
    from models.customers import Customer
    from models.machines import Machine

    now = datetime.now(UTC)
    given = {"customer": customer, "tier": tier, "starts_on": starts_on or now.date().isoformat(), "zone": zone,
             "country": country}  # fmt: skip
    given |= {name: value for name, value in (("ends_on", ends_on), ("number", number)) if value}
    body = checked(NewContract, **given)
    if body.ends_on is not None and body.ends_on < body.starts_on:
        raise click.ClickException("--until lies before --from")
    with at_the_database() as session:
        owner = named(session, Customer, Customer.slug, customer, "customer")
        row = contracting.make(session, owner.id, new_of(body), By("vigie contract", "command"), now)
        if isinstance(row, CannotBe):
            raise click.ClickException(f"{row.reason} {row.remedy}")
        if not machines:
            session.add(ContractLine(customer_id=owner.id, contract_id=row.id))
        for name in machines:
            machine = named(session, Machine, Machine.name, name, "machine")
            if machine.customer_id != owner.id:
                raise click.ClickException(f"{name} belongs to another customer")
            session.add(ContractLine(customer_id=owner.id, contract_id=row.id, machine_id=machine.id))
    click.echo(f"made {row.number}, {row.tier}, for {customer}")


@command.command("list")
def list_() -> None:
    """List contracts."""
    from models.agreements import Contract
    from models.customers import Customer

    with at_the_database() as session:
        found = session.execute(
            select(Contract, Customer.slug)
            .join(Customer, Customer.id == Contract.customer_id)
            .order_by(Customer.slug, Contract.number)
        )
        for row, slug in found:
            until = f"until {row.ends_on}" if row.ends_on else "without end"
            click.echo(f"{row.number:<14} {row.tier:<9} {row.state:<10} {slug:<20} from {row.starts_on} {until}")
