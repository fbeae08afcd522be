"""What every table shares: the declarative base, constraint names, UTC instants, ids, and ownership by a customer."""

from __future__ import annotations

import os
import time
import uuid
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeAlias

from sqlalchemy import DateTime, Dialect, ForeignKey, MetaData, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Named constraints let a migration drop exactly what it means, and an IntegrityError say which rule was broken.
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

Json: TypeAlias = dict[str, Any]  # Any: a JSON document; its shape is stated by whoever writes it


class Utc(TypeDecorator[datetime]):
    """An aware instant. A naive one is a bug at its origin, so it is refused rather than guessed."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """A decorator says `object` of itself, and a cursor of a list (app/api/paging.py) asks what it holds."""
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value is not None else None


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {  # Any: SQLAlchemy's own contract for this attribute
        datetime: Utc(),
        dict[str, Any]: JSONB(none_as_null=True),
    }


def new_id() -> uuid.UUID:
    """A UUID of version 7 (RFC 9562): time-ordered, so that index pages fill in order.

    The 12 bits after the milliseconds are their fraction (section 6.2, method 3), a quarter of a microsecond: rows that
    one transaction makes one after the other sort as they were made.
    """
    ms, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    tail = int.from_bytes(os.urandom(8), "big")
    value = (ms & (2**48 - 1)) << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | tail & (2**62 - 1)
    return uuid.UUID(int=value)


class Identified:
    """A row known by a UUID of its own."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)


class Owned(Identified):
    """A row that belongs to one customer; row-level security hides it from every other."""

    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
