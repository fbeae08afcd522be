"""Which of the missed machines are silent themselves, and which only stand behind something that is.

When everything at a site that spoke falls silent together, the way to the site is cut: one machine speaks for it, and
of the others we know nothing. A machine alone at its site, or with one neighbour, is only ever silent itself. A machine
whose every gateway was heard before and is not heard now stands behind its gateways, which are silent themselves.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.customers import Site
from models.machines import Machine, MachineState
from telemetry.gateways import gateways_of

LEAST: Final = 3  # machines; two that fall silent together prove nothing
MISSED_ONE: Final = 1.5  # of its rhythm: a neighbour not heard for so long may be cut off too
_UNLEARNED_S: Final = 60.0
HOLD: Final = timedelta(seconds=60)  # so long one waits for its neighbours' patience to end


@dataclass(frozen=True, slots=True)
class Cut:
    """A site whose way to us is cut."""

    site: str
    others: int


@dataclass
class Sorted:
    """What becomes of the missed: silent, unknown because they stand behind something; those in neither may wait."""

    silent: list[Any]  # rows, as they came
    unknown: list[Any]
    cuts: dict[uuid.UUID, Cut]  # by the machine that speaks for its site


def sort_out(
    session: Session, missed: Sequence[Any], now: datetime, patience_s: Callable[[float | None], float]
) -> Sorted:
    """Look at each site with a missed machine as a whole, and at the gateways of each."""
    at_site: dict[uuid.UUID | None, list[Any]] = defaultdict(list)
    hidden = _behind_gateways(session, missed, now)
    for row in missed:
        if row.machine_id not in hidden:
            at_site[row.site_id].append(row)
    found = Sorted(at_site.pop(None, []), [row for row in missed if row.machine_id in hidden], {})
    members = _members(session, [site for site in at_site if site is not None])
    for site_id, rows in at_site.items():
        _sort_site(found, rows, members.get(site_id, []), now, patience_s)
    return found


def _behind_gateways(session: Session, missed: Sequence[Any], now: datetime) -> set[uuid.UUID]:
    gateways = gateways_of(session, [row.machine_id for row in missed])
    names = {name for some in gateways.values() for name in some}
    columns = (Machine.name, MachineState.speaking, MachineState.last_received_at, MachineState.cadence_s)
    states = select(*columns).join(Machine, Machine.id == MachineState.machine_id)
    heard_before = states.where(Machine.name.in_(names), MachineState.last_received_at.is_not(None))
    heard = {row.name: _is_heard(row, now) for row in session.execute(heard_before)} if names else {}
    return {
        machine_id for machine_id, some in gateways.items()
        if some and not any(heard.get(name, True) for name in some)
    }  # fmt: skip


def _members(session: Session, sites: Sequence[uuid.UUID]) -> dict[uuid.UUID | None, list[Any]]:
    """Every machine of these sites that was ever heard, with how it stands."""
    rows = session.execute(
        select(
            Machine.site_id, Site.name, MachineState.machine_id, MachineState.speaking, MachineState.since,
            MachineState.last_received_at, MachineState.cadence_s,
        )
        .join(Machine, Machine.id == MachineState.machine_id)
        .join(Site, Site.id == Machine.site_id)
        .where(
            Machine.site_id.in_(sites), Machine.retired_at.is_(None), MachineState.telemetry != "refused",
            MachineState.last_received_at.is_not(None),
        )
    ).all()  # fmt: skip
    found: dict[uuid.UUID | None, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.site_id].append(row)
    return found


def _sort_site(
    found: Sorted, rows: list[Any], members: list[Any], now: datetime, patience_s: Callable[[float | None], float]
) -> None:
    if len(members) < LEAST:
        found.silent += rows
        return
    heard = [one for one in members if _is_heard(one, now)]
    if heard:
        # Those who come back later than the first are not missed before their patience has run once more.
        back = min(one.since or one.last_received_at for one in heard)
        found.silent += [
            row for row in rows
            if row.speaking == "speaking" or (now - back).total_seconds() > patience_s(row.cadence_s)
        ]  # fmt: skip
        return
    missed = {row.machine_id for row in rows}
    waiting = [one for one in members if one.machine_id not in missed and one.speaking == "speaking"]
    longest = max(now - row.last_received_at - timedelta(seconds=patience_s(row.cadence_s)) for row in rows)
    if waiting and longest < HOLD:
        return
    if any(one.speaking == "silent" for one in members):
        found.unknown += rows
        return
    speaks, *behind = sorted(rows, key=lambda row: (row.telemetry != "detect", row.name))
    found.silent.append(speaks)
    found.unknown += behind
    found.cuts[speaks.machine_id] = Cut(members[0].name, len(members) - 1)


def _is_heard(one: Any, now: datetime) -> bool:
    rhythm = timedelta(seconds=MISSED_ONE * (one.cadence_s or _UNLEARNED_S))
    return bool(one.speaking == "speaking" and now - one.last_received_at <= rhythm)
