"""Import of tables with a dry run, and the complete export."""

from __future__ import annotations

from typing import Annotated

import structlog
from flask import request
from pydantic import Field

from app.api.door import Answer, Call, route
from app.api.outcome import by
from app.identity import Caller
from app.problems import FieldError, Problem
from app.transfer import moving
from app.transfer.plan import LineSaid, Plan
from app.wire import In, Out

log = structlog.get_logger("vigie.web")

TABLES = ("text/csv", "application/zip", "multipart/form-data")
MOST_FILES = 20
_MOST_ERRORS = 100


class ImportQuery(In):
    dry_run: bool = Field(False, description="only say what would happen")
    name: Annotated[str, Field(max_length=100)] = Field(
        "", description="of a text/csv body: what it holds, such as machines.csv; left out, its columns say it"
    )


class ChangeOut(Out):
    field: str
    before: str
    after: str


class FaultOut(Out):
    field: str
    problem: str
    remedy: str


class LineOfImport(Out):
    file: str
    line: int = Field(description="the header is line 1")
    kind: str
    key: str
    action: str = Field(description="create, change, nothing or refused")
    changes: list[ChangeOut]
    errors: list[FaultOut]
    note: str


class ImportOut(Out):
    dry_run: bool
    applied: bool
    counts: dict[str, int] = Field(description="lines by action")
    lines: list[LineOfImport]


@route("POST", "/imports", "customers:write", {200: ImportOut}, query=ImportQuery, staff=True, takes=TABLES)
def bring(call: Call, query: ImportQuery) -> ImportOut:
    """Import customers, sites, machines, contacts and contracts from CSV, or say line by line what it would do.

    Send one table as `text/csv`, several as `multipart/form-data`, or an export as `application/zip`. Everything is
    done in one transaction, or nothing. Importing the same again changes nothing. A machine that is made holds no
    credential: it gets one on request (`POST /machines/{machine}/rotate`).
    """
    files = moving.open_files(given_files(query.name))
    need_rights(call.caller, files)
    plan, done = moving.bring(call.session, files, by(call), call.now, dry=query.dry_run)
    if plan.refused and not query.dry_run:
        raise refusal(plan)
    return ImportOut(
        dry_run=query.dry_run, applied=done, counts=plan.counts, lines=[_told(line) for line in plan.lines]
    )


@route("GET", "/export", "customers:write", {200: None}, staff=True, gives=("application/zip",))
def take_out(call: Call) -> Answer:
    """Everything that can be imported again, as a zip of CSV files with a manifest. No secret is in it.

    The same rows give the same bytes. Who took it stands in the log: reading writes nothing, the audit included.
    """
    raw = moving.take_out(call.session)
    log.info("export_taken", by=str(call.caller.id), bytes=len(raw))
    return Answer(raw=raw, headers={"Content-Disposition": 'attachment; filename="vigie-export.zip"'})


def given_files(name: str) -> list[moving.File]:
    """The files of the request. Raises Problem when there is none, or too many."""
    if request.mimetype != "multipart/form-data":
        return [(name or {"application/zip": "export.zip"}.get(request.mimetype, "table.csv"), request.get_data())]
    found = [(each.filename or "table.csv", each.read()) for _, each in request.files.items(multi=True)]
    if not found or len(found) > MOST_FILES:
        wrong = FieldError("file", f"holds {len(found)} files", f"send from 1 to {MOST_FILES} files")
        raise Problem("invalid", "The form holds no file, or too many.", errors=[wrong])
    return found


def need_rights(caller: Caller, files: moving.Opened) -> None:
    """The caller may write each kind that the files hold. Raises Problem."""
    for right in sorted(files.rights):
        if not caller.may(right):
            raise Problem("not-allowed", f"{caller.name} lacks the right {right}, which a file of these needs.",
                          remedy="Ask a manager, or leave that file out.")  # fmt: skip


def refusal(plan: Plan) -> Problem:
    """What stopped an import, each line with field and remedy."""
    errors = [
        FieldError(f"{line.file}:{line.line} {fault.field}", fault.problem, fault.remedy)
        for line in plan.refused
        for fault in line.faults
    ]
    said = f"{len(plan.refused)} of {len(plan.lines)} lines cannot be used, so nothing was imported."
    return Problem("invalid", said, errors=errors[:_MOST_ERRORS], remedy="Mend them; dry_run=true tells all of them.")


def _told(line: LineSaid) -> LineOfImport:
    return LineOfImport(
        file=line.file,
        line=line.line,
        kind=line.kind,
        key=line.key,
        action=line.action,
        changes=[ChangeOut(field=one.field, before=one.before, after=one.after) for one in line.changes],
        errors=[FaultOut(field=one.field, problem=one.problem, remedy=one.remedy) for one in line.faults],
        note=line.note,
    )
