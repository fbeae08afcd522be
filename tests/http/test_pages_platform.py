"""Small words of the platform page and the machine page that once said what was not so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta

import pytest
from sqlalchemy import select

from app import canaries
from app.pages.platform import part_view
from models.canaries import CanaryFault
from models.incidents import Finding
from models.machines import Machine, MachineState
from models.session import SYSTEM, Sessions, work
from models.telemetry import DeadLetter, LogPosition, ProcessBeat
from telemetry import history
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor

Visit = Callable[[str], Visitor]


def letter(number: int, cast: Cast) -> DeadLetter:
    return DeadLetter(
        customer_id=cast.plant, received_at=NOW - timedelta(minutes=number), topic="t", machine=f"m-{number}",
        reason="json", detail="", payload=b"{", partition=0, position=number, item=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "kind", "said"),
    [
        ({"connected": True, "log_away_s": 0.4, "unacknowledged": 3, "dropped_by_broker": 0}, "healthy", "running"),
        ({"connected": True, "log_away_s": 190.2, "unacknowledged": 2000}, "deviates",
         "running; the log has taken nothing for 3 min: nothing is acknowledged, 2,000 messages here and all others at "
         "the broker wait"),
        ({"connected": False, "log_away_s": 0}, "deviates",
         "running; not connected to its broker, which keeps what comes"),
        ({"connected": True, "dropped_by_broker": 12}, "deviates",
         "running; the broker has dropped 12 messages: its limits are too small for what waits"),
        ({"lag_s": 45.0, "degraded": "what arrives is looked at 45 s late"}, "deviates",
         "running; what arrives is looked at 45 s late"),
        ({"lag_s": 0.2, "degraded": ""}, "healthy", "running"),
    ],
)  # fmt: skip
def test_a_process_under_pressure_says_so_and_what_becomes_of_what_waits(
    facts: dict[str, object], kind: str, said: str
) -> None:
    beat = ProcessBeat(name="bridge", pid=7, state="running", started_at=NOW, beat_at=NOW, restarts=0, facts=facts)
    view = part_view(beat, NOW, UTC)
    assert (view.kind, view.words) == (kind, said)


def test_dead_letters_that_are_not_shown_are_counted(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    with work(sessions, SYSTEM) as session:
        session.add_all([letter(number, cast) for number in range(12)])
    assert "reasons and machines are shown" not in visit("dee").get("/platform").text
    with work(sessions, SYSTEM) as session:
        session.add(letter(12, cast))
    assert "The newest 12 of 13 reasons and machines are shown" in visit("dee").get("/platform").text


def test_the_logs_own_end_is_no_reader_that_nobody_holds(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    with work(sessions, SYSTEM) as session:
        for reader in ("write", "watch"):
            session.add(LogPosition(reader=reader, partition=0, position=1, owner=""))
    text = visit("dee").get("/platform").text
    assert "watch 0" in text
    assert "write 0" not in text
    assert "moved never" not in text


@pytest.mark.parametrize(("telemetry", "judged"), [("collect", 0), ("watch", 0), ("shadow", 1), ("detect", 1)])
def test_what_is_usual_is_shown_only_where_the_contract_lets_us_judge(
    visit: Visit, cast: Cast, sessions: Sessions, telemetry: str, judged: int
) -> None:
    told = [
        (round(NOW.timestamp() - 600 * number) * 1000, {"cpu_util": 40.0 + number % 5}) for number in range(400, 0, -1)
    ]
    with work(sessions, SYSTEM) as session:
        history.add(session, 1, [(cast.plant_machine, cast.plant, told)])
    with work(sessions, SYSTEM) as session:
        session.add(
            MachineState(customer_id=cast.plant, machine_id=cast.plant_machine, speaking="speaking", health="healthy",
                         telemetry=telemetry, latest={"cpu_util": 41.0}, facts={})
        )  # fmt: skip
    text = visit("dee").get("/machines/plant-db-1").text
    assert "41" in text or "44" in text
    assert ("usual" in text.split('class="page"')[-1]) is bool(judged)


def test_canaries_tell_their_latency_on_the_page_and_in_the_api(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    dee = visit("dee")
    assert "No canary measures it here" in dee.get("/platform").text
    with work(sessions, SYSTEM) as session:
        canaries.install(session, NOW, {}, actor="tests")
        machine = session.scalars(select(Machine).where(Machine.name == "canary-1")).one()
        at = NOW - timedelta(minutes=5)
        of = {"customer_id": machine.customer_id, "machine_id": machine.id}
        session.add(CanaryFault(**of, kind="fan", began_at=at, due_s=120, mended_at=at + timedelta(seconds=60)))
        seen = at + timedelta(seconds=21)
        session.add(Finding(**of, cause="fan:1", kind="rule", severity=3, summary="", started_at=seen, opened_at=seen,
                            created_at=seen))  # fmt: skip
    page = dee.get("/platform").text
    assert "canary-1" in page
    assert "21.0 s" in page
    (one,) = dee.get("/api/v1/platform/canaries").json["items"]
    assert (one["last_latency_s"], one["median_s"], one["missed"]) == (21.0, 21.0, 0)
    assert visit("ada").get("/api/v1/platform/canaries").status_code == 403
