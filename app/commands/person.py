"""Add and list people, and print sign-in links."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from sqlalchemy import func, select

from app.errands import at_the_database, checked, named


@click.group()
def command() -> None:
    """Add and list people, and print sign-in links."""


@command.command()
@click.argument("email")
@click.argument("name")
@click.option("--role", default="engineer", show_default=True,
              help="engineer, manager, operator, administrator or contact.")  # fmt: skip
@click.option("--customer", help="Short name of a contact's customer.")
@click.option(
    "--may", multiple=True, type=click.Choice(["open", "escalate", "sign"]), help="A contact's right; may be repeated."
)
@click.option("--zone", default="UTC", show_default=True, help="IANA time zone.")
def add(email: str, name: str, role: str, customer: str | None, may: tuple[str, ...], zone: str) -> None:
    """Add NAME with the address EMAIL."""
    from app.api.people import NewPerson
    from models.audit import record
    from models.customers import Customer
    from models.people import Person

    given = {"email": email, "name": name, "role": role, "zone": zone}
    body = checked(NewPerson, **given, **({"customer": customer} if customer else {}))
    if (role == "contact") != (customer is not None):
        raise click.ClickException("a contact needs --customer, and nobody else may have one")
    now = datetime.now(UTC)
    with at_the_database() as session:
        owner = named(session, Customer, Customer.slug, customer, "customer") if customer else None
        row = Person(
            customer_id=owner.id if owner else None,
            **body.model_dump(exclude={"customer", "may"}),
            may=list(may),
            notify=[{"channel": "email", "address": body.email}],
            created_at=now,
        )
        session.add(row)
        session.flush()  # the audit names the row
        record(session, actor="vigie person", deed="person.added", subject=f"person:{row.id}",
               customer_id=row.customer_id, facts={"role": role}, now=now)  # fmt: skip
    click.echo(f"added {row.name}, {row.role}; vigie person link {row.email} prints a sign-in link")


@command.command("list")
def list_() -> None:
    """List people."""
    from models.people import Person

    with at_the_database() as session:
        for row in session.scalars(select(Person).order_by(Person.role, Person.name)):
            gone = "" if row.active else "  (deactivated)"
            click.echo(f"{row.role:<14} {row.name:<24} {row.email}{gone}")


@command.command()
@click.argument("email")
def link(email: str) -> None:
    """Print a link that signs EMAIL in once, within half an hour."""
    from app.cli import read_settings
    from app.identity import make_sign_in_link
    from models.people import Person

    with at_the_database() as session:
        row = session.scalar(select(Person).where(func.lower(Person.email) == email.lower(), Person.active))
        if row is None:
            raise click.ClickException(f"nobody active here has the address {email}; vigie person list shows everybody")
        path = make_sign_in_link(session, row, datetime.now(UTC))
    click.echo(read_settings().address + path)
