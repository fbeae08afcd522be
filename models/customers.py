"""Customers and their sites."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Owned


class Customer(Identified, Base):
    """A customer. `slug` is the short name in addresses; `demo` marks what the demo brought."""

    __tablename__ = "customers"

    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    language: Mapped[str] = mapped_column(default="en")  # of everything the customer reads: en or fr
    zone: Mapped[str] = mapped_column(default="UTC")  # IANA name
    demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class Site(Owned, Base):
    """A place where machines stand; its zone and country choose the service calendar."""

    __tablename__ = "sites"
    __table_args__ = (UniqueConstraint("customer_id", "name"),)

    name: Mapped[str]
    zone: Mapped[str] = mapped_column(default="UTC")
    country: Mapped[str] = mapped_column(default="")  # ISO 3166 alpha-2, of the public holidays; empty: none
    created_at: Mapped[datetime]
