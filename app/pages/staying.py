"""Staying with an incident after one's turn, from its own page: whether it is asked of the reader, and until when.
Plain."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from app import words
from escalation.still_held import Held, goes_on_after
from escalation.turn_end import LONGEST_STAY, Turn
from models.incidents import Incident, Promise

# From a last look at it to as long as anybody may.
_HOURS = (1, 2, 4, 8, LONGEST_STAY // timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class TurnView:
    """The reader's turn ends, or has ended, with this in their hands and nothing said of it."""

    words: str  # when it ends
    choices: Sequence[tuple[str, str]]  # until when they may stay: an instant as the wire has it, and its words


def on_duty(turns: Mapping[uuid.UUID, Turn], now: datetime) -> frozenset[uuid.UUID]:
    """Whose turn it is."""
    return frozenset(id for id, one in turns.items() if not one.is_over(now))


def ending(
    incident: Incident, promises: Sequence[Promise], over: Turn | None, taken_at: datetime | None,
    stays: datetime | None, now: datetime, zone: tzinfo,
) -> TurnView | None:  # fmt: skip
    """What is asked of its owner, whose turn is `over`; `taken_at`: when they took it, `stays`: until when they have
    said that they stay. None where nothing is asked."""
    if over is None or incident.owner_id is None or not (over.is_near(now) or over.is_over(now)):
        return None
    if Held(incident, incident.owner_id, over, None, None, taken_at).taken_since():
        return None
    if stays is not None and stays > max(now, over.ends_at):
        return None
    running = [one.due_at for one in promises if one.state == "running" and one.party == "customer" and one.due_at]
    if not goes_on_after(incident, min(running, default=None), over):
        return None
    end = words.hour(over.ends_at, zone, now)
    said = f"Your turn ended at {end} with this in your hands" if over.is_over(now) else f"Your turn ends at {end}"
    return TurnView(said, _choices(max(now, over.ends_at), now, zone))


def _choices(start: datetime, now: datetime, zone: tzinfo) -> list[tuple[str, str]]:
    """Whole minutes: what is chosen is what is said."""
    start = start.replace(second=0, microsecond=0)
    return [(f"{at.astimezone(UTC):%Y-%m-%dT%H:%M}Z", words.hour(at, zone, now))
            for at in (start + timedelta(hours=hours) for hours in _HOURS)]  # fmt: skip
