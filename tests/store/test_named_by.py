"""An incident the model opened is named after what is surer, once that joins it; what opened it stays as it was."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.pages.foretold import with_later
from escalation import intake
from models.incidents import Finding, Incident
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast


class Desk:
    """One machine's findings, each reported a minute after the last."""

    def __init__(self, session: Session, cast: Cast) -> None:
        self.session, self.machine, self.now = session, cast.plant_machine, cast.now

    def find(self, kind: str, title: str, cause: str = "fan:1", **evidence: Any) -> Incident:
        self.now += timedelta(minutes=1)
        id = desk.finding(self.session, self.machine, self.now, cause)
        row = self.session.get_one(Finding, id)
        row.kind, row.summary, row.evidence = kind, f"{title}, since 13:49", evidence
        brings = evidence.pop("brings", frozenset())
        more = {
            "brings": brings,
            "kind": kind,
            "title": title,
            "summary": row.summary,
            "finding_id": id,
            "evidence": evidence,
        }
        answer = intake.report(self.session, desk.signal(self.machine, self.now, cause, **more), self.now)
        assert isinstance(answer.incident_id, uuid.UUID)
        self.session.flush()
        return self.session.get_one(Incident, answer.incident_id)


@pytest.mark.parametrize("kind", ["rule", "event"])
def test_the_first_hard_fault_that_joins_names_what_the_model_opened(sessions: Sessions, cast: Cast, kind: str) -> None:
    with work(sessions, SYSTEM) as session:
        at = Desk(session, cast)
        opened = at.find("anomaly", "Fan 1 unusually low", model={"kind": "baselines"}, metrics=[])
        digest = opened.evidence_digest
        assert with_later(session, opened) == opened.evidence
        assert at.find("forecast", "Fan 1 worn out in about 2 h").title == "Fan 1 worn out in about 2 h"
        assert at.find(kind, "Fan 1 has stopped", cure="Replace fan 1.").title == "Fan 1 has stopped"
        assert at.find("rule", "Processor at 96 °C", cure="Check fans.").title == "Fan 1 has stopped"
        assert at.find("anomaly", "Fan 2 unusually high").id == opened.id
        assert (opened.title, opened.evidence_digest) == ("Fan 1 has stopped", digest)
        assert with_later(session, opened)["certain"] == {"said": "Fan 1 has stopped", "cure": "Replace fan 1."}
        told = desk.story(session, "joined")
        assert sum("Fan 1 has stopped" in line for line in told) == 1


def test_what_a_hard_fault_opened_keeps_its_name(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        at = Desk(session, cast)
        opened = at.find("rule", "/var is 96 % full", "disk:/var", rule="disk_full", cure="Free space.")
        assert at.find("forecast", "/var full in about 2 h", "disk:/var").title == "/var is 96 % full"
        assert "certain" not in with_later(session, opened)


def test_what_fills_joins_the_incident_of_what_it_slows_and_stands_there_until_it_is_over(
    sessions: Sessions, cast: Cast
) -> None:
    """A log that fills /var keeps the disk busy long before /var is full."""
    brings = frozenset({"disk-speed", "latency"})
    with work(sessions, SYSTEM) as session:
        at = Desk(session, cast)
        slow = at.find("anomaly", "Disk busy unusually high", "disk-speed", model={"kind": "baselines"}, metrics=[])
        other = at.find("anomaly", "Processor load unusually high", "cpu", model={"kind": "baselines"}, metrics=[])
        found = at.find("forecast", "/var full in about 2 h", "disk:/var", brings=brings)
        assert (found.id, found.title) == (slow.id, "/var full in about 2 h")
        assert at.find("rule", "/var is 96 % full", "disk:/var", cure="Free space.").id == slow.id
        ids = session.scalars(select(Finding.id).where(Finding.incident_id == slow.id, Finding.cause == "disk:/var"))
        for id in list(ids):
            intake.condition_ended(session, at.machine, "disk:/var", at.now, at.now, finding_id=id)
        assert slow.condition_ended_at is None, "the disk is busy still"
        intake.condition_ended(session, at.machine, "disk-speed", at.now, at.now)
        assert slow.condition_ended_at == at.now
        assert at.find("forecast", "/home full in about 2 h", "disk:/home", brings=brings).id not in (slow.id, other.id)
