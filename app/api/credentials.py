"""What a machine signs in with: secrets with an overlap, further user names, certificates; taken back one by one."""

from __future__ import annotations

import uuid
from datetime import timedelta

from pydantic import Field
from sqlalchemy import select

from app.api import lookup
from app.api.door import Answer, Call, route
from app.front import front
from app.problems import Problem, invalid, not_found
from app.wire import In, Instant, Out
from models.machines import Machine, MachineCredential
from telemetry import enrol, pki
from telemetry.csr import LARGEST_CSR, PkiError


class CredentialOut(Out):
    id: uuid.UUID
    kind: str = Field(description="secret or certificate")
    username: str = Field(description="its user name at the broker")
    label: str
    serial: str | None = Field(description="of a certificate, hexadecimal")
    not_after: Instant | None
    created_at: Instant
    ends_at: Instant | None = Field(description="the end of an overlap")
    held_until: Instant | None = Field(description="kept out until then, because of what was done with it")
    last_used_at: Instant | None = Field(description="when this user name last came in, to the minute")
    last_used_from: str = Field(description="from which address")


class CredentialList(Out):
    items: list[CredentialOut]


class Login(Out):
    username: str
    password: str | None = Field(description="shown this once, kept nowhere; null when a request is repeated")
    topic: str


class Certificate(Out):
    certificate: str = Field(description="PEM")
    ca: str = Field(description="PEM; whom to believe about the broker")
    serial: str
    not_after: Instant


class Overlap(In):
    hours: int = Field(24, ge=1, le=90 * 24, description="how long the old secret goes on")
    label: str = Field("", pattern=r"^([a-z0-9][a-z0-9-]{0,19})?$", description="of a second agent's; empty: its own")


class Label(In):
    label: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,17}$", description="which agent it is for, such as collectd")


class Request(In):
    csr: str = Field(min_length=1, max_length=LARGEST_CSR, description="PEM certificate request; its key stays there")
    days: int = Field(pki.MACHINE_DAYS, ge=1, le=3650)


@route("GET", "/machines/{machine}/credentials", "machines:write", {200: CredentialList}, staff=True,
       problems=("not-found",))  # fmt: skip
def index(call: Call, *, machine: str) -> CredentialList:
    """What it signs in with now; never a secret itself."""
    row = lookup.machine(call, machine)
    return CredentialList(items=[_out(row, one) for one in enrol.live(call.session, row, call.now)])


@route("POST", "/machines/{machine}/overlap", "machines:write", {200: Login}, body=Overlap, staff=True,
       problems=("not-found", "not-now"), secret=("password",))  # fmt: skip
def overlap(call: Call, body: Overlap, *, machine: str) -> Login:
    """A new secret under a user name of its own, while the old one goes on for some hours."""
    row = _in_service(call, machine)
    lasting = timedelta(hours=body.hours)
    try:
        made = enrol.overlap(call.session, row, call.now, lasting, label=body.label, actor=call.caller.actor)
    except enrol.NoName as problem:
        raise invalid("hours", f"cannot be used: {problem}", "give 1 to 2160") from None
    return Login(username=made.username, password=made.secret, topic=f"vigie/{row.name}/report")


@route("POST", "/machines/{machine}/second", "machines:write", {201: Login}, body=Label, staff=True,
       problems=("not-found", "not-now"), secret=("password",))  # fmt: skip
def second(call: Call, body: Label, *, machine: str) -> Login:
    """One more user name, for a second agent on the same machine: the broker keeps one connection a user name."""
    row = _in_service(call, machine)
    try:
        made = enrol.second(call.session, row, body.label, call.now, actor=call.caller.actor)
    except enrol.NoName as problem:
        raise invalid("label", f"cannot be used: {problem}", "choose another label") from None
    return Login(username=made.username, password=made.secret, topic=f"vigie/{row.name}/report")


@route("POST", "/machines/{machine}/certificates", "machines:write", {201: Certificate}, body=Request, staff=True,
       problems=("not-found", "not-now"))  # fmt: skip
def certify(call: Call, body: Request, *, machine: str) -> Certificate:
    """Sign a request: the certificate is good at the broker's door for certificates."""
    row = _in_service(call, machine)
    try:
        authority = pki.authority_in(front().settings.pki_folder)
    except PkiError:
        raise Problem(
            "not-now", "There is no authority here that could sign it.", remedy="Run `vigie pki init` at the desk."
        ) from None
    try:
        made = pki.issue_machine(authority, row.name, call.now, csr=body.csr, days=body.days)
    except PkiError as problem:
        raise invalid("csr", f"cannot be signed: {problem}", "make it anew") from None
    enrol.certified(call.session, row, made.serial, made.not_after, call.now, actor=call.caller.actor)
    return Certificate(
        certificate=made.certificate, ca=authority.certificate_pem, serial=made.serial, not_after=made.not_after
    )


@route("POST", "/machines/{machine}/revoke", "machines:write", {204: None}, staff=True, problems=("not-found",))
def revoke(call: Call, *, machine: str) -> Answer:
    """Take every credential away; the open connection is cut within seconds. The machine stays in the books."""
    enrol.revoke(call.session, lookup.machine(call, machine), call.now, actor=call.caller.actor)
    return Answer(status=204)


@route("POST", "/machines/{machine}/credentials/{credential}/revoke", "machines:write", {204: None}, staff=True,
       problems=("not-found",))  # fmt: skip
def revoke_one(call: Call, *, machine: str, credential: str) -> Answer:
    """Take one credential away; the others stay."""
    row = lookup.machine(call, machine)
    try:
        wanted = uuid.UUID(credential)
    except ValueError:
        raise not_found("credential") from None
    one = call.session.scalar(
        select(MachineCredential).where(MachineCredential.id == wanted, MachineCredential.machine_id == row.id)
    )
    if one is None:
        raise not_found("credential")
    enrol.revoke_one(call.session, one, call.now, actor=call.caller.actor)
    return Answer(status=204)


def _in_service(call: Call, ref: str) -> Machine:
    row = lookup.machine(call, ref)
    if row.retired_at is not None:
        raise Problem("not-now", "A retired machine has no credential.", remedy="Enrol it anew under another name.")
    return row


def _out(machine: Machine, one: MachineCredential) -> CredentialOut:
    return CredentialOut(
        id=one.id, kind=one.kind, username=enrol.username(machine.name, one.label), label=one.label, serial=one.serial,
        not_after=one.not_after, created_at=one.created_at, ends_at=one.ends_at, held_until=one.held_until,
        last_used_at=one.last_used_at, last_used_from=one.last_used_from,
    )  # fmt: skip
