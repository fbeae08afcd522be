"""The words of fleet events: what the parent is called, and what its children say. Plain."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from models.fleet_events import FleetEvent

_WHERE: Final = {
    "broker": "behind broker {0}",
    "rack": "in rack {0}",
    "site": "at {0}",
    "software": "running {0}",
    "customer": "of {0}",
    "fleet": "across the fleet",
}
_COUNTED: Final = re.compile(r"^(?:\d+ machines [^:]*: )+")


def where(place: str, name: str) -> str:
    """What the machines have in common, as it follows "12 machines"."""
    return _WHERE[place].format(name)


def parent_title(event: FleetEvent) -> str:
    """A few words for a list: "12 machines in rack A1 at Mill: silence"."""
    return f"{event.machines} machines {where(event.place, event.name)}: {event.problem}"


def child_title(title: str, count: int, event: FleetEvent) -> str:
    """The title of a contract's incident: what is wrong with the first machine, and on how many of this contract. The
    place is named where it is the customer's own to know."""
    plain = _COUNTED.sub("", title)
    here = where(event.place, event.name) if event.place in ("rack", "site", "software") else "at once"
    return f"{count} machines {here}: {plain}" if count > 1 else plain


def members_joined(names: Sequence[str], count: int, event: FleetEvent) -> str:
    """A line of the story: who joined, and how many that makes."""
    shown = ", ".join(names[:8])
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"The same problem on {shown}{more}: {count} machines of this contract in {event.label}."
