"""`vigie enrol`: codes for machines that enrol themselves, and a person's word on those that wait."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errands import at_the_database, named
from contracts.life import By
from models.agreements import Contract
from models.customers import Customer, Site
from models.enrolment import Enrolment, EnrolmentCode
from telemetry import approving, enrol, enrolling

ACTOR = "command line"


@click.group(name="enrol", help="Machines that enrol themselves: codes, and a word on those that wait.")
def command() -> None:
    pass


@command.command(help="Make a code for machines of CUSTOMER; LABEL says what it is for. Prints it, once.")
@click.argument("customer")
@click.argument("label")
@click.option("--uses", type=click.IntRange(1, 10_000), default=1, show_default=True, help="For how many machines.")
@click.option("--days", type=click.IntRange(1, 365), default=14, show_default=True, help="How long it is good for.")
@click.option("--site", default="", help="Name of one of the customer's sites.")
def code(customer: str, label: str, uses: int, days: int, site: str) -> None:
    now = datetime.now(UTC)
    with _said() as session:
        owner = named(session, Customer, Customer.slug, customer, "customer")
        place = _site(session, owner, site)
        _, text = enrolling.make_code(
            session, owner.id, label, ACTOR, now, lasting=timedelta(days=days), most_uses=uses, site_id=place
        )
    click.echo(text)


@command.command(help="Codes that are good.")
def codes() -> None:
    query = (
        select(EnrolmentCode, Customer.slug)
        .join(Customer, Customer.id == EnrolmentCode.customer_id)
        .where(EnrolmentCode.revoked_at.is_(None), EnrolmentCode.expires_at > datetime.now(UTC))
        .order_by(EnrolmentCode.created_at)
    )
    with _said() as session:
        for row, slug in session.execute(query):
            used = f"{row.uses} of {row.most_uses} used"
            click.echo(f"{row.id}\t{slug}\t{row.label}\t…{row.code_end}\t{used}\tuntil {row.expires_at:%Y-%m-%d %H:%M}")


@command.command(name="take-back", help="Take a code back, by its id or its last four characters.")
@click.argument("which")
def take_back(which: str) -> None:
    with _said() as session:
        rows = [row for row in session.scalars(select(EnrolmentCode)) if which in (str(row.id), row.code_end)]
        if len(rows) != 1:
            raise click.ClickException(f"{len(rows)} codes fit {which!r}: name one by its id, `vigie enrol codes`")
        enrolling.revoke_code(session, rows[0], ACTOR, datetime.now(UTC))
    click.echo("it opens nothing any more")


@command.command(name="list", help="Machines that wait, each with what its contract would say.")
def list_waiting() -> None:
    now = datetime.now(UTC)
    query = (
        select(Enrolment, Customer.slug)
        .join(Customer, Customer.id == Enrolment.customer_id)
        .where(Enrolment.state == "pending", Enrolment.until > now)
        .order_by(Enrolment.asked_at)
    )
    with _said() as session:
        for one, slug in session.execute(query).all():
            stands = approving.foresee(session, one.customer_id, one.name, now, _code_site(session, one))
            said = f"{stands.tier} by {stands.contract}" if stands.covered else f"no line covers it: {stands.reason}"
            click.echo(f"{one.name}\t{slug}\twants a {one.wants}\tfrom {one.address}\t{said}")


@command.command(help="Let a machine in; it fetches its credential by itself.")
@click.argument("name")
@click.option("--as", "new_name", default="", help="Another name than the one it asked for.")
@click.option("--site", default="", help="Name of one of the customer's sites.")
@click.option("--line", "contract", default="", help="Number of a contract that gets a line for it.")
@click.option("--uncovered", is_flag=True, help="Take it although no line covers it.")
def approve(name: str, new_name: str, site: str, contract: str, uncovered: bool) -> None:
    with _said() as session:
        one = _waiting(session, name)
        owner = session.get_one(Customer, one.customer_id)
        place = _site(session, owner, site) or _code_site(session, one)
        chosen = named(session, Contract, Contract.number, contract, "contract") if contract else None
        if chosen is not None and chosen.customer_id != one.customer_id:
            raise click.ClickException(f"{contract} is no contract of {owner.slug}")
        machine, stands = approving.approve(
            session, one, By(ACTOR, ACTOR), datetime.now(UTC), name=new_name, site_id=place, contract=chosen,
            uncovered=uncovered,
        )  # fmt: skip
        said = f"{stands.tier} by {stands.contract}" if stands.covered else "no line covers it"
        click.echo(f"{machine.name} is let in ({said}); it fetches its credential by itself")


@command.command(help="Refuse a machine; it is told the reason.")
@click.argument("name")
@click.argument("reason")
def refuse(name: str, reason: str) -> None:
    with _said() as session:
        enrolling.refuse(session, _waiting(session, name), reason, ACTOR, datetime.now(UTC))
    click.echo(f"{name} is refused, and told why")


@contextmanager
def _said() -> Iterator[Session]:
    """A transaction; what cannot be done is a sentence. Raises ClickException."""
    try:
        with at_the_database() as session:
            yield session
    except enrol.NoName as problem:
        raise click.ClickException(str(problem)) from None
    except enrolling.NotNow as problem:
        raise click.ClickException(f"{problem} {problem.remedy}") from None


def _waiting(session: Session, name: str) -> Enrolment:
    wanted = select(Enrolment).where(Enrolment.name == name, Enrolment.state == "pending").with_for_update()
    found = session.scalar(wanted)
    if found is None:
        raise click.ClickException(f"no machine {name!r} waits: `vigie enrol list` shows who does")
    return found


def _site(session: Session, owner: Customer, name: str) -> uuid.UUID | None:
    if not name:
        return None
    found = session.scalar(select(Site.id).where(Site.customer_id == owner.id, Site.name == name))
    if found is None:
        raise click.ClickException(f"{owner.slug} has no site {name!r}")
    return found


def _code_site(session: Session, one: Enrolment) -> uuid.UUID | None:
    row = session.get(EnrolmentCode, one.code_id) if one.code_id else None
    return row.site_id if row else None
