"""Print a link that signs one person in, once."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.cli import read_settings
from models.audit import record
from models.base import new_id
from models.people import Person
from models.session import SYSTEM, make_engine, make_sessions, work

# The first person of an empty house; the address is a placeholder they can change on their own page.
FIRST_NAME = "Administrator"
FIRST_EMAIL = "administrator@vigie.example"


@click.command()
@click.option("--person", "email", help="E-mail of the person.  [default: the first administrator, made if need be]")
@click.option("--bare", is_flag=True, help="Only the link.")
def command(email: str | None, bare: bool) -> None:
    """Print a link that signs one person in, once; for the first start, and for whoever has lost a password."""
    from app.identity import make_sign_in_link

    settings = read_settings()
    now = datetime.now(UTC)
    engine = make_engine(settings.database_for("worker"), pool_size=1, name="vigie-signin")
    try:
        with work(make_sessions(engine), SYSTEM) as session:
            person = _named(session, email) if email else _first_administrator(session, now)
            name = person.name
            link = settings.address + make_sign_in_link(session, person, now)
    finally:
        engine.dispose()
    click.echo(link if bare else f"{name} may sign in once with\n{link}")


def _named(session: Session, email: str) -> Person:
    person = session.scalar(select(Person).where(func.lower(Person.email) == email.lower(), Person.active))
    if person is None:
        raise click.ClickException(f"nobody here has the address {email}")
    return person


def _first_administrator(session: Session, now: datetime) -> Person:
    staff = select(Person).where(Person.role == "administrator", Person.active, Person.demo.is_(False))
    person = session.scalars(staff.order_by(Person.created_at).limit(1)).first()
    if person is not None:
        return person
    made = Person(
        id=new_id(), name=FIRST_NAME, email=FIRST_EMAIL, role="administrator", level="senior", created_at=now
    )
    session.add(made)
    session.flush()  # the link and the audit entry refer to the row
    record(session, actor="vigie signin", deed="person.added", subject=f"person:{made.id}", customer_id=None,
           facts={"role": made.role}, now=now)  # fmt: skip
    return made
