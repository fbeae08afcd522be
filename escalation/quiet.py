"""Quiet hours: what may wait till somebody's morning, by their own clock and their own word. Plain.

A way to reach a person may say `quiet` ("22:00-07:00", in the person's zone) and `loud` (the gravest severities that
ring all the same: "2" lets severities 1 and 2 through), and `hours` outside of which it is not used at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
LOUD = 2


def is_hours(text: str) -> bool:
    """Whether a text is quiet hours as they are written."""
    return _HOURS.fullmatch(text) is not None


def in_hours(way: Mapping[str, str], zone: str, now: datetime) -> bool:
    """Whether a way counts at this hour of its owner: those with `hours` ("08:00-20:00", in the person's zone) do
    within them only. The same hour twice means around the clock."""
    found = _HOURS.fullmatch(way.get("hours", ""))
    if found is None:
        return True
    begins, ends = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
    clock = now.astimezone(ZoneInfo(zone)).time().replace(tzinfo=None)
    return begins <= clock < ends if begins < ends else clock >= begins or clock < ends


def held_until(way: Mapping[str, str], zone: str, severity: int, now: datetime) -> datetime | None:
    """When a notice of this severity may be sent to a person in `zone`; None: now."""
    found = _HOURS.fullmatch(way.get("quiet", ""))
    if found is None or severity <= int(way.get("loud", LOUD)):
        return None
    begins, ends = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
    local = now.astimezone(ZoneInfo(zone))
    clock = local.time().replace(tzinfo=None)
    over_midnight = begins > ends
    is_quiet = (clock >= begins or clock < ends) if over_midnight else begins <= clock < ends
    if not is_quiet:
        return None
    day = local.date() + timedelta(days=1) if over_midnight and clock >= begins else local.date()
    # An hour that the clocks skip is read as the one after it.
    until = datetime.combine(day, ends, ZoneInfo(zone)).astimezone(UTC)
    return until if until > now else None
