"""The pages of history: any span on the machine page; what was sent to see, to take along and to have erased."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.pages import looking
from models.customers import Customer
from models.history import HistoryRemoval
from models.incidents import Finding
from models.machines import MachineState
from models.session import SYSTEM, Sessions, work
from telemetry import history, rollups
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor

Visit = Callable[[str], Visitor]


@pytest.fixture
def filled(sessions: Sessions, cast: Cast) -> None:
    """Fifty days of a report an hour."""
    told = [
        (
            round((NOW - timedelta(hours=hours)).timestamp() * 1000),
            {"cpu_util": 20.0 + hours % 24, "mem_used_pct": 50.0},
        )
        for hours in range(1200, 0, -1)
    ]
    with work(sessions, SYSTEM) as session:
        history.add(session, 1, [(cast.plant_machine, cast.plant, told)])
        session.add(MachineState(machine_id=cast.plant_machine, customer_id=cast.plant, telemetry="detect",
                                 health="learning", last_at=NOW, last_received_at=NOW, latest=told[-1][1]))  # fmt: skip
    with work(sessions, SYSTEM) as session:
        rollups.roll(session, NOW, 10_000)


def body(visitor: Visitor, path: str, status: int = 200) -> str:
    answer = visitor.get(path)
    assert answer.status_code == status, answer.text
    return answer.text


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("span=6h", "Each point is a report"),
        ("span=30d", "Made of hourly figures"),
        ("span=90d", "The first report within this span"),
        ("from=2026-02-01T00:00&to=2026-03-01T00:00", "Made of hourly figures"),
        ("from=1772323200&to=1772330400", "Each point is a report"),
        ("from=soon", "could not be read"),
        ("from=2026-03-01T00:00&to=2026-02-01T00:00", "ends before it begins"),
        ("from=2016-01-01&to=2026-03-01T00:00", "longer than ten years"),
        ("from=2027-01-01&to=2027-02-01", "lies ahead"),
        ("from=2020-01-01&to=2020-02-01", "Nothing was reported in this span"),
    ],
)
def test_the_machine_page_draws_any_span_and_says_what_it_is_made_of(visit: Visit, query: str, said: str) -> None:
    text = body(visit("dee"), f"/machines/plant-db-1?{query}")
    assert said in text
    assert "still being learned" in text


@pytest.mark.usefixtures("filled")
def test_a_metric_is_shown_under_its_common_name_in_that_unit(visit: Visit) -> None:
    text = body(visit("dee"), "/machines/plant-db-1?names=otel&metric=system.cpu.utilization")
    assert "<b>system.cpu.utilization</b>" in text
    assert "system.memory.utilization" in text  # to be chosen beside the name it was sent under
    assert "mem_used_pct" in text


def test_findings_are_shaded_on_the_metrics_they_name(
    visit: Visit, cast: Cast, sessions: Sessions, filled: None
) -> None:
    begun = NOW - timedelta(hours=30)
    with work(sessions, SYSTEM) as session:
        session.add(Finding(customer_id=cast.plant, machine_id=cast.plant_machine, cause="cpu", kind="anomaly",
                            severity=3, started_at=begun, opened_at=begun, ended_at=begun + timedelta(hours=2),
                            summary="busy", metrics=["cpu_util"], created_at=NOW))  # fmt: skip
    figures = re.findall(r"<figure.*?</figure>", body(visit("dee"), "/machines/plant-db-1?span=3d"), re.S)
    assert [figure.count('class="lit"') for figure in figures] == [1, 0]


def test_a_finding_names_its_hour_on_the_clock_of_whoever_reads(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    begun = NOW - timedelta(hours=3)
    with work(sessions, SYSTEM) as session:
        session.add(Finding(customer_id=cast.plant, machine_id=cast.plant_machine, cause="cpu", kind="anomaly",
                            severity=3, started_at=begun, opened_at=begun, created_at=begun,
                            summary=f"Busy, since {begun:%H:%M}", evidence={"since_ms": 1000 * begun.timestamp()},
                            metrics=["cpu_util"]))  # fmt: skip
    [told] = visit("dee").get("/api/v1/findings").get_json()["items"]
    assert told["summary"] == f"Busy, since {begun:%Y-%m-%dT%H:%M}:00Z"
    text = body(visit("dee"), "/machines/plant-db-1")
    assert f"Busy, since {begun.astimezone(ZoneInfo('Europe/Paris')):%H:%M}" in text


def test_what_was_erased_or_aged_out_is_said_beside_the_charts(
    visit: Visit, cast: Cast, sessions: Sessions, filled: None
) -> None:
    with work(sessions, SYSTEM) as session:
        for kind, what in (("erased", "reports"), ("aged", "reports"), ("aged", "figures")):
            session.add(HistoryRemoval(customer_id=cast.plant, machine_id=cast.plant_machine, kind=kind, what=what,
                                       starts_at=NOW - timedelta(days=3), ends_at=NOW - timedelta(days=2), reports=48,
                                       actor="ada@example.org", reason="names", done_at=NOW))  # fmt: skip
    text = body(visit("dee"), "/machines/plant-db-1?span=7d")
    for said in ("48 reports from", "were erased on request (ada@example.org: names)", "Single reports of before",
                 "are no longer kept"):  # fmt: skip
        assert said in text


@pytest.mark.usefixtures("filled")
def test_a_contact_sees_their_machines_and_nobody_elses(visit: Visit) -> None:
    assert 'href="/sent/plant-db-1"' in body(visit("bo"), "/sent")
    text = body(visit("bo"), "/sent/plant-db-1?span=30d")
    assert "What plant-db-1 sent" in text
    assert "history/export?format=parquet" in text
    assert 'name="confirm"' not in text
    assert visit("cy").get("/sent/plant-db-1").status_code == 404
    assert "plant-db-1" not in body(visit("cy"), "/sent")


def test_the_page_speaks_the_customers_language(visit: Visit, cast: Cast, sessions: Sessions, filled: None) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Customer, cast.plant).language = "fr"
    text = body(visit("ada"), "/sent/plant-db-1?span=30d&erase=look")
    for said in ("Ce que plant-db-1 a envoyé", "Effacer définitivement", "Chiffres par heure"):
        assert said in text
    assert "Made of" not in text


@pytest.mark.usefixtures("filled")
def test_erasing_on_the_page_is_seen_first_and_said_again(visit: Visit) -> None:
    ada, span = visit("ada"), "from=2026-03-09T00:00:00Z&to=2026-03-09T06:00:00Z"
    text = body(ada, f"/sent/plant-db-1?{span}&erase=look")
    assert "6 reports, and the figures of 6 hours" in text
    seen = re.search(r'name="seen" value="(\w+)"', text)
    action = re.search(r'<form method="post" action="(\?from[^"#]+)', text)
    assert seen is not None
    assert action is not None
    address = "/sent/plant-db-1" + action[1].replace("&amp;", "&")
    form = {"csrf": ada.csrf, "seen": seen[1], "reason": "", "confirm": "plant-db-2", "evidence": ""}
    wrong = ada("POST", address, data=form)
    assert wrong.status_code == 422
    assert "Write plant-db-1 exactly" in wrong.text
    assert "Give a reason" in wrong.text
    done = ada("POST", address, data={**form, "reason": "names", "confirm": "plant-db-1"})
    assert done.status_code == 303
    after = body(ada, done.headers["Location"])
    assert "6 reports were erased." in after
    assert "Reason: names" in after
    assert "There is nothing of this machine in that span" in body(ada, f"/sent/plant-db-1?{span}&erase=look")
    assert visit("bo")("POST", address, data=form).status_code == 403


def test_one_may_go_earlier_later_closer_and_wider_but_not_beyond_now() -> None:
    now = NOW
    look = looking.asked("", str(now.timestamp() - 7200), str(now.timestamp() - 3600), now, UTC)
    found = {step.name: step.query for step in looking.steps(look, now, [("metric", "a b")])}
    at = round(now.timestamp())
    assert found["earlier"] == f"from={at - 9000}&to={at - 5400}&metric=a+b"
    assert found["later"] == f"from={at - 5400}&to={at - 1800}&metric=a+b"
    assert found["closer"] == f"from={at - 6300}&to={at - 4500}&metric=a+b"
    assert found["wider"] == f"from={at - 9000}&to={at - 1800}&metric=a+b"
    following = looking.asked("6h", "", "", now, UTC)
    assert "later" not in {step.name for step in looking.steps(following, now, [])}
