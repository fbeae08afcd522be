"""`vigie maintenance`: times in which data is kept and marked, and nobody is called for it."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import click
from sqlalchemy import select

from app.errands import at_the_database, named
from app.pages.fields import is_zone
from models.customers import Customer, Site
from models.machines import Machine
from models.maintenance import MaintenanceWindow
from telemetry import worked_on
from telemetry.maintenance import WEEKDAYS, Window, mistakes

ACTOR = "command line"


@click.group(name="maintenance", help="Times in which data is kept and marked, and nobody is called for it.")
def command() -> None:
    pass


@command.command(help="Plan a window from START to END (2026-05-14T22:00, in the zone) for a customer.")
@click.argument("customer")
@click.argument("start", type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]))
@click.argument("end", type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]))
@click.option("--title", required=True, help="what is done, in a few words")
@click.option("--machine", help="only this machine")
@click.option("--site", help="only this site of the customer")
@click.option("--zone", default="UTC", help="IANA zone of START and END")
@click.option("--every", "days", multiple=True, type=click.Choice(WEEKDAYS), help="weekly on this day; repeatable")
@click.option("--weeks", type=click.IntRange(1, 52), default=1, help="every so many weeks")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="last day it may begin on")
def add(
    customer: str, start: datetime, end: datetime, title: str, machine: str | None, site: str | None, zone: str,
    days: tuple[str, ...], weeks: int, until: datetime | None,
) -> None:  # fmt: skip
    if not is_zone(zone):
        raise click.ClickException(f"{zone!r} is no zone of the IANA database, such as Europe/Paris")
    if machine and site:
        raise click.ClickException("--machine and --site cannot both be given: leave one of them out")
    now = datetime.now(UTC)
    begins, ends = (at.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for at in (start, end))
    last: date | None = until.date() if until else None
    window = Window(title, begins, ends, zone, frozenset(days), weeks, last)
    if wrong := mistakes(window, now):
        raise click.ClickException("\n".join(f"{field} {problem}: {remedy}" for field, problem, remedy in wrong))
    with at_the_database() as session:
        owner = named(session, Customer, Customer.slug, customer, "customer")
        of = named(session, Machine, Machine.name, machine, "machine") if machine else None
        if of is not None and of.customer_id != owner.id:
            raise click.ClickException(f"{machine} is no machine of {customer}")
        place = session.scalar(select(Site).where(Site.customer_id == owner.id, Site.name == site)) if site else None
        if site and place is None:
            raise click.ClickException(f"{customer} has no site called {site}")
        row = worked_on.plan(
            session, owner.id, window, now, machine_id=of.id if of else None, site_id=place.id if place else None,
            actor=ACTOR,
        )  # fmt: skip
        session.flush()  # its id is shown
        click.echo(f"planned {row.id}")


@command.command(name="list", help="Every window that was not called off, the newest first.")
def list_() -> None:
    now = datetime.now(UTC)
    with at_the_database() as session:
        rows = session.execute(
            select(MaintenanceWindow, Customer.slug, Machine.name, Site.name)
            .join(Customer, Customer.id == MaintenanceWindow.customer_id)
            .outerjoin(Machine, Machine.id == MaintenanceWindow.machine_id)
            .outerjoin(Site, Site.id == MaintenanceWindow.site_id)
            .where(MaintenanceWindow.ended_at.is_(None))
            .order_by(MaintenanceWindow.created_at.desc())
        )
        for row, slug, machine, site in rows:
            running = worked_on.window_of(row).covers(now)
            zone = ZoneInfo(row.zone)
            begins, ends = row.starts_at.astimezone(zone), row.ends_at.astimezone(zone)
            when = f"{begins:%Y-%m-%dT%H:%M} to {ends:%Y-%m-%dT%H:%M} {row.zone}"
            weekly = f" every {' '.join(row.weekdays)}" if row.weekdays else ""
            weekly += f" of {row.every_weeks} weeks" if row.weekdays and row.every_weeks > 1 else ""
            state = f"until {running.astimezone(zone):%H:%M}" if running else "not now"
            click.echo(f"{row.id}  {slug}/{machine or site or 'all'}  {when}{weekly}  {state}  {row.title}")


@command.command(help="Call a window off, or end it before its time.")
@click.argument("window", type=click.UUID)
def end(window: uuid.UUID) -> None:
    with at_the_database() as session:
        row = session.get(MaintenanceWindow, window)
        if row is None:
            raise click.ClickException(f"there is no window {window}; `vigie maintenance list` shows them")
        if not worked_on.call_off(session, row, datetime.now(UTC), actor=ACTOR):
            raise click.ClickException("it was called off before")
    click.echo("ended")
