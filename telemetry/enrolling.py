"""Self-enrolment: a machine presents a code of its customer, waits, and gets its credential once a person said yes.

A code opens the waiting room and nothing else. Whoever waits is known by a ticket only it has. The credential is made
at the moment it is fetched, so none lies about in between, and it is fetched once.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.audit import record
from models.enrolment import Enrolment, EnrolmentCode
from models.machines import Machine
from telemetry import csr as requests
from telemetry import enrol, pki

WAITS_FOR: Final = timedelta(days=7)  # for a person's word, and then for the machine to come for it
LONGEST_CODE: Final = timedelta(days=365)
MOST_WAITING: Final = 500  # of one customer at once
_MOST_FACTS: Final = 20


class NotNow(ValueError):
    """It cannot be done; `kind` is one word for programs, the text says why, `remedy` what to do."""

    def __init__(self, kind: str, said: str, remedy: str) -> None:
        super().__init__(said)
        self.kind, self.remedy = kind, remedy


@dataclass(frozen=True)
class Asked:
    """What a machine says of itself when it presents a code."""

    name: str
    title: str = ""
    source: str = "native"
    csr: str = ""
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Delivered:
    """The credential, in the one moment it exists outside the machine: a secret, or a signed certificate."""

    machine: str
    username: str
    secret: str = ""
    certificate: str = ""
    ca: str = ""


def make_code(
    session: Session, customer_id: uuid.UUID, label: str, actor: str, now: datetime, *, lasting: timedelta,
    most_uses: int, site_id: uuid.UUID | None = None,
) -> tuple[EnrolmentCode, str]:  # fmt: skip
    """A new code of a customer, and its text, which is kept nowhere. Raises NotNow."""
    if not timedelta() < lasting <= LONGEST_CODE:
        raise NotNow("lasting", "A code is good for a moment at least, and a year at most.", "Give 1 to 365 days.")
    if not 1 <= most_uses <= 10_000:
        raise NotNow("uses", "A code is for 1 to 10,000 machines.", "Give how many machines it is for.")
    text = f"vge_{secrets.token_urlsafe(24)}"
    row = EnrolmentCode(
        customer_id=customer_id, label=label, code_hash=_digest(text), code_end=text[-4:], site_id=site_id,
        most_uses=most_uses, made_by=actor, created_at=now, expires_at=now + lasting,
    )  # fmt: skip
    session.add(row)
    session.flush()  # the audit names the row
    _record(session, actor, "enrolment.code_made", row.id, row.customer_id, now, {"label": label, "uses": most_uses})
    return row, text


def revoke_code(session: Session, row: EnrolmentCode, actor: str, now: datetime) -> None:
    """The code opens nothing any more; who waits goes on waiting."""
    if row.revoked_at is None:
        row.revoked_at = now
        _record(session, actor, "enrolment.code_revoked", row.id, row.customer_id, now, {"label": row.label})


def present(session: Session, code: str, asked: Asked, address: str, now: datetime) -> tuple[Enrolment, str]:
    """A machine presents a code: it waits now, and proves by the ticket that it is the same.

    Raises NotNow (kind `code` when it is the code's fault), enrol.NoName, csr.PkiError.
    """
    row = _good_code(session, code, now)
    enrol.check_name(asked.name)
    if asked.csr:
        requests.key_of(asked.csr)
    lapse(session, now)
    waiting = select(func.count()).where(Enrolment.customer_id == row.customer_id, Enrolment.state == "pending")
    if session.scalar(waiting.select_from(Enrolment)) >= MOST_WAITING:  # type: ignore[operator]  # a count is a number
        raise NotNow("crowd", "Too many machines of this customer wait for a person already.", "Have some decided.")
    _check_free(session, asked.name, row.customer_id, now)
    row.uses += 1
    ticket = f"vgt_{secrets.token_urlsafe(32)}"
    one = Enrolment(
        customer_id=row.customer_id, code_id=row.id, name=asked.name, title=asked.title, source=asked.source,
        wants="certificate" if asked.csr else "secret", csr=asked.csr, facts=dict(asked.facts[:_MOST_FACTS]),
        address=address, ticket_hash=_digest(ticket), state="pending", asked_at=now, until=now + WAITS_FOR,
    )  # fmt: skip
    session.add(one)
    session.flush()  # the audit names the row
    facts = {"name": one.name, "code": row.label, "address": address}
    _record(session, f"machine {one.name}", "enrolment.asked", one.id, one.customer_id, now, facts)
    return one, ticket


def refuse(session: Session, one: Enrolment, reason: str, actor: str, now: datetime) -> None:
    """Say no, with a reason the machine is told. Raises NotNow when it was decided already."""
    _must_wait(one, now)
    one.state, one.reason, one.decided_at, one.decided_by = "refused", reason, now, actor
    _record(session, actor, "enrolment.refused", one.id, one.customer_id, now, {"name": one.name, "reason": reason})


def approve(
    session: Session, one: Enrolment, actor: str, now: datetime, *, name: str = "", site_id: uuid.UUID | None = None
) -> Machine:
    """Say yes: the machine is in the books, and may fetch its credential. Raises NotNow, enrol.NoName."""
    _must_wait(one, now)
    if name and name != one.name:
        enrol.check_name(name)
        _check_free(session, name, one.customer_id, now)
        one.name = name
    machine = enrol.machine_named(session, one.name)
    if machine is None:
        machine = Machine(
            customer_id=one.customer_id, name=one.name, title=one.title, source=one.source, site_id=site_id,
            created_at=now,
        )  # fmt: skip
        session.add(machine)
        session.flush()  # the enrolment refers to it
    elif site_id is not None:
        machine.site_id = site_id
    one.state, one.machine_id, one.until = "approved", machine.id, now + WAITS_FOR
    one.decided_at, one.decided_by = now, actor
    _record(session, actor, "enrolment.approved", one.id, one.customer_id, now, {"name": one.name, "wants": one.wants})
    return machine


def again(session: Session, one: Enrolment, actor: str, now: datetime) -> None:
    """The credential got lost on its way: what was delivered ends, and it may be fetched once more. Raises NotNow."""
    machine = session.get(Machine, one.machine_id) if one.machine_id else None
    if one.state != "delivered" or machine is None or machine.retired_at is not None:
        raise NotNow("state", "Nothing was delivered that could be delivered again.", "Let it present a code again.")
    enrol.revoke(session, machine, now, actor=actor)
    one.state, one.delivered_at, one.until = "approved", None, now + WAITS_FOR
    _record(session, actor, "enrolment.delivered_again", one.id, one.customer_id, now, {"name": one.name})


def collect(
    session: Session, ticket: str, authority: pki.Authority | None, now: datetime
) -> tuple[Enrolment, Delivered | None] | None:
    """What became of who holds this ticket, and, once, its credential. None for a ticket nobody was given.

    Raises NotNow when a certificate is due and there is no authority to sign it.
    """
    lapse(session, now)
    one = session.scalar(select(Enrolment).where(Enrolment.ticket_hash == _digest(ticket)).with_for_update())
    if one is None or one.state != "approved" or one.machine_id is None:
        return None if one is None else (one, None)
    machine = session.get_one(Machine, one.machine_id)
    actor = f"machine {machine.name}"
    if one.wants == "certificate":
        if authority is None:
            raise NotNow("pki", "There is no authority here that could sign it.", "Run `vigie pki init` at the desk.")
        made = pki.issue_machine(authority, machine.name, now, csr=one.csr)
        enrol.certified(session, machine, made.serial, made.not_after, now, actor=actor)
        given = Delivered(machine.name, machine.name, certificate=made.certificate, ca=authority.certificate_pem)
    else:
        secret = enrol.rotate(session, machine, now, actor=actor)
        ca = authority.certificate_pem if authority else ""
        given = Delivered(machine.name, machine.name, secret=secret, ca=ca)
    one.state, one.delivered_at = "delivered", now
    _record(session, actor, "enrolment.delivered", one.id, one.customer_id, now, {"name": one.name})
    return one, given


def lapse(session: Session, now: datetime) -> None:
    """Who waited too long waits no more."""
    session.execute(
        update(Enrolment)
        .where(Enrolment.state.in_(("pending", "approved")), Enrolment.until <= now)
        .values(state="lapsed")
        .execution_options(synchronize_session="fetch")
    )


def _good_code(session: Session, code: str, now: datetime) -> EnrolmentCode:
    row = session.scalar(select(EnrolmentCode).where(EnrolmentCode.code_hash == _digest(code)).with_for_update())
    if row is None:
        raise NotNow("code", "This code opens nothing.", "Check that it was copied whole; it begins with vge_.")
    if row.revoked_at is not None:
        raise NotNow("code", "This code was taken back.", "Ask for a new one.")
    if row.expires_at <= now:
        raise NotNow("code", "This code is no longer good: its time is over.", "Ask for a new one.")
    if row.uses >= row.most_uses:
        raise NotNow("code", "This code was used as often as it may be.", "Ask for another, or for more uses.")
    return row


def _check_free(session: Session, name: str, customer_id: uuid.UUID, now: datetime) -> None:
    """Raise NotNow when a machine of this name speaks, or waits, or is somebody else's."""
    held = session.scalar(
        select(Enrolment.id).where(Enrolment.name == name, Enrolment.state.in_(("pending", "approved")))
    )
    if held is not None:
        raise NotNow("name", f"A machine {name} waits already.", "Have it decided first, or take another name.")
    machine = enrol.machine_named(session, name)
    if machine is None:
        return
    if machine.customer_id != customer_id or machine.retired_at is not None or enrol.live(session, machine, now):
        said = f"The name {name} is taken; a machine's name is unique in the whole house."
        raise NotNow("name", said, "Take another name, or have its credential rotated at the desk.")


def _must_wait(one: Enrolment, now: datetime) -> None:
    if one.state != "pending" or one.until <= now:
        state = one.state if one.state != "pending" else "lapsed"
        raise NotNow("state", f"It is {state}, no longer pending.", "Look at the list; it may present a code again.")


def _record(
    session: Session, actor: str, deed: str, id: uuid.UUID, customer_id: uuid.UUID, now: datetime, facts: dict[str, Any]
) -> None:
    subject = f"enrolment:{id}"
    record(session, actor=actor, deed=deed, subject=subject, customer_id=customer_id, facts=facts, now=now)


def _digest(text: str) -> bytes:
    # A fast hash is right for what has so much entropy (ASVS 6.5.2).
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
