"""What a provider reports of a message it was given: `POST /in/receipts/PROVIDER/NOTICE/SEAL`.

The address is made by us for one message and sealed, so a receipt needs no other secret.
"""

from __future__ import annotations

import uuid
from typing import Any

import structlog
from flask import Response, request

from app import providers
from app.doors import blueprint
from app.front import as_house, front, now
from app.problems import FieldError, Problem
from app.sealing import link_key
from escalation import proving
from escalation.channels.provider import Provider, delivery, is_receipt_of
from escalation.deliver import tell_of_giving_up
from escalation.inbound.body import BadBody, read
from models import audit
from models.notices import Notice

log = structlog.get_logger("vigie.receipts")


@blueprint.post("/in/receipts/<name>/<uuid:notice>/<seal>")
def receipt(name: str, notice: uuid.UUID, seal: str) -> Response:
    """Note what became of a message; a failure is told in the incident's story, as for every other channel."""
    settings = front().settings
    if not is_receipt_of(name, notice, seal, link_key(settings)):
        raise Problem("not-found", "There is no such message.")
    known = {one.name: one for one in providers.declared(settings)}
    if name not in known:
        raise Problem("not-found", "This provider is declared no more.")
    try:
        said = read(request.get_data(cache=False), request.headers.get("Content-Type", ""))
    except BadBody as error:
        raise Problem("invalid", str(error), errors=[FieldError(error.field, error.problem, error.remedy)]) from error
    _note(known[name], notice, said)
    return Response(status=204)


def _note(provider: Provider, notice_id: uuid.UUID, said: dict[str, Any]) -> None:
    outcome, word = delivery(provider, said)
    with as_house() as session:
        notice = session.get(Notice, notice_id, with_for_update=True)
        if notice is None or notice.receipt.get("delivery") == "delivered":
            return  # reports come out of order: what was delivered stays so
        first = notice.receipt.get("delivery") != outcome
        notice.receipt = {**notice.receipt, "said": word, "said_at": now().isoformat()}
        if outcome:
            notice.receipt = {**notice.receipt, "delivery": outcome}
        if outcome == "delivered":
            proving.heard(session, notice, f"a receipt of {provider.name}", now())
        if outcome == "failed" and first:
            audit.take_turns(session, notice.customer_id or audit.HOUSE)
            tell_of_giving_up(session, notice, f"{provider.name} reports {word}", now())
    log.info("receipt", notice=str(notice_id), provider=provider.name, said=word, outcome=outcome)
