"""Import and export through the API."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from app.front import LARGEST_UPLOAD
from models.customers import Customer
from models.machines import Machine
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast
from tests.http.conftest import Visitor

API = "/api/v1"
WithKey = Callable[..., Visitor]
CUSTOMERS = "customer,name\nelan,Élan Nord\n"
MACHINES = "machine,customer\nelan-1,elan\n"


def sent(who: Visitor, text: str, query: str = "", kind: str = "text/csv") -> Any:
    return who("POST", f"{API}/imports{query}", data=text.encode(), headers={"Content-Type": kind})


def customers(sessions: Sessions) -> int:
    with work(sessions, SYSTEM) as session:
        return session.scalar(select(func.count()).select_from(Customer)) or 0


def test_a_dry_run_says_what_an_import_then_does(with_key: WithKey, cast: Cast, sessions: Sessions) -> None:
    ours = with_key()
    dry = sent(ours, CUSTOMERS, "?dry_run=true&name=customers.csv")
    assert (dry.status_code, dry.json["applied"], customers(sessions)) == (200, False, 2)
    done = sent(ours, CUSTOMERS)
    assert (done.status_code, done.json["applied"], customers(sessions)) == (200, True, 3)
    assert done.json["counts"] == dry.json["counts"] == {"create": 1, "change": 0, "nothing": 0, "refused": 0}
    assert sent(ours, CUSTOMERS).json["counts"]["nothing"] == 1


def test_several_files_come_as_one_form(with_key: WithKey, cast: Cast) -> None:
    files = [(io.BytesIO(text.encode()), name) for name, text in (("machines.csv", MACHINES), ("c.csv", CUSTOMERS))]
    form = {"data": {"file": files}, "content_type": "multipart/form-data"}
    answer: Any = with_key()("POST", f"{API}/imports", **form)
    assert answer.status_code == 200, answer.text
    assert [line["kind"] for line in answer.json["lines"]] == ["customers", "machines"]
    assert "rotate" in answer.json["lines"][1]["note"]


def test_a_refused_line_refuses_the_import_and_names_file_line_and_field(
    with_key: WithKey, cast: Cast, sessions: Sessions
) -> None:
    answer = sent(with_key(), "customer,name,zone\nx,X,UTC\ny,Y,Nowhere\n", "?name=customers.csv")
    assert answer.status_code == 422
    assert answer.json["errors"] == [
        {"field": "customers.csv:3 zone", "problem": "is not a time zone of the IANA database",
         "remedy": "write it like Europe/Paris"}
    ]  # fmt: skip
    assert customers(sessions) == 2


def test_an_export_comes_in_again_through_the_api(with_key: WithKey, cast: Cast) -> None:
    ours = with_key()
    taken = ours.get(f"{API}/export")
    assert (taken.status_code, taken.content_type) == (200, "application/zip")
    assert "attachment" in taken.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(taken.data)) as bundle:
        assert "manifest.json" in bundle.namelist()
    headers = {"Content-Type": "application/zip"}
    again: Any = ours("POST", f"{API}/imports?dry_run=true", data=taken.data, headers=headers)
    assert again.json["counts"]["nothing"] == len(again.json["lines"])


def test_customers_neither_import_nor_export(with_key: WithKey, cast: Cast) -> None:
    theirs = with_key(customer="plant")
    assert sent(theirs, CUSTOMERS).status_code == 403
    assert theirs.get(f"{API}/export").status_code == 403


def test_each_kind_of_file_asks_for_its_own_right(with_key: WithKey, cast: Cast, sessions: Sessions) -> None:
    seller = with_key(scopes=["customers:write"])
    assert sent(seller, CUSTOMERS).status_code == 200
    refused = sent(seller, MACHINES)
    assert refused.status_code == 403
    assert "machines:write" in refused.json["detail"]
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(Machine.id).where(Machine.name == "elan-1")) is None


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", ""])
def test_another_kind_of_body_is_told_which_ones_are_taken(with_key: WithKey, cast: Cast, kind: str) -> None:
    answer = sent(with_key(), CUSTOMERS, kind=kind)
    assert answer.status_code == 415
    assert "text/csv" in answer.json["remedy"]


def test_an_import_may_be_large_and_nothing_else_may(with_key: WithKey, cast: Cast) -> None:
    ours = with_key()
    rows = CUSTOMERS + "".join(f"c-{number},{'x' * 100}\n" for number in range(3000))
    assert len(rows) > 256 * 1024
    assert sent(ours, rows, "?dry_run=true").status_code == 200
    assert ours("POST", f"{API}/customers", data=rows, content_type="application/json").status_code == 413
    huge = ours("POST", f"{API}/imports", data=b"x" * (LARGEST_UPLOAD + 1), headers={"Content-Type": "text/csv"})
    assert huge.status_code == 413


def test_the_same_import_with_one_key_is_done_once(with_key: WithKey, cast: Cast) -> None:
    ours = with_key()
    headers = {"Idempotency-Key": "one", "Content-Type": "text/csv"}
    first = ours("POST", f"{API}/imports", data=CUSTOMERS.encode(), headers=headers)
    again = ours("POST", f"{API}/imports", data=CUSTOMERS.encode(), headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json == first.json
