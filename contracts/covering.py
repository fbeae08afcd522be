"""What a contract covers, line by line: added, and ended at a day, never silently taken away. Never commits."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from contracts.life import By, CannotBe
from models.agreements import Contract, ContractLine
from models.audit import record, take_turns
from models.base import new_id


@dataclass(frozen=True, slots=True)
class NewLine:
    """One machine, one site, one service, or (none of them) everything of the customer."""

    machine_id: uuid.UUID | None = None
    site_id: uuid.UUID | None = None
    service: str = ""
    starts_on: date | None = None
    ends_on: date | None = None


def add_line(session: Session, contract: Contract, new: NewLine, by: By, now: datetime) -> ContractLine | CannotBe:
    """Cover something from a day on; the caller has seen to it that it belongs to the contract's customer."""
    if sum((new.machine_id is not None, new.site_id is not None, bool(new.service))) > 1:
        field = "service" if new.service else "site"
        return CannotBe(f"{field} is given beside another subject.", "Give one of machine, site and service.", field)
    if new.starts_on is not None and new.ends_on is not None and new.ends_on < new.starts_on:
        return CannotBe("ends_on lies before the start.", "Give the start or a later day.", "ends_on")
    take_turns(session, contract.customer_id)
    line = ContractLine(
        id=new_id(),
        customer_id=contract.customer_id,
        contract_id=contract.id,
        machine_id=new.machine_id,
        site_id=new.site_id,
        service=new.service,
        starts_on=new.starts_on,
        ends_on=new.ends_on,
    )
    session.add(line)
    session.flush()  # whoever answers names it
    _record(session, contract, by, "contract.line_added", line, now)
    return line


def end_line(
    session: Session, contract: Contract, line: ContractLine, ends_on: date | None, by: By, now: datetime
) -> ContractLine | CannotBe:
    """Let a line end with a day (None: no end of its own any more)."""
    if ends_on is not None and line.starts_on is not None and ends_on < line.starts_on:
        return CannotBe("ends_on lies before the start of the line.", "Give the start or a later day.", "ends_on")
    take_turns(session, contract.customer_id)
    line.ends_on = ends_on
    _record(session, contract, by, "contract.line_ended" if ends_on else "contract.line_runs_on", line, now)
    return line


def remove_line(session: Session, contract: Contract, line: ContractLine, by: By, now: datetime) -> None:
    """Take away a line that was written in error; one that held for a time is ended instead."""
    take_turns(session, contract.customer_id)
    _record(session, contract, by, "contract.line_removed", line, now)
    session.delete(line)
    session.flush()  # what is covered is asked again in this transaction


def _record(session: Session, contract: Contract, by: By, deed: str, line: ContractLine, now: datetime) -> None:
    facts = {
        "line": str(line.id),
        "machine": str(line.machine_id) if line.machine_id else None,
        "site": str(line.site_id) if line.site_id else None,
        "service": line.service,
        "starts_on": line.starts_on.isoformat() if line.starts_on else None,
        "ends_on": line.ends_on.isoformat() if line.ends_on else None,
    }
    record(session, actor=by.name, deed=deed, subject=f"contract:{contract.id}", customer_id=contract.customer_id,
           facts=facts, now=now)  # fmt: skip
