"""Import from files, with a look at what would happen before it does; and the export as a download."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib
from collections.abc import Sequence

from flask import Flask, Response, request
from werkzeug.wrappers import Response as AnyResponse

from app import front, words
from app.api.transfers import MOST_FILES, need_rights
from app.front import LARGEST_UPLOAD
from app.pages.contract_story import by
from app.pages.frame import page, reading, signed_in
from app.problems import Problem
from app.transfer import moving
from app.transfer.kinds import KINDS
from app.transfer.plan import LineSaid, Plan

# A table of ten thousand rows helps nobody; what asks for an act comes first, and the page says what it leaves out.
MOST_SHOWN = 500
_ORDER = ("refused", "change", "create", "nothing")


def register(app: Flask) -> None:
    app.add_url_rule("/imports", "imports", imports, methods=["GET", "POST"])
    app.add_url_rule("/export", "export", export, methods=["POST"])


def imports() -> AnyResponse:
    """The form; what the files would do; and, once somebody has looked at that, what they did."""
    who = signed_in("customers:write")
    if request.method == "GET":
        return _shown()
    kept = request.form.get("kept", "")
    files = _kept_files(kept) if kept else _sent_files()
    if not files:
        return _shown(status=422, wrong="Choose at least one file first.")
    opened = moving.open_files(files)
    need_rights(who, opened)
    seen = request.form.get("seen", "") if kept else ""
    with reading(who) as session:
        plan, done = moving.bring(session, opened, by(who), front.now(), dry=not kept, expected=seen)
    if done:
        return _shown(plan, done=True)
    return _shown(plan, status=422 if kept else 200, kept=kept or _keep(files), moved=bool(kept) and not plan.refused)


def export() -> Response:
    """Everything that can be imported again; that it was taken stands in the audit."""
    who = signed_in("customers:write")
    with reading(who) as session:
        raw = moving.take_out(session)
        moving.note_taken(session, raw, who.actor, front.now())
    name = f"vigie-export-{front.now():%Y-%m-%d}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(raw, mimetype="application/zip", headers=headers)


def _shown(
    plan: Plan | None = None,
    *,
    status: int = 200,
    kept: str = "",
    done: bool = False,
    moved: bool = False,
    wrong: str = "",
) -> Response:
    lines = _worth_showing(plan.lines) if plan else []
    return page(
        "imports.html",
        status=status,
        here="/customers",
        plan=plan,
        lines=lines,
        left_out=len(plan.lines) - len(lines) if plan else 0,
        said=_said(plan, done=done, moved=moved) if plan else "",
        kept=kept,
        done=done,
        wrong=wrong,
        kinds=KINDS,
    )


def _said(plan: Plan, *, done: bool, moved: bool) -> str:
    """What the files would do, or did, in one sentence."""
    counts = plan.counts
    made, changed, same = (f"{counts[action]:,}" for action in ("create", "change", "nothing"))
    every = words.count(len(plan.lines), "line")
    if not plan.lines:
        return "The files hold no line below their header; there is nothing to do."
    if counts["refused"]:
        refused = words.count(counts["refused"], "line")
        return (
            f"{refused} of {len(plan.lines):,} cannot be used, so nothing can be imported yet. Each says what to mend."
        )
    if done:
        return f"Imported {every}: {made} new, {changed} changed, {same} as they were."
    if moved:
        return "Nothing was imported: the desk has changed since you looked. Below is what would happen now."
    if not counts["create"] and not counts["change"]:
        return f"Nothing would change: what the {every} say is there already."
    return f"Of {every}, {made} would make something new, {changed} would change something, {same} would do nothing."


def _worth_showing(lines: Sequence[LineSaid]) -> list[LineSaid]:
    return sorted(lines, key=lambda line: _ORDER.index(line.action))[:MOST_SHOWN]


def _sent_files() -> list[moving.File]:
    found = [(one.filename or "", one) for _, one in request.files.items(multi=True)]
    given = [(name, one.read()) for name, one in found if name]
    if len(given) > MOST_FILES:
        raise Problem("invalid", f"At most {MOST_FILES} files at once.", remedy="Import them in several steps.")
    return given


def _keep(files: Sequence[moving.File]) -> str:
    """The files as a field of the form, so that what is imported is what was looked at, whoever answers next."""
    whole = json.dumps([(name, base64.b64encode(raw).decode()) for name, raw in files])
    return base64.b64encode(gzip.compress(whole.encode(), 6, mtime=0)).decode()


def _kept_files(kept: str) -> list[moving.File]:
    """Raises Problem when the field is not what we wrote."""
    try:
        unpacked = zlib.decompressobj(wbits=31)
        whole = unpacked.decompress(base64.b64decode(kept, validate=True), 2 * LARGEST_UPLOAD)
        return [(str(name), base64.b64decode(raw)) for name, raw in json.loads(whole)]
    except (binascii.Error, zlib.error, ValueError, TypeError):
        raise Problem("invalid", "The files came back changed.", remedy="Choose them again.") from None
