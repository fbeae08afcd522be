"""An incident the model opened is named after what is surer, once that joins it; what opened it stays as it was."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.pages.foretold import with_later
from escalation import intake
from models.incidents import Finding, Incident, TimelineEntry
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
        assert opened.summary == "Fan 1 has stopped, since 13:49", "the line below the name tells of the same"
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


def test_the_second_disk_that_fills_and_what_has_long_been_slow_are_other_problems(
    sessions: Sessions, cast: Cast
) -> None:
    brings = frozenset({"disk-speed"})
    with work(sessions, SYSTEM) as session:
        at = Desk(session, cast)
        slow = at.find("anomaly", "Disk busy unusually high", "disk-speed", model={"kind": "baselines"}, metrics=[])
        assert at.find("forecast", "/var full in about 2 h", "disk:/var", brings=brings).id == slow.id
        home = at.find("forecast", "/home full in about 3 h", "disk:/home", brings=brings)
        assert (home.id == slow.id, slow.title, home.title) == (
            False, "/var full in about 2 h", "/home full in about 3 h",
        )  # fmt: skip
        late = at.find("anomaly", "Response time unusually high", "latency", model={"kind": "baselines"}, metrics=[])
        at.now += timedelta(days=1)
        assert at.find("forecast", "/srv full in about 3 h", "disk:/srv", brings=frozenset({"latency"})).id != late.id


def test_a_forecast_that_comes_and_goes_is_told_once_and_the_name_it_gives_is_on_record(
    sessions: Sessions, cast: Cast
) -> None:
    with work(sessions, SYSTEM) as session:
        at = Desk(session, cast)
        at.find("anomaly", "/var in use unusually high", "disk:/var", model={"kind": "baselines"}, metrics=[])
        for hours in (5, 4, 3):
            opened = at.find("forecast", f"/var full in about {hours} h", "disk:/var")
        assert opened.title == "/var full in about 3 h"
        assert desk.story(session, "joined") == ["Seen as well: /var full in about 5 h, since 13:49"]
        line = session.scalars(select(TimelineEntry).where(TimelineEntry.kind == "joined")).one()
        assert line.facts["title"] == {"from": "/var in use unusually high", "to": "/var full in about 5 h"}


def test_what_a_person_named_keeps_its_name(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        at = Desk(session, cast)
        opened = at.find("anomaly", "Our name", model={"kind": "baselines"})
        opened.evidence = {}  # as of what was split off
        assert at.find("rule", "Fan 1 has stopped", cure="Replace fan 1.").title == "Our name"


def test_what_another_machine_s_incident_brought_along_is_not_said_of_this_one(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        at = Desk(session, cast)
        opened = at.find("anomaly", "Fan 1 unusually low", model={"kind": "baselines"}, metrics=[])
        session.get_one(Finding, desk.finding(session, cast.joinery_machine, at.now)).kind = "rule"
        session.flush()
        session.execute(update(Finding).where(Finding.kind == "rule").values(incident_id=opened.id))
        assert with_later(session, opened) == opened.evidence
