"""Who knew first: of an incident, of a contract in a period, on the first page; each within one's own reach."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from models.base import new_id
from models.decisions import DecisionRow
from models.incidents import Finding, Incident
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor

Visit = Callable[[str], Visitor]
AT = NOW - timedelta(days=2)


def minutes(number: float) -> datetime:
    return AT + timedelta(minutes=number)


@pytest.fixture
def cases(sessions: Sessions, cast: Cast) -> None:
    """One of each kind: the machine first, us first, the customer first, and four that do not count."""

    def incident(whose: str = "plant", verdict: str | None = None, found: float | None = None, **more: Any) -> None:
        owner, machine = getattr(cast, whose), getattr(cast, f"{whose}_machine")
        given = {
            "machine_id": machine, "contract_id": getattr(cast, f"{whose}_contract"), "cause": f"c{new_id()}",
            "severity": 3, "title": "Odd", "began_at": AT, "opened_at": AT, "changed_at": AT, "state": "resolved",
            "resolved_at": minutes(300), **more,
        }  # fmt: skip
        made = Incident(id=new_id(), customer_id=owner, **given)
        session.add(made)
        session.flush()
        if found is not None:
            session.add(
                Finding(customer_id=owner, machine_id=machine, cause="c", kind="anomaly", severity=3, summary="",
                        started_at=minutes(found), opened_at=minutes(found), created_at=AT, incident_id=made.id,
                        verdict=verdict or "")
            )  # fmt: skip

    with work(sessions, SYSTEM) as session:
        incident(found=0, acknowledged_at=minutes(2), told_customer_at=minutes(3), customer_told_us_at=minutes(40))
        incident(found=0, told_customer_at=minutes(5))
        incident(channel="phone", acknowledged_at=minutes(1), customer_told_us_at=minutes(9))
        incident(channel="phone", customer_told_us_at=minutes(0), found=10)
        incident(found=0, verdict="false")
        incident(state="closed", resolved_at=None, closed_at=minutes(1))
        incident(channel="portal", machine_id=None, customer_told_us_at=minutes(0))
        incident(found=0, opened_at=AT - timedelta(days=60))
        incident("joinery", channel="portal", customer_told_us_at=minutes(0))


def test_the_share_of_a_period_counts_what_it_says(visit: Visit, cases: None) -> None:
    body: Any = visit("dee").get("/api/v1/first-to-know").json
    total = body["total"]
    counted = {name: total[name] for name in ("machine", "us", "customer", "counted", "ours", "silent")}
    assert counted == {"machine": 2, "us": 1, "customer": 2, "counted": 5, "ours": 3, "silent": 1}
    assert (total["false_alarms"], total["cancelled"], total["no_machine"]) == (1, 1, 1)
    assert (total["share"], total["lead_s"]) == (0.6, 24 * 60.0 + 0.0)
    assert "Not counted" in body["counts"]
    by = {row["contract"]: (row["ours"], row["counted"]) for row in body["contracts"]}
    assert by == {"VC-plant": (3, 4), "VC-joinery": (0, 1)}


def test_another_period_counts_other_incidents(visit: Visit, cases: None) -> None:
    start = (AT - timedelta(days=90)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body: Any = visit("dee").get(f"/api/v1/first-to-know?start={start}&customer=plant").json
    assert body["total"]["counted"] == 5
    wrong = visit("dee").get("/api/v1/first-to-know?start=2026-03-10T00:00:00Z&end=2026-03-01T00:00:00Z")
    assert wrong.status_code == 422
    assert visit("dee").get("/api/v1/first-to-know?start=2020-03-10T00:00:00Z").status_code == 422


def test_a_customer_sees_their_own_share_and_no_others(visit: Visit, cases: None) -> None:
    body: Any = visit("ada").get("/api/v1/first-to-know").json
    assert [row["contract"] for row in body["contracts"]] == ["VC-plant"]
    mine: Any = visit("ada").get("/api/v1/contracts/VC-plant/first-to-know").json
    assert (mine["total"]["ours"], mine["total"]["counted"]) == (3, 4)
    assert visit("cy").get("/api/v1/contracts/VC-plant/first-to-know").status_code == 404


def test_each_incident_says_who_and_by_how_long(visit: Visit, cases: None) -> None:
    rows: Any = visit("dee").get("/api/v1/incidents?customer=plant&limit=50").json
    said = {}
    for row in rows["items"]:
        one: Any = visit("dee").get(f"/api/v1/incidents/{row['label']}/first-to-know").json
        said[row["label"]] = (one["who"], one["lead_s"])
    assert said["VG-1001"] == ("machine", 2400.0)
    assert said["VG-1002"] == ("machine", None)
    assert said["VG-1003"] == ("us", 480.0)
    assert said["VG-1004"] == ("customer", 600.0)
    assert visit("cy").get("/api/v1/incidents/VG-1001/first-to-know").status_code == 404


def test_the_first_page_and_the_contract_say_it_with_what_it_counts(visit: Visit, cases: None) -> None:
    dee = visit("dee")
    said = "We knew first in 3 of 5 incidents (60 %)"
    assert said in dee.get("/").text
    page = dee.get("/first-to-know").text
    assert said in page
    assert "Not counted: false alarms" in page
    contract = dee.get("/customers/plant/contracts/VC-plant").text
    assert "We knew first in 4 of 5 incidents (80 %)" in contract
    assert "Not counted: false alarms" in contract
    french = dee.get("/customers/plant/contracts/VC-plant?language=fr").text
    assert "Nous l’avons su les premiers pour 4 incidents sur 5 (80 %)" in french


@pytest.mark.parametrize(
    "query",
    ["days=0", "days=x", "days=99999", "days=00001" + "9" * 5000, "from=2026-13-01", "from=2026-03-09&to=2026-03-01",
     "from=9999-12-31", "from=9999-12-30&to=9999-12-31", "from=0001-01-01&to=0001-01-01"],
)  # fmt: skip
def test_a_period_that_cannot_be_read_is_said_beside_the_usual_one(visit: Visit, cases: None, query: str) -> None:
    answer = visit("dee").get(f"/first-to-know?{query}")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "We knew first" in answer.text


def test_a_day_is_a_day_in_the_viewers_zone(visit: Visit, cases: None) -> None:
    day = AT.strftime("%Y-%m-%d")
    assert "3 of 5" in visit("dee").get(f"/first-to-know?from={day}&to={day}").text


@pytest.fixture
def shadows(sessions: Sessions, cast: Cast) -> None:
    """One finding that opened an incident of the plant's contract, two seen in its shadow, one of long ago."""
    with work(sessions, SYSTEM) as session:
        answer = DecisionRow(customer_id=cast.plant, contract_id=cast.plant_contract, machine_id=cast.plant_machine,
                             ask="detection", asked_at=AT, outcome="shadow", rule="tier", reason="")  # fmt: skip
        case = Incident(customer_id=cast.plant, machine_id=cast.plant_machine, contract_id=cast.plant_contract,
                        cause="c", severity=3, title="Odd", began_at=AT, opened_at=AT, changed_at=AT)  # fmt: skip
        session.add_all([answer, case])
        session.flush()
        for days, words, of in ((0, "opened one", case), (0, "first shadow", answer), (1, "second shadow", answer),
                                (60, "old shadow", answer)):  # fmt: skip
            then, mine = AT - timedelta(days=days), of is case
            more = {"incident_id": case.id} if mine else {"decision_id": answer.id}
            session.add(Finding(customer_id=cast.plant, machine_id=cast.plant_machine, cause="c", kind="anomaly",
                                severity=3, summary=words, started_at=then, opened_at=then, created_at=then,
                                shadow=not mine, **more))  # fmt: skip


def number_of(who: Visitor, cast: Cast) -> str:
    body: Any = who.get(f"/api/v1/contracts/{cast.plant_contract}").json
    return str(body["number"])


def test_findings_are_read_by_contract_and_period_shadow_ones_apart(visit: Visit, shadows: None, cast: Cast) -> None:
    dee, day = visit("dee"), f"{AT:%Y-%m-%d}"
    number = number_of(dee, cast)
    page = dee.get(f"/findings?contract={number}&days=30").text
    assert "3 findings in this time, 2 of them in shadow" in page
    assert [w in page for w in ("opened one", "first shadow", "second shadow", "old shadow")] == [
        True,
        True,
        True,
        False,
    ]
    page = dee.get(f"/findings?contract={number}&from={day}&to={day}&which=shadow").text
    assert [w in page for w in ("opened one", "first shadow", "second shadow")] == [False, True, False]
    start, end = (f"{AT + timedelta(days=d):%Y-%m-%dT00:00:00Z}" for d in (0, 1))
    said: Any = dee.get(f"/api/v1/findings?contract={number}&shadow=true&start={start}&end={end}").json
    assert [one["summary"] for one in said["items"]] == ["first shadow"]


def test_findings_of_anothers_contract_or_of_none_are_not_found(visit: Visit, shadows: None, cast: Cast) -> None:
    number = number_of(visit("dee"), cast)
    assert visit("dee").get("/findings").status_code == 404
    assert visit("dee").get("/findings?contract=%00").status_code == 422  # as every question that holds one
    assert visit("cy").get(f"/findings?contract={number}").status_code == 403  # the console is ours
    assert visit("cy").get(f"/api/v1/findings?contract={number}").status_code == 422
    assert visit("dee").get(f"/findings?contract={number}&from=soon").status_code == 422
