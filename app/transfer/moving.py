"""An import from files to verdicts, and an export from rows to bytes. Takes a session, never commits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from app.transfer import bundle
from app.transfer.apply import Refused, carry_out
from app.transfer.kinds import KINDS
from app.transfer.known import Store, wanted
from app.transfer.plan import Fault, LineSaid, Plan, Sheet, plan, read_sheets
from contracts.life import By
from models import audit

File = tuple[str, bytes]  # name and contents


@dataclass(frozen=True, slots=True)
class Opened:
    """Files as tables, and a refusal for each that cannot be read."""

    sheets: Sequence[Sheet]
    refused: Sequence[LineSaid]

    @property
    def rights(self) -> set[str]:
        """What whoever imports them must be allowed, by app/rights.py."""
        return {sheet.kind.right for sheet in self.sheets}


def open_files(files: Sequence[File]) -> Opened:
    """The tables in files and zips. What cannot be read is an answer, not an error."""
    unpacked, wrong = _unpacked(files)
    sheets, refused = read_sheets(unpacked)
    return Opened(sheets, [*wrong, *refused])


def bring(
    session: Session, given: Opened, by: By, now: datetime, *, dry: bool, expected: str = ""
) -> tuple[Plan, bool]:
    """What the files would do, and whether it was done: not in a dry run, not when a line is refused.

    With `expected` the digest of a plan somebody looked at: nothing is done when the house has changed since.
    """
    store = Store(session, wanted(given.sheets))
    found = plan(given.sheets, given.refused, {kind.name: store.rows(kind) for kind in KINDS})
    if dry or found.refused or (expected and found.digest != expected):
        return found, False
    try:
        with session.begin_nested():
            carry_out(session, found, store, by, now)
    except Refused as stopped:
        return _stopped(found, stopped), False
    return found, True


def _stopped(found: Plan, stopped: Refused) -> Plan:
    """The plan with the line that the house refused after all."""
    refused = replace(stopped.line, action="refused", changes=(), faults=(stopped.fault,))
    return Plan([refused if line is stopped.line else line for line in found.lines])


def take_out(session: Session) -> bytes:
    """Everything in reach as one zip."""
    store = Store(session)
    return bundle.pack({kind.name: list(store.rows(kind).values()) for kind in KINDS})


def note_taken(session: Session, raw: bytes, actor: str, now: datetime) -> None:
    """Write down who took an export, and which one."""
    facts = {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}
    audit.record(session, actor=actor, deed="export.taken", subject="house", facts=facts, now=now)


def _unpacked(files: Sequence[File]) -> tuple[list[File], list[LineSaid]]:
    """Zips opened, whatever they are called; and a refusal for each that cannot be."""
    plain: list[File] = []
    wrong = []
    for name, raw in files:
        if not raw.startswith(b"PK\x03\x04"):
            plain.append((name, raw))
            continue
        try:
            plain += [(f"{inner}", content) for inner, content in bundle.unpack(raw)]
        except bundle.NotABundle as error:
            fault = Fault("file", error.problem, error.remedy)
            wrong.append(LineSaid(name, 1, "", "", "refused", faults=(fault,)))
    return plain, wrong
