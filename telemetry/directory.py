"""Whose machine speaks, what its contract says to its telemetry, and when it is worked on; known for a while."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Final

from sqlalchemy import ARRAY, Text, Uuid, any_, func, literal, select, text
from sqlalchemy.orm import Session

from contracts import ledger
from contracts.decision import Ask, Granted
from contracts.ledger import Standing
from models.agreements import ContractLine
from models.machines import Machine, MachineState
from models.maintenance import MaintenanceWindow
from telemetry.gateways import gateways_of
from telemetry.maintenance import Window, covering
from telemetry.patience import LEAST_S
from telemetry.worked_on import windows_of

KNOWN_FOR: Final = timedelta(seconds=30)
UNKNOWN_FOR: Final = timedelta(seconds=2)  # somebody may be enrolling it just now
WINDOWS_KNOWN_FOR: Final = timedelta(seconds=2)  # whoever begins to work on a machine now must not be called for it
REFUSED: Final = "refused"
_WINDOWS: Final = select(
    func.count(), func.max(MaintenanceWindow.created_at), func.max(MaintenanceWindow.ended_at)
).select_from(MaintenanceWindow)
_ANSWERED: Final = text(
    """
    INSERT INTO machine_states (machine_id, customer_id, speaking, health, telemetry, latest, facts, seqs)
    VALUES (:machine_id, :customer_id, 'unknown', 'unknown', :telemetry, '{}', '{}', '[]')
    ON CONFLICT (machine_id) DO UPDATE SET telemetry = excluded.telemetry
    """
)
Line = tuple[uuid.UUID, str, date | None, date | None]  # its contract, service, first and last day
Cover = tuple[uuid.UUID, uuid.UUID | None, tuple[Line, ...]]  # machines alike in it are answered alike: asked once
AT_ONCE: Final = 1_000  # machines asked about together, where so many are due or soon will be
_SEVERITY: Final = 4  # telemetry is nobody's emergency; the ask wants one


@dataclass(frozen=True, slots=True)
class Known:
    """A machine of ours. `telemetry`: collect, watch, shadow, detect, or refused; `rule` is the contract's own word."""

    machine_id: uuid.UUID
    customer_id: uuid.UUID
    name: str
    telemetry: str
    rule: str
    until: datetime
    windows: tuple[Window, ...] = ()  # of maintenance
    gateways: frozenset[str] = frozenset()  # names of those that may speak for it
    silence_s: float = LEAST_S  # nothing of it is called silent before: the contract's word
    # Whether nothing it says is taken, and whether anything looks at its values; hard faults are shown from silver on.
    is_refused: bool = field(init=False)
    is_watched: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_refused", self.telemetry == REFUSED)  # asked for each report
        object.__setattr__(self, "is_watched", self.telemetry in ("watch", "shadow", "detect"))

    def is_worked_on(self, at_ms: int) -> bool:
        """Whether what it said then is kept and not looked at."""
        return bool(self.windows) and covering(self.windows, datetime.fromtimestamp(at_ms / 1000, UTC)) is not None


class Directory:
    """Names to machines. An answer that differs from the one before is written down, once."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}
        self._unknown: dict[str, datetime] = {}
        self._heard: set[str] = set()  # since they were asked about last
        self._windows: object = None  # how the windows of maintenance stood, and when that is asked again
        self._windows_due: datetime | None = None

    def at_hand(self, names: set[str], now: datetime) -> dict[str, Known] | None:
        """What `look_up` would answer, where all of it is known still; None when the database has to be asked."""
        if self._windows_due is None or self._windows_due <= now:
            return None
        found = {name: known for name in names if (known := self._known.get(name)) is not None and known.until > now}
        if any(self._unknown.get(name, now) <= now for name in names - found.keys()):
            return None
        self._heard |= names
        return found

    def look_up(self, session: Session, names: set[str], now: datetime) -> dict[str, Known]:
        """Those of `names` that are machines in service."""
        if self._windows_due is None or self._windows_due <= now:
            self._windows_due = now + WINDOWS_KNOWN_FOR
            if (stand := session.execute(_WINDOWS).one()) != self._windows:
                self._windows = stand
                self._known.clear()
        stale = {
            name for name in names
            if (known := self._known.get(name)) is None or known.until <= now
        } - {name for name in names if self._unknown.get(name, now) > now}  # fmt: skip
        self._heard |= names
        if stale:
            self._refresh(session, stale | self._next_to_ask(now, AT_ONCE - len(stale)), now)
        return {name: self._known[name] for name in names if name in self._known}

    def _next_to_ask(self, now: datetime, most: int) -> set[str]:
        """Others who spoke since they were asked about and are due before long: together all cost little more."""
        soon = now + KNOWN_FOR / 2
        known = self._known
        return set(islice((n for n in self._heard if n in known and known[n].until <= soon), max(0, most)))

    def _refresh(self, session: Session, names: set[str], now: datetime) -> None:
        rows = session.execute(
            select(Machine.id, Machine.customer_id, Machine.site_id, Machine.name, MachineState.telemetry)
            .outerjoin(MachineState, MachineState.machine_id == Machine.id)
            .where(Machine.name == any_(literal(list(names), ARRAY(Text))), Machine.retired_at.is_(None))
        ).all()
        self._heard -= names
        found = {row.name for row in rows}
        for name in names - found:
            self._known.pop(name, None)
            self._unknown[name] = now + UNKNOWN_FOR
        if len(self._unknown) > 10_000:  # names are anybody's invention
            self._unknown.clear()
        windows = windows_of(session, [row.id for row in rows], now)
        gateways = gateways_of(session, [row.id for row in rows])
        lines = _lines(session, [row.id for row in rows])
        holding: dict[Cover, Standing] = {}
        for machine_id, customer_id, site_id, name, before in rows:
            cover = (customer_id, site_id, tuple(lines.get(machine_id, ())))
            if (holds := holding.get(cover)) is None:
                holds = holding[cover] = ledger.standing(session, customer_id, now, machine_id)
            told = self._known.get(name)
            known = _ask(session, holds, machine_id, name, told.telemetry if told else before, now)
            speakers = gateways.get(machine_id, frozenset())
            floor_s = float(holds.terms.silence_s or LEAST_S) if holds.terms is not None else LEAST_S
            self._known[name] = replace(
                known, windows=windows.get(machine_id, ()), gateways=speakers, silence_s=floor_s
            )


def _lines(session: Session, machines: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Line]]:
    """What contract lines say of single machines."""
    found: dict[uuid.UUID, list[Line]] = defaultdict(list)
    own = select(
        ContractLine.machine_id, ContractLine.contract_id, ContractLine.service, ContractLine.starts_on,
        ContractLine.ends_on,
    ).where(ContractLine.machine_id == any_(literal(list(machines), ARRAY(Uuid))))  # fmt: skip
    for row in session.execute(own.order_by(ContractLine.id)):
        if row.machine_id is not None:
            found[row.machine_id].append((row.contract_id, row.service, row.starts_on, row.ends_on))
    return found


def _ask(
    session: Session, holds: Standing, machine_id: uuid.UUID, name: str, before: str | None, now: datetime
) -> Known:
    question = Ask("telemetry", asked_at=now, machine_id=machine_id, severity=_SEVERITY)
    answer = holds.decide(question, now)
    granted = isinstance(answer, Granted) and holds.terms is not None
    telemetry = holds.terms.watching.value if granted and holds.terms is not None else REFUSED
    if telemetry != (before or ""):
        # In the same transaction, or a crash between the two would have the answer written down twice.
        session.execute(_ANSWERED, {"machine_id": machine_id, "customer_id": holds.customer_id, "telemetry": telemetry})
        ledger.write_down(session, holds, question, answer, "watch")
        if granted:
            # What the same contract says to detection, so that the machine's page can tell why nothing opens.
            detection = Ask("detection", asked_at=now, machine_id=machine_id, severity=_SEVERITY)
            ledger.write_down(session, holds, detection, holds.decide(detection, now), "watch")
    return Known(machine_id, holds.customer_id, name, telemetry, answer.rule, now + KNOWN_FOR)
