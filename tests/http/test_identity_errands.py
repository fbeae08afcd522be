"""The small commands: keys, people, customers, contracts; and their errors in plain words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import func, select

from app.cli import main
from app.settings import Settings
from models.agreements import Contract
from models.people import ApiToken, Person
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast
from tests.http.conftest import Visitor

Vigie = Callable[..., Result]


@pytest.fixture
def vigie(settings: Settings, tmp_path: Path) -> Vigie:
    """`vigie("token", "add", "x")`, at the test database."""

    def run(*words: str, database: str = settings.database_url) -> Result:
        env = {"VIGIE_DATABASE_URL": database, "VIGIE_DATA": str(tmp_path), "VIGIE_PUBLIC_URL": "http://desk.example"}
        return CliRunner().invoke(main, list(words), env=env)

    return run


def test_a_key_made_at_the_desk_opens_the_api_until_it_is_revoked(vigie: Vigie, app: Flask, cast: Cast) -> None:
    made = vigie("token", "add", "grafana", "--customer", "plant", "--scope", "incidents:read", "--bare")
    assert made.exit_code == 0, made.output
    key = made.output.strip()
    program = Visitor(app.test_client(), key=key)
    assert program.get("/api/v1/incidents").status_code == 200
    assert program.get("/api/v1/machines").status_code == 403
    listed = vigie("token", "list").output
    assert "grafana" in listed
    assert key.split("_")[1] in listed
    assert key not in listed
    assert vigie("token", "revoke", key.split("_")[1]).exit_code == 0
    assert program.get("/api/v1/incidents").status_code == 401
    assert "ended" in vigie("token", "list").output


def test_a_person_is_added_and_gets_a_link(vigie: Vigie, sessions: Sessions, cast: Cast) -> None:
    assert vigie("person", "add", "Fay@example.org", "Fay", "--role", "operator").exit_code == 0
    with work(sessions, SYSTEM) as session:
        assert (
            session.scalars(select(Person).where(func.lower(Person.email) == "fay@example.org")).one().role
            == "operator"
        )
    link = vigie("person", "link", "fay@EXAMPLE.org")
    assert link.output.startswith("http://desk.example/sign-in/link/")
    contact = vigie(
        "person", "add", "gil@example.org", "Gil", "--role", "contact", "--customer", "plant", "--may", "open"
    )
    assert contact.exit_code == 0, contact.output
    assert "Gil" in vigie("person", "list").output


def test_a_customer_gets_a_contract(vigie: Vigie, sessions: Sessions) -> None:
    assert vigie("customer", "add", "hlv", "Harbour & Light").exit_code == 0
    made = vigie("contract", "add", "hlv", "platinum", "--from", "2026-01-01", "--until", "2026-12-31")
    assert made.exit_code == 0, made.output
    assert "hlv" in vigie("customer", "list").output
    assert "platinum" in vigie("contract", "list").output
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(Contract)).one().number in made.output


WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "an unknown customer": (("contract", "add", "nix", "gold"), "there is no customer nix"),
    "an unknown tier": (("contract", "add", "plant", "tin"), "tier is none of the words known here"),
    "an end before the start": (
        ("contract", "add", "plant", "gold", "--from", "2026-02-01", "--until", "2026-01-01"),
        "--until lies before --from",
    ),
    "another's machine": (
        ("contract", "add", "plant", "gold", "--machine", "joinery-files"),
        "joinery-files belongs to another customer",
    ),
    "a bad slug": (("customer", "add", "A B", "x"), "slug has characters or a form that cannot be used"),
    "a slug that is taken": (("customer", "add", "plant", "x"), "slug is taken by another customer"),
    "a bad address": (("person", "add", "nobody", "x"), "email is not a mail address"),
    "an address that is taken": (("person", "add", "dee@example.org", "x"), "email belongs to somebody already"),
    "a contact of nobody": (("person", "add", "x@example.org", "x", "--role", "contact"), "a contact needs --customer"),
    "a link for nobody": (("person", "link", "x@example.org"), "nobody active here has the address"),
    "an unknown right": (("token", "add", "x", "--scope", "moon:walk"), "no such right here: moon:walk"),
    "a right no customer has": (
        ("token", "add", "x", "--customer", "plant", "--scope", "people:read"),
        "no such right here: people:read",
    ),
    "an unknown key": (("token", "revoke", "abc"), "there is no key abc"),
}


def test_what_is_wrong_is_said_in_one_sentence(vigie: Vigie, cast: Cast, sessions: Sessions) -> None:
    for kind, (words, said) in WRONG.items():
        result = vigie(*words)
        assert result.exit_code == 1, (kind, result.output)
        assert said in result.output, (kind, result.output)
        assert "Traceback" not in result.output, kind
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(ApiToken)) == 0
        assert session.scalar(select(func.count()).select_from(Contract)) == 2


def test_a_database_that_is_away_is_said_so(vigie: Vigie) -> None:
    result = vigie("customer", "list", database="postgresql://{role}@/x?host=/nonexistent")
    assert result.exit_code == 1
    assert "the database cannot be reached" in result.output
    assert "./run" in result.output
