"""A machine's secret: shown once, one at a time, gone when revoked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from models.audit import AuditEntry
from models.machines import MachineCredential
from models.session import SYSTEM, Sessions, work
from telemetry import enrol
from tests.cast import Cast


def live(sessions: Sessions) -> list[MachineCredential]:
    with work(sessions, SYSTEM) as session:
        return list(session.scalars(select(MachineCredential).where(MachineCredential.revoked_at.is_(None))))


def test_a_secret_is_stored_only_as_its_hash(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        machine, secret = enrol.enrol(session, cast.plant, "plant-web-1", cast.now)
    (kept,) = live(sessions)
    assert kept.machine_id == machine.id
    assert secret not in kept.password_hash
    assert enrol.fits(secret, kept.password_hash)
    assert not enrol.fits(secret + "x", kept.password_hash)


def test_a_name_is_given_once_in_the_whole_house(sessions: Sessions, cast: Cast) -> None:
    with pytest.raises(IntegrityError, match="uq_machines_name"), work(sessions, SYSTEM) as session:
        enrol.enrol(session, cast.joinery, "plant-db-1", cast.now)


@pytest.mark.parametrize("name", ["", "#", "a+b", "a/b", "Ada", "-x", "x" * 64, "$sys", "a b", "ü", "x\n"])
def test_a_name_that_mqtt_could_read_as_more_than_a_name_is_refused(sessions: Sessions, cast: Cast, name: str) -> None:
    with pytest.raises(IntegrityError, match="ck_machines_name"), work(sessions, SYSTEM) as session:
        enrol.enrol(session, cast.plant, name, cast.now)


def test_rotation_ends_the_old_secret(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        machine, old = enrol.enrol(session, cast.plant, "plant-web-1", cast.now)
        new = enrol.rotate(session, machine, cast.now + timedelta(hours=1))
    (kept,) = live(sessions)
    assert enrol.fits(new, kept.password_hash)
    assert not enrol.fits(old, kept.password_hash)


def test_revoking_leaves_no_secret_and_says_so_in_the_audit(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        machine, _ = enrol.enrol(session, cast.plant, "plant-web-1", cast.now, actor="Root")
        assert enrol.revoke(session, machine, cast.now, actor="Root")
        assert not enrol.revoke(session, machine, cast.now, actor="Root")
    assert live(sessions) == []
    with work(sessions, SYSTEM) as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(entry.actor, entry.deed) for entry in entries] == [
        ("Root", "machine.enrolled"),
        ("Root", "machine.secret_revoked"),
    ]
