"""What a machine signs in with, on a page: last use, a new secret, one more agent, a certificate, taking it back."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from flask import Flask, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import front, sent_once
from app.identity import Caller
from app.pages.fields import Form
from app.pages.frame import page, reading, signed_in
from app.problems import not_found
from models.machines import Machine, MachineCredential
from telemetry import enrol
from telemetry.csr import LARGEST_CSR, PkiError

LASTING = (
    ("0", "at once, on the open connection too"),
    ("24", "in a day"),
    ("168", "in a week"),
    ("720", "in 30 days"),
)
_ALL = "all"


def register(app: Flask) -> None:
    app.add_url_rule("/machines/<name>/credentials", "machine_credentials", credentials, methods=["GET", "POST"])


def credentials(name: str) -> AnyResponse:
    """The list with what can be done about it; a deed answers with the list as it is then, and a secret once."""
    who = signed_in("machines:write")
    if not who.is_staff:
        raise not_found("machine")
    form, now = Form(request.form), front.now()
    with reading(who) as session:
        machine = enrol.machine_named(session, name)
        if machine is None:
            raise not_found("machine")
        made = _done(session, machine, form, now, who) if request.method == "POST" else {}
        if made:
            sent_once.shows_a_secret()
        rows = enrol.live(session, machine, now)
        settings = front.front().settings
        return page(
            "credentials.html",
            status=422 if form.wrong else 200,
            here="/fleet",
            machine=machine,
            rows=[(row, enrol.username(machine.name, row.label)) for row in rows],
            secrets=[(row.label, enrol.username(machine.name, row.label)) for row in rows if row.kind == "secret"],
            form=form,
            made=made,
            lasting=LASTING,
            signs=(settings.pki_folder / "ca.key").exists(),
            host=settings.mqtt_public_host or settings.mqtt_host,
            port=settings.mqtt_tls_port or settings.mqtt_port,
        )


def _done(session: Session, machine: Machine, form: Form, now: datetime, who: Caller) -> dict[str, str]:
    """Do what was asked; what is shown this once. What cannot be done stands in the form."""
    deed = form["deed"]
    if machine.retired_at is not None:
        form.refuse("deed", "It has left service: it signs in no more. Enrol it anew under another name.")
    elif deed == "rotate":
        return _rotated(session, machine, form, now, who)
    elif deed == "second":
        try:
            login = enrol.second(session, machine, form["label"].strip(), now, actor=who.actor)
        except enrol.NoName as problem:
            form.refuse("label", f"This cannot be used: {problem}. Choose another word, such as collectd.")
        else:
            return {"username": login.username, "secret": login.secret}
    elif deed == "certify":
        return _certified(session, machine, form, now, who)
    elif deed == "revoke":
        return _revoked(session, machine, form, now, who)
    else:
        form.refuse("deed", "Choose what is to be done.")
    return {}


def _rotated(session: Session, machine: Machine, form: Form, now: datetime, who: Caller) -> dict[str, str]:
    label = form["label"]
    hours = form.choice("hours", lambda value: value in dict(LASTING), "Choose when the old one ends.", "0")
    if form.wrong:
        return {}
    try:
        if hours == "0":
            secret = enrol.rotate(session, machine, now, label=label, actor=who.actor)
            return {"username": enrol.username(machine.name, label), "secret": secret}
        login = enrol.overlap(session, machine, now, timedelta(hours=int(hours)), label=label, actor=who.actor)
    except enrol.NoName as problem:
        form.refuse("label", f"This cannot be rotated: {problem}.")
        return {}
    return {"username": login.username, "secret": login.secret}


def _certified(session: Session, machine: Machine, form: Form, now: datetime, who: Caller) -> dict[str, str]:
    from telemetry import pki  # a large library, for this deed alone

    request_text = form["csr"].strip()
    try:
        if not request_text or len(request_text) > LARGEST_CSR:
            raise PkiError("it is empty or too long")
        authority = pki.authority_in(front.front().settings.pki_folder)
        made = pki.issue_machine(authority, machine.name, now, csr=request_text)
    except PkiError as problem:
        form.refuse("csr", f"This cannot be signed: {problem}. Make the request anew on the machine.")
        return {}
    enrol.certified(session, machine, made.serial, made.not_after, now, actor=who.actor)
    return {"serial": made.serial, "certificate": made.certificate, "ca": authority.certificate_pem}


def _revoked(session: Session, machine: Machine, form: Form, now: datetime, who: Caller) -> dict[str, str]:
    which = form["credential"]
    if which == _ALL:
        if form["confirm"].strip() != machine.name:
            form.refuse("confirm", f"Write {machine.name} exactly, if that is the one.")
            return {}
        enrol.revoke(session, machine, now, actor=who.actor)
        return {"revoked": "everything"}
    one = _credential(session, machine, which)
    if one is None or not enrol.revoke_one(session, one, now, actor=who.actor):
        form.refuse("credential", "It has ended already.")
        return {}
    return {"revoked": one.serial or enrol.username(machine.name, one.label)}


def _credential(session: Session, machine: Machine, which: str) -> MachineCredential | None:
    try:
        row = session.get(MachineCredential, uuid.UUID(which))
    except ValueError:
        return None
    return row if row is not None and row.machine_id == machine.id else None
