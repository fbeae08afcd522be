"""The brief of an incident as a page and as a PDF."""

from __future__ import annotations

from dataclasses import asdict, replace

from flask import Flask, Response
from sqlalchemy.orm import Session

from app import front
from app.brief import Brief, read_brief
from app.identity import Caller
from app.pages.frame import HINTS_TABLE, page, reading, signed_in, zone
from app.pages.handing import find_incident
from app.pages.meaning import in_local_hours


def register(app: Flask) -> None:
    app.add_url_rule("/incidents/<label>/brief", "brief", brief)
    app.add_url_rule("/incidents/<label>/brief.pdf", "brief_pdf", brief_pdf)


def brief(label: str) -> Response:
    """One page for whoever must decide."""
    who = signed_in("incidents:read")
    return page("brief.html", here="/", brief=_read(who, label), hints=HINTS_TABLE)


def brief_pdf(label: str) -> Response:
    """The same on paper."""
    who = signed_in("incidents:read")
    from app import prints  # Typst is large, and few pages are printed

    found = _read(who, label)
    named = f'inline; filename="{found.label}-brief.pdf"'
    return Response(prints.pdf("brief", asdict(found)), mimetype="application/pdf",
                    headers={"Content-Disposition": named, "Cache-Control": "no-store"})  # fmt: skip


def _read(who: Caller, label: str) -> Brief:
    session: Session
    with reading(who) as session:
        incident = find_incident(session, label)
        found = read_brief(session, incident, front.now(), zone())
        return replace(found, summary=in_local_hours(found.summary, incident.evidence, zone()))
