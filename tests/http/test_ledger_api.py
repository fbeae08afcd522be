"""The delivery ledger over the API, with the reasons of refusal; and of each metric whether it speaks."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from models.incidents import Finding
from models.machines import MachineState
from models.session import SYSTEM, Sessions, work
from models.telemetry import DeliveryCount
from telemetry import history, metric_silence, rollups
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor

API = "/api/v1"
Visit = Callable[[str], Visitor]
HOUR = NOW.replace(minute=0, second=0, microsecond=0)


def got(visitor: Visitor, path: str) -> dict[str, Any]:
    answer = visitor.get(f"{API}{path}")
    assert answer.status_code == 200, answer.text
    assert isinstance(answer.json, dict)
    return answer.json


def count(cast: Cast, hour: datetime, refused: int, reasons: dict[str, int], machine: str = "plant-db-1") -> Any:
    return DeliveryCount(
        machine=machine, hour=hour, customer_id=cast.plant if machine else None, received=10 + refused, scored=10,
        refused=refused, reasons=reasons,
    )  # fmt: skip


def test_the_ledger_says_why_what_was_refused_was_refused(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    with work(sessions, SYSTEM) as session:
        session.add_all([
            count(cast, HOUR, 3, {"not_json": 2, "future_instant": 1}),
            count(cast, HOUR - timedelta(hours=1), 4, {"not_json": 4}),
            count(cast, HOUR - timedelta(hours=30), 5, {"empty": 5}),
            count(cast, HOUR, 1, {"unknown_machine": 1}, machine=""),
        ])  # fmt: skip
    ledger = got(visit("dee"), "/platform/ledger")
    assert {one["machine"]: one["reasons"] for one in ledger["items"]} == {
        "": {"unknown_machine": 1}, "plant-db-1": {"future_instant": 1, "not_json": 6},
    }  # fmt: skip
    assert ledger["total"]["reasons"] == {"future_instant": 1, "not_json": 6, "unknown_machine": 1}
    assert ledger["total"]["refused"] == sum(ledger["total"]["reasons"].values()) == 8
    own = got(visit("ada"), "/machines/plant-db-1/ledger")
    assert [(one["hour"], one["refused"], one["reasons"]) for one in own["items"]] == [
        (HOUR.strftime("%Y-%m-%dT%H:%M:%SZ"), 3, {"not_json": 2, "future_instant": 1}),
        ((HOUR - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"), 4, {"not_json": 4}),
    ]
    assert (own["total"]["received"], own["total"]["scored"]) == (27, 20)
    assert len(got(visit("ada"), "/machines/plant-db-1/ledger?hours=48")["items"]) == 3
    assert visit("cy").get(f"{API}/machines/plant-db-1/ledger").status_code == 404


def speaks(sessions: Sessions, cast: Cast, speaking: str = "speaking", **more: Any) -> None:
    """A machine that reports two metrics every 10 s, one every half hour, and some that ended at some time."""
    reports: list[tuple[int, dict[str, float]]] = []
    for step in range(6 * 60 * 8):
        at = NOW - timedelta(seconds=10 * step + 4)
        metrics = {"cpu_util": 10.0, "mem_used": 5.0}
        if step % 180 == 0:
            metrics["smart.sda.temp"] = 30.0
        if step >= 360:
            metrics |= {"fan": 900.0, "containers.web.cpu": 3.0}
        if step == 2000:
            metrics["once"] = 1.0
        reports.append((round(at.timestamp() * 1000), metrics))
    reports.append((round((NOW - timedelta(days=40)).timestamp() * 1000), {"long_ago": 1.0}))
    with work(sessions, SYSTEM) as session:
        history.add(session, 1, [(cast.plant_machine, cast.plant, reports)])
        session.add(MachineState(
            machine_id=cast.plant_machine, customer_id=cast.plant, telemetry="detect", speaking=speaking,
            last_at=NOW, last_received_at=NOW, cadence_s=10.0, latest={"cpu_util": 10.0, "never_stored": 1.0}, **more,
        ))  # fmt: skip
    with work(sessions, SYSTEM) as session:
        rollups.roll(session, NOW, 10_000)


def states(visit: Visit) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in got(visit("ada"), "/machines/plant-db-1/metrics")["items"]}


def test_of_each_metric_it_is_told_whether_it_speaks_and_in_which_rhythm(
    visit: Visit, cast: Cast, sessions: Sessions
) -> None:
    speaks(sessions, cast)
    found = states(visit)
    assert {name: (one["state"], one["cadence_s"]) for name, one in found.items()} == {
        "cpu_util": ("speaking", 10.0), "mem_used": ("speaking", 10.0), "smart.sda.temp": ("speaking", 1800.0),
        "fan": ("silent", 10.0), "containers.web.cpu": ("unknown", 10.0), "once": ("unknown", None),
        "long_ago": ("unknown", None), "never_stored": ("unknown", None),
    }  # fmt: skip
    ended = (NOW - timedelta(seconds=3604)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (found["fan"]["since"], found["fan"]["last_at"]) == (ended, ended)
    assert found["containers.web.cpu"]["why"] == "it comes and goes with what it is about"
    assert found["never_stored"]["why"] == "it was never heard"
    assert found["cpu_util"]["since"] is None
    day = (NOW - timedelta(days=40)).strftime("%Y-%m-%dT00:00:00Z")
    assert found["long_ago"]["last_at"] == day


def test_what_the_watcher_misses_is_silent_although_its_rhythm_was_not_looked_up(
    visit: Visit, cast: Cast, sessions: Sessions
) -> None:
    speaks(sessions, cast)
    since = NOW - timedelta(minutes=9)
    with work(sessions, SYSTEM) as session:
        session.add(Finding(
            customer_id=cast.plant, machine_id=cast.plant_machine, cause=metric_silence.CAUSE + "cpu_util",
            kind="silence", severity=3, started_at=since, opened_at=NOW, summary="gone", metrics=["cpu_util"],
            evidence={"silent": ["cpu_util", "mem_used"]}, created_at=NOW,
        ))  # fmt: skip
    found = states(visit)
    assert {name for name, one in found.items() if one["state"] == "silent"} == {"cpu_util", "mem_used", "fan"}
    assert found["mem_used"]["since"] == since.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_metrics_of_a_machine_of_which_nothing_is_known_are_unknown_and_of_a_silent_one_silent(
    visit: Visit, cast: Cast, sessions: Sessions
) -> None:
    speaks(sessions, cast, "unknown")
    assert {one["state"] for one in states(visit).values()} == {"unknown"}
    with work(sessions, SYSTEM) as session:
        session.get_one(MachineState, cast.plant_machine).speaking = "silent"
    found = states(visit)
    assert {name for name, one in found.items() if one["state"] == "unknown"} == {"never_stored"}
    assert found["cpu_util"]["since"] == found["cpu_util"]["last_at"]


def test_the_machine_s_page_tells_of_each_metric_what_is_missed_first(
    visit: Visit, cast: Cast, sessions: Sessions
) -> None:
    speaks(sessions, cast)
    page = visit("dee").get("/machines/plant-db-1?span=12h").text
    told = page[page.index("Metric by metric") : page.index("Maintenance<span")]
    assert "3 metrics speaking, 1 silent, 3 unknown" in told
    assert 'class="picker" open' in told
    rows = [row.split("</th>")[0].split(">")[-1] for row in told.split('<th scope="row">')[1:]]
    assert rows[0] == "fan"
    assert re.search(r"silent since \d\d:59<", told)  # 3604 s ago, in the zone of who reads
    assert "every 30 min" in told
    assert "unknown: it comes and goes with what it is about" in told
