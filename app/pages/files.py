"""Files on an incident's page: brought by hand, by dropping them or by the keyboard, and fetched as downloads."""

from __future__ import annotations

import uuid

from flask import Flask, Response, jsonify, redirect, request
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from app import front
from app.api.attachments import BYTES, content_of, headers_of, kept
from app.api.door import Call
from app.pages.frame import reading, signed_in
from app.pages.handing import find_incident
from app.problems import Problem, not_found
from escalation import attaching
from escalation.incident import Actor, NotNow
from models.attachments import Attachment


def register(app: Flask) -> None:
    app.add_url_rule("/incidents/<label>/attach", "incident_attach", attach, methods=["POST"])
    app.add_url_rule("/incidents/<label>/files/<uuid:file_id>", "incident_file", fetch)
    app.add_url_rule("/incidents/<label>/files/<uuid:file_id>/remove", "incident_file_remove", remove, methods=["POST"])


def attach(label: str) -> AnyResponse:
    """Keep the files of the form. `internal`: not for the customer. Answers in JSON to the page's own script."""
    who = signed_in("incidents:act")
    files = [file for file in request.files.getlist("file") if file.filename]
    public = not request.form.get("internal")
    try:
        if not files:
            raise Problem("invalid", "No file was chosen.", remedy="Choose one, or drop it on the page.")
        with reading(who) as session:
            incident = find_incident(session, label)
            call = Call(session, who, front.now())
            for file in files:
                kept(call, incident.id, file.filename or "file", file.read(), public=public)
    except Problem as problem:
        if not _wants_json():
            raise
        answer = jsonify({"said": f"{problem.detail} {problem.remedy}".strip()})
        answer.status_code = problem.status
        return answer
    if _wants_json():
        return jsonify({"said": f"{len(files)} file{'s' if len(files) > 1 else ''} added."})
    return redirect(f"/incidents/{label}", 303)


def _wants_json() -> bool:
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


def fetch(label: str, file_id: uuid.UUID) -> Response:
    """The file, as a download: never shown here, never run."""
    who = signed_in("incidents:read")
    with reading(who) as session:
        incident = find_incident(session, label)
        row = session.scalar(select(Attachment).where(Attachment.id == file_id, Attachment.incident_id == incident.id))
        if row is None:
            raise not_found("attachment")
        content = content_of(Call(session, who, front.now()), row)
        return Response(content, content_type=BYTES, headers=headers_of(row))


def remove(label: str, file_id: uuid.UUID) -> AnyResponse:
    """Give it out no more."""
    who = signed_in("incidents:act")
    with reading(who) as session:
        incident = find_incident(session, label)
        done = attaching.remove(session, file_id, Actor(who.person, who.name), front.now())
    if isinstance(done, NotNow):
        raise Problem("not-now", done.reason, remedy=done.remedy)
    return redirect(f"/incidents/{incident.label}", 303)
