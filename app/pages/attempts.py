"""The security log as a page: who tried what they may not, from where, how often, and what was done."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, request
from sqlalchemy import func, select
from werkzeug.wrappers import Response as AnyResponse

from app import front
from app.pages.frame import HINTS_TABLE, page, reading, signed_in
from models.machines import Machine
from models.security import SecurityEvent
from telemetry.security import KINDS

SHOWN = 100


def register(app: Flask) -> None:
    app.add_url_rule("/security", "security", index, methods=["GET"])


def index() -> AnyResponse:
    """The latest attempts, and how many of each kind within a day."""
    who = signed_in("platform:read")
    kind = request.args.get("kind", "")
    since = front.now() - timedelta(days=1)
    with reading(who) as session:
        totals = session.execute(
            select(SecurityEvent.kind, func.sum(SecurityEvent.count))
            .where(SecurityEvent.last_at >= since)
            .group_by(SecurityEvent.kind)
        ).all()
        wanted = select(SecurityEvent, Machine.name).outerjoin(Machine, Machine.id == SecurityEvent.machine_id)
        if kind in KINDS:
            wanted = wanted.where(SecurityEvent.kind == kind)
        rows = session.execute(wanted.order_by(SecurityEvent.last_at.desc()).limit(SHOWN)).all()
    counted = sorted(((KINDS.get(one, one), one, int(number)) for one, number in totals), key=lambda row: -row[2])
    return page("security.html", hints=HINTS_TABLE, rows=rows, totals=counted, kinds=KINDS, kind=kind)
