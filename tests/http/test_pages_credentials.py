"""The page of a machine's credentials: who may see it, what it shows, and what each deed does and says it does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from flask import Flask
from sqlalchemy import select

from app.front import front
from models.audit import AuditEntry
from models.machines import MachineCredential
from models.session import SYSTEM, Sessions, work
from telemetry import enrol, last_use, pki
from telemetry.broker_log import CONNECTED, Sighting
from tests.cast import Cast
from tests.http.conftest import Visitor

PAGE = "/machines/plant-db-1/credentials"


@pytest.fixture
def secret(sessions: Sessions, cast: Cast) -> str:
    with work(sessions, SYSTEM) as session:
        machine = enrol.machine_named(session, "plant-db-1")
        assert machine is not None
        return enrol.rotate(session, machine, cast.now)


def rows(sessions: Sessions) -> list[MachineCredential]:
    with work(sessions, SYSTEM) as session:
        wanted = select(MachineCredential).where(MachineCredential.revoked_at.is_(None))
        return list(session.scalars(wanted.order_by(MachineCredential.label, MachineCredential.kind)))


def shown(text: str) -> str:
    return text.split('id="secret">')[1].split("<")[0]


def test_only_who_may_change_machines_sees_what_they_sign_in_with(visit: Callable[[str], Visitor], secret: str) -> None:
    assert visit("max").get(PAGE).status_code == 200
    assert f'href="{PAGE}"' in visit("max").get("/machines/plant-db-1").text
    for who in ("ada", "cy", "dee"):
        assert visit(who).get(PAGE).status_code in (403, 404)
    assert visit("max").get("/machines/nobody/credentials").status_code == 404


def test_a_new_secret_is_shown_once_and_the_old_one_ends_at_once_or_after_its_overlap(
    visit: Callable[[str], Visitor], sessions: Sessions, secret: str
) -> None:
    max = visit("max")
    said = max.post(PAGE, data={"deed": "rotate", "label": "", "hours": "0"}).text
    (only,) = rows(sessions)
    assert enrol.fits(shown(said), only.password_hash or "")
    assert not enrol.fits(secret, only.password_hash or "")
    assert shown(said) not in max.get(PAGE).text
    said = max.post(PAGE, data={"deed": "rotate", "label": "", "hours": "24"}).text
    assert "plant-db-1@b" in said
    old, new = rows(sessions)
    assert enrol.fits(shown(said), new.password_hash or "")
    assert old.ends_at is not None
    assert old.ends_at - old.created_at >= timedelta(hours=23)


def test_a_second_agent_gets_a_user_name_of_its_own_and_a_wrong_word_is_said(
    visit: Callable[[str], Visitor], sessions: Sessions, secret: str
) -> None:
    max = visit("max")
    assert "plant-db-1@collectd" in max.post(PAGE, data={"deed": "second", "label": "collectd"}).text
    assert [row.label for row in rows(sessions)] == ["", "collectd"]
    for wrong in ("Not A Word", "collectd"):
        answer = max.post(PAGE, data={"deed": "second", "label": wrong})
        assert (answer.status_code, "Nothing was changed" in answer.text) == (422, True)
    assert max.post(PAGE, data={"deed": "dance"}).status_code == 422


def test_one_is_taken_back_alone_and_all_only_when_the_name_is_said_again(
    visit: Callable[[str], Visitor], sessions: Sessions, secret: str, cast: Cast
) -> None:
    max = visit("max")
    max.post(PAGE, data={"deed": "second", "label": "collectd"})
    one = rows(sessions)[1]
    assert "cut within seconds" in max.post(PAGE, data={"deed": "revoke", "credential": str(one.id)}).text
    assert [row.label for row in rows(sessions)] == [""]
    for again in (str(one.id), "no id", "0190b6a0-0000-7000-8000-000000000000"):
        assert max.post(PAGE, data={"deed": "revoke", "credential": again}).status_code == 422
    wrong = max.post(PAGE, data={"deed": "revoke", "credential": "all", "confirm": "plant-db"})
    assert (wrong.status_code, len(rows(sessions))) == (422, 1)
    done = max.post(PAGE, data={"deed": "revoke", "credential": "all", "confirm": "plant-db-1"})
    assert "it cannot come in" in done.text
    assert rows(sessions) == []
    with work(sessions, SYSTEM) as session:
        deeds = session.scalars(select(AuditEntry.deed).where(AuditEntry.actor.contains("Max")))
        assert len([deed for deed in deeds if "revoked" in deed or "credential" in deed]) >= 2


def test_a_request_is_signed_where_there_is_an_authority(
    visit: Callable[[str], Visitor], sessions: Sessions, app: Flask, secret: str, cast: Cast
) -> None:
    max = visit("max")
    assert "Certificate request" not in max.get(PAGE).text
    with app.app_context():
        pki.init(front().settings.pki_folder, "Test", cast.now)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "plant-db-1")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    text = csr.public_bytes(serialization.Encoding.PEM).decode()
    assert "Certificate request" in max.get(PAGE).text
    assert "BEGIN CERTIFICATE" in max.post(PAGE, data={"deed": "certify", "csr": text}).text
    assert [row.kind for row in rows(sessions)] == ["certificate", "secret"]
    assert max.post(PAGE, data={"deed": "certify", "csr": "nonsense"}).status_code == 422


def test_it_shows_when_each_user_name_last_came_in_and_from_where(
    visit: Callable[[str], Visitor], sessions: Sessions, secret: str, cast: Cast
) -> None:
    max = visit("max")
    assert "not since it was made" in max.get(PAGE).text
    at = cast.now.timestamp()
    came = [
        Sighting(at - 300, CONNECTED, "plant-db-1", "192.0.2.7"),
        Sighting(at - 120, CONNECTED, "plant-db-1", "192.0.2.8"),
        Sighting(at - 100, "foreign_topic", "plant-db-1", "192.0.2.9"),
        Sighting(at - 100, CONNECTED, "nobody", "192.0.2.9"),
    ]
    with work(sessions, SYSTEM) as session:
        last_use.note(session, came)
        last_use.note(session, [Sighting(at - 90, CONNECTED, "plant-db-1", "192.0.2.10")])  # within the minute
    (row,) = rows(sessions)
    assert row.last_used_at is not None
    assert (row.last_used_at.timestamp(), row.last_used_from) == (at - 120, "192.0.2.8")
    assert "from 192.0.2.8" in max.get(PAGE).text
