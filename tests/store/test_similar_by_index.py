"""Looking for what is like an incident reads the newest of each kind by an index, however many there are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, text

from escalation import similar
from escalation.intake import report
from models.incidents import Incident
from models.session import STAFF, SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast


def test_the_readings_a_detector_names_count_for_likeness(sessions: Sessions, cast: Cast) -> None:
    evidence = {"metrics": [{"metric": "disk_used_pct./var"}]}
    with work(sessions, SYSTEM) as session:
        made = [
            report(session, desk.signal(cast.plant_machine, cast.now, cause, evidence=evidence), cast.now).incident_id
            for cause in ("disk:/var", "latency")
        ]
        found = similar.find(session, session.get_one(Incident, made[0]))
        assert "same readings (disk_used_pct./var)" in found.duplicates[0].likeness.reasons


def test_no_question_sorts_or_walks_through_all_incidents_of_a_customer(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        made = report(session, desk.signal(cast.plant_machine, cast.now, "disk:/var"), cast.now).incident_id
        assert made is not None
    with work(sessions, STAFF) as session:
        engine = session.get_bind()
        asked: list[tuple[str, Any]] = []

        def note(_c: object, _u: object, statement: str, parameters: Any, *_: object) -> None:
            if "FROM incidents" in statement and "LIMIT" in statement:
                asked.append((statement, parameters))

        incident = session.get_one(Incident, made)
        event.listen(engine, "before_cursor_execute", note)
        try:
            similar.find(session, incident)
        finally:
            event.remove(engine, "before_cursor_execute", note)
        assert len(asked) == 4  # open ones; former ones of the customer, the machine, the cause
        for setting in ("enable_seqscan", "enable_sort", "enable_bitmapscan"):
            session.execute(text(f"SET LOCAL {setting} = off"))
        raw = session.connection().connection.cursor()
        for statement, parameters in asked[1:]:
            raw.execute("EXPLAIN " + statement, parameters)
            plan = "\n".join(row[0] for row in raw.fetchall())
            assert "Sort" not in plan, plan
            assert "_opened_at on incidents" in plan, plan
