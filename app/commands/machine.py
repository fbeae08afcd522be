"""`vigie machine`: enrol a machine, change or take away its secret, list them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errands import at_the_database
from models.customers import Customer, Site
from models.machines import MACHINE_NAME, Machine, MachineCredential, MachineState
from telemetry import enrol, placing


@click.group(name="machine", help="Machines and the secret each one speaks with.")
def command() -> None:
    pass


@command.command(help="Enrol a machine of a customer; prints its secret, once.")
@click.argument("customer")
@click.argument("name")
@click.option("--site", default="", help="name of one of the customer's sites")
@click.option("--title", default="", help='what people call it, like "database server, mill 2"')
@click.option("--rack", default="", help="the rack it stands in")
@click.option("--source", default="native", help="the agent it speaks through")
def add(customer: str, name: str, site: str, title: str, rack: str, source: str) -> None:
    if not re.fullmatch(MACHINE_NAME, name):
        raise click.ClickException(
            f"{name!r} is no machine name: small letters, digits, dot, dash, underscore; at most 63, no dash first"
        )
    now = datetime.now(UTC)
    with at_the_database() as session:
        owner = _customer(session, customer)
        place = _site(session, owner, site) if site else None
        _, secret = enrol.enrol(
            session,
            owner.id,
            name,
            now,
            site_id=place.id if place else None,
            title=title,
            rack=rack,
            source=source,
            actor="command line",
        )
    _show(name, secret)


@command.command(help="Give a machine a new secret; the old one ends at once.")
@click.argument("name")
def rotate(name: str) -> None:
    with at_the_database() as session:
        secret = enrol.rotate(session, _machine(session, name), datetime.now(UTC), actor="command line")
    _show(name, secret)


@command.command(help="Take a machine's secret away and end its connection.")
@click.argument("name")
def revoke(name: str) -> None:
    with at_the_database() as session:
        ended = enrol.revoke(session, _machine(session, name), datetime.now(UTC), actor="command line")
    click.echo(f"{name} can no longer sign in to the broker" if ended else f"{name} had no secret")


@command.command(
    help="Declare where a machine stands and what it runs; when many fail together, that is what they share."
)
@click.argument("name")
@click.option("--site", default=None, help="name of one of its customer's sites")
@click.option("--rack", default=None, help="the rack it stands in; empty takes it back")
@click.option("--software", default=None, help='what it runs, with version, like "erp 4.2"')
@click.option("--broker", default=None, help="through which broker it speaks, where there are several")
def place(name: str, site: str | None, rack: str | None, software: str | None, broker: str | None) -> None:
    given = {"rack": rack, "software": software, "broker": broker}
    with at_the_database() as session:
        row = _machine(session, name)
        where = _site(session, session.get_one(Customer, row.customer_id), site) if site else None
        declared = {key: value for key, value in given.items() if value is not None}
        changed = placing.place(session, row, declared, datetime.now(UTC), site=where, actor="command line")
    click.echo(f"{name}: {'changed' if changed else 'it was so before'}")


@command.command(name="list", help="Every machine: customer, state, last report, whether it holds a secret.")
def list_machines() -> None:
    query = (
        select(Machine.name, Customer.slug, MachineState.speaking, MachineState.last_at, MachineCredential.id)
        .join(Customer, Customer.id == Machine.customer_id)
        .outerjoin(MachineState, MachineState.machine_id == Machine.id)
        .outerjoin(
            MachineCredential,
            (MachineCredential.machine_id == Machine.id) & MachineCredential.revoked_at.is_(None),
        )
        .where(Machine.retired_at.is_(None))
        .order_by(Machine.name)
    )
    with at_the_database() as session:
        for name, slug, speaking, last_at, credential in session.execute(query):
            heard = last_at.isoformat(timespec="seconds") if last_at else "never heard"
            secret = "has a secret" if credential else "no secret"
            click.echo(f"{name}\t{slug}\t{speaking or 'unknown'}\t{heard}\t{secret}")


def _customer(session: Session, slug: str) -> Customer:
    found = session.scalar(select(Customer).where(Customer.slug == slug))
    if found is None:
        raise click.ClickException(f"there is no customer {slug!r}")
    return found


def _site(session: Session, customer: Customer, name: str) -> Site:
    found = session.scalar(select(Site).where(Site.customer_id == customer.id, Site.name == name))
    if found is None:
        raise click.ClickException(f"{customer.slug} has no site {name!r}")
    return found


def _machine(session: Session, name: str) -> Machine:
    found = enrol.machine_named(session, name)
    if found is None:
        raise click.ClickException(f"there is no machine {name!r}")
    return found


def _show(name: str, secret: str) -> None:
    click.echo(f"username  {name}")
    click.echo(f"password  {secret}")
    click.echo(f"topic     vigie/{name}/report")
    click.echo("The password is shown this once; what we keep cannot give it back.")
