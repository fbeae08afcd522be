"""`vigie import` and `vigie export` as one types them."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import func, make_url, select

from app.commands.export import command as take_out
from models.customers import Customer
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast

bring = importlib.import_module("app.commands.import").command  # a word of the language, so it is asked for by name


@pytest.fixture
def desk(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    url = make_url(database).set(username="ROLE").render_as_string(hide_password=False)
    monkeypatch.setenv("VIGIE_DATABASE_URL", url.replace("ROLE", "{role}"))
    monkeypatch.setenv("VIGIE_DATA", str(tmp_path))
    return tmp_path


def test_a_file_is_looked_at_then_imported_and_then_changes_nothing(desk: Path, sessions: Sessions) -> None:
    given = desk / "customers.csv"
    given.write_text("customer;name\nelan;Élan\n", encoding="utf-8-sig")
    looked = CliRunner().invoke(bring, [str(given), "--dry-run"])
    assert looked.exit_code == 0, looked.output
    assert "customers.csv:2  create  customers  elan" in looked.output
    assert "This was a dry run: nothing was done." in looked.output
    done = CliRunner().invoke(bring, [str(given)])
    assert "1 create, 0 change, 0 nothing, 0 refused. Done." in done.output
    assert "0 create, 0 change, 1 nothing, 0 refused. Done." in CliRunner().invoke(bring, [str(given)]).output
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(Customer.name)).all() == ["Élan"]


def test_a_refused_line_ends_with_an_error_and_names_the_remedy(desk: Path, sessions: Sessions) -> None:
    given = desk / "customers.csv"
    given.write_text("customer,name,zone\nelan,Élan,UTC\nb,B,Nowhere\n")
    refused = CliRunner().invoke(bring, [str(given), "--quiet"])
    assert refused.exit_code == 1
    assert "customers.csv:3  refused  b  zone is not a time zone of the IANA database: write it like" in refused.output
    assert "customers.csv:2" not in refused.output
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 0


def test_an_export_is_a_file_that_comes_in_again(desk: Path, cast: Cast) -> None:
    out = desk / "out.zip"
    taken = CliRunner().invoke(take_out, ["--out", str(out)])
    assert taken.exit_code == 0, taken.output
    again = CliRunner().invoke(bring, [str(out), "--quiet"])
    assert again.exit_code == 0
    assert again.output.startswith("0 create, 0 change,")
    lost = CliRunner().invoke(take_out, ["--out", str(desk / "nowhere" / "out.zip")])
    assert lost.exit_code == 1
    assert "cannot be written: No such file or directory" in lost.output
