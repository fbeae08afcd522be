"""History over the API: any span in few points, under either name; exported as files; erased once it was seen."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import arro3.io
import pytest

from models.base import new_id
from models.changes import MachineChange
from models.incidents import Finding
from models.machines import MachineState
from models.session import SYSTEM, Sessions, work
from models.telemetry import DeliveryCount
from telemetry import history, rollups
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor

API = "/api/v1/machines/plant-db-1"
Visit = Callable[[str], Visitor]
TODAY = NOW.replace(hour=0)
HOUR = timedelta(hours=1)


def fill(sessions: Sessions, cast: Cast, days: int = 40, every: timedelta = timedelta(minutes=30)) -> None:
    reports = []
    at = TODAY - timedelta(days=days)
    while at < NOW:
        metrics = {"cpu_util": 10.0 + at.hour, "net_rx_mb_s.eth0": 12.1, '=HYPERLINK("x")': 1.0}
        reports.append((round(at.timestamp() * 1000), metrics))
        at += every
    with work(sessions, SYSTEM) as session:
        history.add(session, 1, [(cast.plant_machine, cast.plant, reports)])
        session.add(MachineState(machine_id=cast.plant_machine, customer_id=cast.plant, telemetry="detect",
                                 last_at=at - every, latest=reports[-1][1]))  # fmt: skip
    with work(sessions, SYSTEM) as session:
        rollups.roll(session, NOW, 10_000)


def got(visitor: Visitor, path: str) -> dict[str, object]:
    answer = visitor.get(path)
    assert answer.status_code == 200, answer.text
    assert isinstance(answer.json, dict)
    return answer.json


def values_of(table: Any, name: str) -> list[Any]:  # Any: arro3 has no types for what a column yields
    return list(table[name].combine_chunks())


def test_the_span_decides_what_the_points_are_made_of_and_says_so(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    fill(sessions, cast)
    ada = visit("ada")
    made = {
        span: got(ada, f"{API}/history?metrics=cpu_util&from={quote((NOW - span).isoformat())}")
        for span in (timedelta(hours=6), timedelta(days=30), timedelta(days=3000))
    }
    assert [one["made_of"] for one in made.values()] == ["reports", "hours", "days"]
    month = made[timedelta(days=30)]
    line = month["metrics"]["cpu_util"]  # type: ignore[index]
    assert sum(line["count"]) == month["reports"] == 30 * 48
    assert (min(line["least"]), max(line["most"])) == (10, 33)
    assert len(line["low"]) == len(line["high"]) == len(line["mean"])


def test_a_metric_is_asked_for_and_shown_under_the_common_name_in_its_unit(
    visit: Visit, cast: Cast, sessions: Sessions
) -> None:
    fill(sessions, cast, days=1)
    name = 'system.network.io{device="eth0",direction="receive"}'
    ada = visit("ada")
    answer = got(ada, f"{API}/history?names=otel&metrics=system.cpu.utilization,{quote(name)}&points=2")
    assert set(answer["metrics"]) == {"system.cpu.utilization", name}  # type: ignore[call-overload]
    network = answer["metrics"][name]  # type: ignore[index]
    assert (network["sent_as"], network["unit"], network["mean"][0]) == ("net_rx_mb_s.eth0", "By/s", 12_100_000)
    sent = got(ada, f"{API}/history?metrics=system.cpu.utilization&points=2")
    assert set(sent["metrics"]) == {"cpu_util"}  # type: ignore[call-overload]
    listed = got(ada, f"{API}/metrics")["items"]
    assert {one["name"]: one["otel"] for one in listed} == {  # type: ignore[attr-defined]
        "cpu_util": "system.cpu.utilization", "net_rx_mb_s.eth0": name, '=HYPERLINK("x")': "",
    }  # fmt: skip


def test_a_parquet_of_hours_has_whole_counts_and_instants_in_utc(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    fill(sessions, cast, days=2)
    answer = visit("ada").get(f"{API}/history/export?of=hours&format=parquet&metrics=cpu_util")
    table = arro3.io.read_parquet(io.BytesIO(answer.data)).read_all()
    assert ["Int64" in str(table.schema.field(name).type) for name in ("count", "mean")] == [True, False]
    assert "UTC" in str(table.schema.field("from").type)
    assert {value.as_py() for value in values_of(table, "count")} == {2}


def test_findings_that_touch_the_span_stand_beside_it(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    fill(sessions, cast, days=2)
    with work(sessions, SYSTEM) as session:
        for hours, ended in ((30, 28), (3, None)):
            begun = NOW - timedelta(hours=hours)
            session.add(Finding(
                customer_id=cast.plant, machine_id=cast.plant_machine, cause="cpu", kind="anomaly", severity=3,
                started_at=begun, opened_at=begun, ended_at=NOW - timedelta(hours=ended) if ended else None,
                summary="busy", metrics=["cpu_util"], created_at=NOW,
            ))  # fmt: skip
    found = got(visit("ada"), f"{API}/history?metrics=cpu_util")["anomalies"]
    assert [(one["summary"], one["end"]) for one in found] == [("busy", None)]  # type: ignore[attr-defined]


def test_an_export_is_a_row_each_instant_and_metric_with_zone_and_without_formulas(
    visit: Visit, cast: Cast, sessions: Sessions
) -> None:
    fill(sessions, cast, days=1)
    answer = visit("ada").get(f"{API}/history/export?from=2026-03-10T08:00:00Z&to=2026-03-10T09:00:00Z")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="plant-db-1_20260310T0800Z_20260310T0900Z.csv"' in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 6
    assert {row["metric"] for row in rows} == {"cpu_util", "net_rx_mb_s.eth0", '\'=HYPERLINK("x")'}
    first = next(row for row in rows if row["metric"] == "net_rx_mb_s.eth0")
    assert (first["at"], first["value"], first["unit"]) == ("2026-03-10T09:00:00.000+01:00", "12.1", "MB/s")


def test_changes_told_are_exported_and_a_unit_that_cannot_hold_a_value_stops_no_file(
    visit: Visit, cast: Cast, sessions: Sessions
) -> None:
    with work(sessions, SYSTEM) as session:
        for minutes, what in ((30, "=release 2.3.1"), (90, "a restart")):
            session.add(
                MachineChange(
                    id=new_id(), customer_id=cast.plant, machine_id=cast.plant_machine, kind="deployment", what=what,
                    at=NOW - timedelta(minutes=minutes), told_by="api", told_at=NOW,
                )
            )  # fmt: skip
        huge = {"net_rx_mb_s.eth0": 1.7e308, "load1": 1.7e308}  # one of them in bytes a second for OpenTelemetry
        history.add(session, 1, [(cast.plant_machine, cast.plant, [(round((NOW - HOUR).timestamp() * 1000), huge)])])
    ada, span = visit("ada"), f"from={NOW - HOUR:%Y-%m-%dT%H:%M:%SZ}&to={NOW:%Y-%m-%dT%H:%M:%SZ}&zone=UTC"
    (row,) = csv.DictReader(io.StringIO(ada.get(f"{API}/history/export?of=changes&{span}").text))
    assert (row["machine"], row["kind"], row["what"], row["told_by"]) == (
        "plant-db-1", "deployment", "'=release 2.3.1", "api",
    )  # fmt: skip
    answer = ada.get(f"{API}/history/export?of=changes&format=parquet&{span}")
    table = arro3.io.read_parquet(io.BytesIO(answer.data)).read_all()
    assert [value.as_py() for value in values_of(table, "what")] == ["=release 2.3.1"]
    rows = list(csv.DictReader(io.StringIO(ada.get(f"{API}/history/export?{span}&names=otel").text)))
    assert {float(row["value"]) for row in rows} == {1.7e308, sys.float_info.max}
    assert got(ada, f"{API}/history?{span.removesuffix('&zone=UTC')}&names=otel")


@pytest.mark.parametrize(("of", "columns"), [("reports", ["value"]), ("hours", ["least", "mean", "most", "count"])])
def test_parquet_holds_the_same_rows_as_csv(
    visit: Visit, cast: Cast, sessions: Sessions, of: str, columns: list[str]
) -> None:
    fill(sessions, cast, days=3)
    ada, span = visit("ada"), f"of={of}&from=2026-03-07T00:00:00Z&to=2026-03-10T00:00:00Z&zone=UTC"
    rows = list(csv.DictReader(io.StringIO(ada.get(f"{API}/history/export?{span}&metrics=cpu_util").text)))
    answer = ada.get(f"{API}/history/export?{span}&metrics=cpu_util&format=parquet")
    assert answer.headers["Content-Type"] == "application/vnd.apache.parquet"
    table = arro3.io.read_parquet(io.BytesIO(answer.data)).read_all()
    when = "at" if of == "reports" else "from"
    assert table.schema.names == ["machine", when, "metric", *columns, "unit"]
    assert table.num_rows == len(rows) == (144 if of == "reports" else 72)
    for name in columns:
        assert [value.as_py() for value in values_of(table, name)] == [float(row[name]) for row in rows]
    told = [value.as_py().astimezone(UTC) for value in values_of(table, when)]
    assert told == [datetime.fromisoformat(row[when]) for row in rows]


def test_erasing_takes_a_look_first_and_the_name_said_again(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    fill(sessions, cast, days=1)
    with work(sessions, SYSTEM) as session:
        session.add(DeliveryCount(machine="plant-db-1", customer_id=cast.plant, hour=TODAY, received=90, scored=90))
    ada, span = visit("ada"), {"from": "2026-03-10T00:00:00Z", "to": "2026-03-10T02:00:00Z"}
    seen = got(ada, f"{API}/history/erasure?from={span['from']}&to={span['to']}")
    assert (seen["reports"], seen["hours_of_figures"], seen["newest_values"]) == (4, 2, False)
    body = {**span, "seen": seen["seen"], "confirm": "plant-db-1", "reason": "names in labels"}
    wrong = ada.post(f"{API}/history/erasure", {**body, "confirm": "plant-db-2"})
    assert (wrong.status_code, wrong.json["errors"][0]["field"]) == (422, "confirm")  # type: ignore[index]
    assert ada.post(f"{API}/history/erasure", {**body, "seen": "0" * 16}).status_code == 409
    done = ada.post(f"{API}/history/erasure", body)
    assert (done.status_code, done.json["reports"]) == (201, 4)  # type: ignore[index]
    assert ada.post(f"{API}/history/erasure", body).status_code == 409
    left = got(ada, f"{API}/history?from={span['from']}&to=2026-03-10T03:00:00Z&metrics=cpu_util")
    assert left["reports"] == 2
    assert [one["kind"] for one in left["removed"]] == ["erased"]  # type: ignore[attr-defined]
    kept = got(ada, f"{API}/history/kept")
    assert (kept["reports_days"], kept["figures_days"]) == (184, 1830)
    assert [one["reason"] for one in kept["removed"]] == ["names in labels"]  # type: ignore[attr-defined]
    with work(sessions, SYSTEM) as session:
        assert session.get_one(DeliveryCount, ("plant-db-1", TODAY)).erased == 4


def test_only_who_signs_for_the_customer_or_manages_erases(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    fill(sessions, cast, days=1)
    path = f"{API}/history/erasure?from=2026-03-10T00:00:00Z&to=2026-03-10T02:00:00Z"
    seen = got(visit("bo"), path)["seen"]
    body = {"from": "2026-03-10T00:00:00Z", "to": "2026-03-10T02:00:00Z", "seen": seen, "confirm": "plant-db-1",
            "reason": "x"}  # fmt: skip
    assert visit("bo").post(f"{API}/history/erasure", body).status_code == 403
    assert visit("dee").post(f"{API}/history/erasure", body).status_code == 403
    for address in ("history/erasure?from=2026-03-10T00:00:00Z&to=2026-03-10T02:00:00Z", "history/export", "metrics"):
        assert visit("cy").get(f"{API}/{address}").status_code == 404
    assert visit("cy").post(f"{API}/history/erasure", body).status_code == 404
    assert visit("max").post(f"{API}/history/erasure", body).status_code == 201


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("history?from=2026-03-10T00:00:00Z&to=2026-03-09T00:00:00Z", "from"),
        ("history?from=2010-03-10T00:00:00Z&to=2026-03-09T00:00:00Z", "from"),
        ("history?of=reports&from=2026-01-01T00:00:00Z&to=2026-03-09T00:00:00Z", "from"),
        ("history?names=ours", "names"),
        ("history/export?format=xlsx", "format"),
        ("history/export?zone=Mars/Olympus", "zone"),
        ("history/erasure?from=2026-03-10T00:00:00Z&to=2027-03-09T00:00:00Z", "to"),
    ],
)
def test_a_span_or_a_word_that_cannot_be_is_refused_by_its_name(visit: Visit, query: str, field: str) -> None:
    answer = visit("ada").get(f"{API}/{query}")
    assert answer.status_code == 422
    assert answer.json is not None
    assert [(one["field"], bool(one["remedy"])) for one in answer.json["errors"]] == [(field, True)]
