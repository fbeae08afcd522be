"""An import from files to verdicts, and an export from rows to bytes. Takes a session, never commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from app.transfer import bundle
from app.transfer.apply import carry_out
from app.transfer.kinds import KINDS
from app.transfer.known import Store, wanted
from app.transfer.plan import Fault, LineSaid, Plan, plan, read_sheets
from models import audit

File = tuple[str, bytes]  # name and contents


def kinds_in(files: Sequence[File]) -> set[str]:
    """The rights that whoever imports these files must have, by app/rights.py."""
    sheets, _ = read_sheets(_unpacked(files)[0])
    return {sheet.kind.right for sheet in sheets}


def bring(
    session: Session, files: Sequence[File], actor: str, now: datetime, *, dry: bool, expected: str = ""
) -> tuple[Plan, bool]:
    """What the files would do, and whether it was done: not in a dry run, not when a line is refused.

    With `expected` the digest of a plan somebody looked at: nothing is done when the house has changed since.
    """
    unpacked, wrong = _unpacked(files)
    sheets, refused = read_sheets(unpacked)
    store = Store(session, wanted(sheets))
    found = plan(sheets, [*wrong, *refused], {kind.name: store.rows(kind) for kind in KINDS})
    if dry or found.refused or (expected and found.digest != expected):
        return found, False
    carry_out(session, found, store, actor, now)
    return found, True


def take_out(session: Session, actor: str, now: datetime) -> bytes:
    """Everything in reach as one zip; that it was taken is written down."""
    store = Store(session)
    rows = {kind.name: list(store.rows(kind).values()) for kind in KINDS}
    facts = {name: len(found) for name, found in rows.items()}
    audit.record(session, actor=actor, deed="export.taken", subject="house", facts=facts, now=now)
    return bundle.pack(rows)


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
