"""When something was said: instants as agents write them, in epoch milliseconds. Plain; raises ``Refused`` only."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from telemetry.reading import Refused

EARLIEST_MS: Final = 946_684_800_000  # 2000-01-01: before it a clock was never set
LATEST_MS: Final = 4_102_444_800_000  # 2100-01-01
FUTURE_MS: Final = 10 * 60_000  # clocks differ by minutes; more would put a reading where no watcher looks
_DIGITS: Final = re.compile(r"\d{1,20}(?:\.\d{1,9})?")
# Seconds, milliseconds, microseconds, nanoseconds: only one of them is a time of this century.
_UNITS: Final = ((10**11, 1000.0), (10**14, 1.0), (10**17, 1e-3))


def instant(value: Any, received_at_ms: int, zone: tzinfo | None = None) -> int:
    """Epoch milliseconds or RFC 3339 as epoch milliseconds; missing means "when it arrived".

    An offset is required, unless the `zone` is known in which local times are meant.
    """
    if value is None:
        return received_at_ms
    if isinstance(value, bool):
        raise Refused("bad_instant", "a truth value")
    if isinstance(value, int | float):
        if not EARLIEST_MS <= value < LATEST_MS:
            raise Refused("bad_instant", f"{value!r:.40}")
        at_ms = int(value)
    elif isinstance(value, str):
        at_ms = _rfc3339(value, received_at_ms, zone)
    else:
        raise Refused("bad_instant", type(value).__name__)
    # A recording whose clock began at nought cannot say what lay in the future.
    if at_ms > received_at_ms + FUTURE_MS and received_at_ms >= EARLIEST_MS:
        raise Refused("future_instant", f"{(at_ms - received_at_ms) / 1000:.0f} s ahead")
    return at_ms


def in_any_unit(value: Any, received_at_ms: int, zone: tzinfo | None = None) -> int:
    """The same for agents that do not say their unit: seconds, ms, µs or ns since 1970, also as text, or RFC 3339."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = float(value) if "." in value else int(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return instant(nearest_ms(value), received_at_ms)
    return instant(value, received_at_ms, zone)


def nearest_ms(stamp: float) -> int:
    """Epoch milliseconds of a stamp whose unit is known by its size."""
    for limit, factor in _UNITS:
        if abs(stamp) < limit:
            return round(stamp * factor)
    return int(stamp) // 1_000_000 if abs(stamp) < 10**20 else LATEST_MS


def _rfc3339(text: str, received_at_ms: int, zone: tzinfo | None) -> int:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise Refused("bad_instant", text[:60]) from None
    if when.tzinfo is None and zone is None:
        raise Refused("bad_instant", f"{text[:40]} has no offset")
    try:
        # Where clocks go back an hour is there twice: of both the one is meant that lies nearer to the arrival.
        either = [when] if when.tzinfo is not None else [when.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
        found = [round(one.astimezone(UTC).timestamp() * 1000) for one in either]
        at_ms = min(found, key=lambda ms: abs(ms - received_at_ms))
    except (OverflowError, ValueError):
        raise Refused("bad_instant", text[:60]) from None
    if not EARLIEST_MS <= at_ms < LATEST_MS:
        raise Refused("bad_instant", text[:60])
    return at_ms
