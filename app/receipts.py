"""What a provider reports of a message it was given: `/in/receipts/PROVIDER/NOTICE/SEAL`, or its one address.

The address is made by us and sealed, so a receipt needs no other secret. By POST; by GET from a provider that is
declared to call back so, as many of SMS do.

**Why a GET may change something here.** The rule of the house is that GET changes nothing, because browsers, scanners
and search engines follow addresses they find. This one stands on no page and in no letter: it is told to one provider,
in the request that hands over one message; its 128 bits of seal are made for GET alone, and count only while that
provider is declared to use GET. All it can do is note "delivered" or "failed" for that message, the same however often
it is asked, never back from "delivered". HEAD, and a GET that says no state, note nothing.
"""

from __future__ import annotations

import uuid
from typing import Any

import structlog
from flask import Response, request
from sqlalchemy import literal_column, select

from app import providers
from app.doors import blueprint
from app.front import as_house, front, now
from app.problems import FieldError, Problem
from app.sealing import link_keys
from escalation import proving
from escalation.channels.provider import Provider, delivery, is_address_of, is_receipt_of, named
from escalation.deliver import tell_of_giving_up
from escalation.inbound.body import BadBody, clean, read
from models import audit
from models.notices import THEIRS, Notice

log = structlog.get_logger("vigie.receipts")

# The only addresses of the house at which a GET may change something; a test walks all others.
CHANGES_BY_GET = ("doors.receipt", "doors.receipt_at_one_address")


@blueprint.route("/in/receipts/<name>/<uuid:notice>/<seal>", methods=["POST", "GET"])
def receipt(name: str, notice: uuid.UUID, seal: str) -> Response:
    """Note what became of a message; a failure is told in the incident's story, as for every other channel."""
    if not any(is_receipt_of(name, notice, seal, key, _by()) for key in link_keys(front().settings)):
        raise Problem("not-found", "There is no such message.")
    provider = _declared(name)
    said = _said()
    if request.method != "HEAD":
        _note(provider, notice, said)
    return _thanks()


@blueprint.route("/in/receipts/<name>/<seal>", methods=["POST", "GET"])
def receipt_at_one_address(name: str, seal: str) -> Response:
    """The same from a provider that is told one address for all its receipts; which message is meant it says itself."""
    if not any(is_address_of(name, seal, key) for key in link_keys(front().settings)):
        raise Problem("not-found", "There is no such message.")
    provider = _declared(name)
    said = _said()
    notice = _found(named(provider, said), provider)
    if notice is None:
        # A receipt may be quicker than our own note of what the provider answered: it should come again.
        raise Problem("not-found", "There is no such message.", remedy="Say its id where receipts.id tells; try again.")
    if request.method != "HEAD":
        _note(provider, notice, said)
    return _thanks()


def _by() -> str:
    return "POST" if request.method == "POST" else "GET"


def _declared(name: str) -> Provider:
    known = {one.name: one for one in providers.declared(front().settings)}
    if name not in known:
        raise Problem("not-found", "This provider is declared no more.")
    if known[name].receipt_by != _by():
        raise Problem("not-found", f"Receipts of this provider come by {known[name].receipt_by}.")
    return known[name]


def _said() -> dict[str, Any]:
    """What the receipt says: in the address of a GET, in the body of a POST."""
    if request.method != "POST":
        return {clean(key): clean(value) for key, value in request.args.items()}
    try:
        return read(request.get_data(cache=False), request.headers.get("Content-Type", ""))
    except BadBody as error:
        raise Problem("invalid", str(error), errors=[FieldError(error.field, error.problem, error.remedy)]) from error


def _found(id: str, provider: Provider) -> uuid.UUID | None:
    """The message a provider means: by our own id, which it was told, or by the id it gave the message itself."""
    if not id:
        return None
    by = (literal_column(THEIRS.text) == id, Notice.receipt["provider"].astext == provider.name)
    try:
        mine = uuid.UUID(id)
    except ValueError:
        mine = None
    through = (provider.name, provider.channel)
    with as_house() as session:
        if mine is not None and (there := session.get(Notice, mine)) is not None and there.channel in through:
            return mine
        return session.scalar(select(Notice.id).where(*by).order_by(Notice.created_at.desc()).limit(1))


def _thanks() -> Response:
    return Response(status=204, headers={"Cache-Control": "no-store"})


def _note(provider: Provider, notice_id: uuid.UUID, said: dict[str, Any]) -> None:
    outcome, word = delivery(provider, said)
    if not word:
        return
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
