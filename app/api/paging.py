"""Lists page by page: a cursor names the last row by its sort key and id, so rows that come or go shift nothing."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.problems import invalid
from app.wire import Paged

R = TypeVar("R")


def page(
    session: Session,
    query: Select[R],
    paged: Paged,
    key: InstrumentedAttribute[Any],  # Any: an instant, a text or a number
    id: InstrumentedAttribute[uuid.UUID] | InstrumentedAttribute[int],
    *,
    newest_first: bool = True,
) -> tuple[Sequence[R], str | None]:
    """One page of `query` ordered by `key` and `id`, and the cursor of the next page (None: this is the last)."""
    columns = tuple_(key, id)
    if paged.after is not None:
        last = _read(paged.after, key, id)
        query = query.where(columns < last if newest_first else columns > last)
    order = (key.desc(), id.desc()) if newest_first else (key.asc(), id.asc())
    rows = session.scalars(query.order_by(*order).limit(paged.limit + 1)).all()
    if len(rows) <= paged.limit:
        return rows, None
    rows = rows[: paged.limit]
    return rows, _write(getattr(rows[-1], key.key), getattr(rows[-1], id.key))


def _write(key: datetime | str | int, id: uuid.UUID | int) -> str:
    said = key.isoformat() if isinstance(key, datetime) else key
    return base64.urlsafe_b64encode(json.dumps([said, str(id)]).encode()).decode().rstrip("=")


def _read(cursor: str, key: InstrumentedAttribute[Any], id: InstrumentedAttribute[Any]) -> Any:
    try:
        said, which = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        kind = key.type.python_type
        value = datetime.fromisoformat(said) if kind is datetime else kind(said)
        if isinstance(value, datetime) and value.tzinfo is None:
            raise ValueError("naive")
        if isinstance(value, str) and "\0" in value:
            raise ValueError("NUL")
        known = uuid.UUID(which) if id.type.python_type is uuid.UUID else int(which)
        if isinstance(known, int) and abs(known) >= 2**63:
            raise ValueError("large")
    except (ValueError, TypeError, binascii.Error, RecursionError, OverflowError):
        raise invalid("after", "is no cursor of ours", "give `next` of the page before, unchanged") from None
    return value, known
