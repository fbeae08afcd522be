"""The demo's sites of our own: three sizes over three zones, and who works at each; the others work from home."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import new_id
from models.duty import HouseSite
from models.people import Person

# Name → (zone of ours, size, countries it looks after).
SITES = {
    "Vélizy": ("europe", "large", ("BE", "FR", "LU")),
    "Stockholm": ("europe", "small", ("DK", "FI", "NO", "SE")),
    "Denver": ("americas", "medium", ("MX", "US")),
    "Montréal": ("americas", "small", ("CA",)),
    "Singapore": ("asia-pacific", "medium", ("ID", "MY", "SG")),
    "Tokyo": ("asia-pacific", "small", ("JP",)),
}
# The IANA zone somebody lives in → the site there.
_NEAR = {"Europe/Paris": "Vélizy", "Europe/Stockholm": "Stockholm", "America/Denver": "Denver",
         "America/Montreal": "Montréal", "Asia/Singapore": "Singapore", "Asia/Tokyo": "Tokyo"}  # fmt: skip


def settle(session: Session, people: Iterable[Person], now: datetime) -> None:
    """Make the sites that are missing, and say of everybody who has no place yet where they work."""
    present = {name.lower() for name in session.scalars(select(HouseSite.name))}
    for name, (unit, size, countries) in SITES.items():
        if name.lower() not in present:
            session.add(HouseSite(id=new_id(), name=name, unit=unit, size=size, countries=list(countries), demo=True,
                                  changed_at=now))  # fmt: skip
    for person in people:
        person.site = person.site or _NEAR.get(person.zone, "home")
