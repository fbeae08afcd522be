"""The import page: a look first, then the very thing that was looked at; and the export as a download."""

from __future__ import annotations

import base64
import gzip
import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from models.audit import AuditEntry
from models.customers import Customer
from models.machines import Machine
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast
from tests.http.conftest import Visitor

Visit = Callable[[str], Visitor]
CUSTOMERS = "customer;name\nelan;=Élan\njoinery;Cy & Sons\n"


def looked_at(who: Visitor, *texts: str) -> Any:
    files = [(io.BytesIO(text.encode("utf-8-sig")), f"table-{number}.csv") for number, text in enumerate(texts)]
    return who("POST", "/imports", data={"file": files}, content_type="multipart/form-data")


def field(text: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found is not None, f"no field {name}"
    return found[1]


def customers(sessions: Sessions) -> dict[str, str]:
    with work(sessions, SYSTEM) as session:
        return {row.slug: row.name for row in session.scalars(select(Customer))}


def test_one_looks_first_and_then_does_what_was_looked_at(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    manager = visit("max")
    text = looked_at(manager, CUSTOMERS).text
    assert "Of 2 lines, 1 would make something new, 1 would change something, 0 would do nothing." in text
    assert "<del>Cy Joinery</del> <ins>Cy &amp; Sons</ins>" in text
    assert "elan" not in customers(sessions)
    done = manager.post("/imports", data={"kept": field(text, "kept"), "seen": field(text, "seen")})
    assert "Imported 2 lines: 1 new, 1 changed, 0 as they were." in done.text
    assert customers(sessions)["elan"] == "=Élan"
    assert customers(sessions)["joinery"] == "Cy & Sons"


def test_a_refused_line_leaves_nothing_to_press(visit: Visit, cast: Cast) -> None:
    text = looked_at(visit("max"), "customer,name,zone\nelan,Élan,Paris\n").text
    assert "1 line of 1 cannot be used" in text
    assert "<b>zone</b> is not a time zone of the IANA database: write it like Europe/Paris." in text
    assert 'name="kept"' not in text


def test_what_changed_since_one_looked_is_shown_again_and_not_done(
    visit: Visit, cast: Cast, sessions: Sessions
) -> None:
    manager = visit("max")
    text = looked_at(manager, CUSTOMERS).text
    with work(sessions, SYSTEM) as session:
        session.get_one(Customer, cast.joinery).name = "Meanwhile"
    again = manager.post("/imports", data={"kept": field(text, "kept"), "seen": field(text, "seen")})
    assert again.status_code == 422
    assert "the desk has changed since you looked" in again.text
    assert "<del>Meanwhile</del>" in again.text
    assert "elan" not in customers(sessions)
    fresh = {"kept": field(again.text, "kept"), "seen": field(again.text, "seen")}
    assert "Imported" in manager.post("/imports", data=fresh).text


def test_a_form_without_a_file_says_so_beside_the_field(visit: Visit, cast: Cast) -> None:
    empty = {"file": (io.BytesIO(b""), "")}
    answer = visit("max")("POST", "/imports", data=empty, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "Choose at least one file first." in answer.text
    assert 'aria-invalid="true"' in answer.text


@pytest.mark.parametrize(
    "kept", ["x", base64.b64encode(b"x").decode(), base64.b64encode(gzip.compress(b"[1]", mtime=0)).decode()]
)
def test_files_that_come_back_changed_are_not_used(visit: Visit, cast: Cast, kept: str) -> None:
    answer = visit("max").post("/imports", data={"kept": kept, "seen": ""})
    assert answer.status_code == 422
    assert "came back changed" in answer.text


def test_a_long_import_says_how_much_it_does_not_show(visit: Visit, cast: Cast) -> None:
    rows = "".join(f"m-{number},plant\n" for number in range(700))
    text = looked_at(visit("max"), f"machine,customer\n{rows}bad name,plant\n").text
    assert text.count('<tr class="import-') == 500
    assert text.index("import-refused") < text.index("import-create")
    assert "201 more lines are not shown here" in text


def test_the_download_is_a_zip_and_stands_in_the_audit(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    answer = visit("max").post("/export")
    assert answer.mimetype == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as bundle:
        assert b"plant-db-1" in bundle.read("machines.csv")
    with work(sessions, SYSTEM) as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.deed == "export.taken"))
        assert entry.actor == "Max"


def test_engineers_and_contacts_neither_import_nor_export(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    for name in ("dee", "ada"):
        who = visit(name)
        assert who.get("/imports").status_code == 403
        assert looked_at(who, CUSTOMERS).status_code == 403
        assert who.post("/export").status_code == 403
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(Machine)) == 2
