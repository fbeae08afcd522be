"""What every answer carries, and what an unsafe request must show."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import text

from app import create_app
from app.receipts import CHANGES_BY_GET
from app.settings import Settings
from models import Base
from models.session import SYSTEM, Sessions, work
from tests.conftest import ROOT
from tests.http.conftest import Hands, Visitor
from tests.http.world import Things

# A request may note that somebody was here; it changes nothing anybody asked about.
NOTES = ("web_sessions", "api_tokens", "rate_buckets")


@pytest.mark.parametrize(
    "path", ["/sign-in", "/healthz", "/api/v1/me", "/api/openapi.json", "/nowhere", "/api/v1/nowhere"]
)
def test_every_answer_wears_the_headers(stranger: Visitor, path: str) -> None:
    answer = stranger.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "charset=utf-8" in answer.headers["Content-Type"] or "json" in answer.headers["Content-Type"]
    assert "Server" not in answer.headers or "Werkzeug" not in answer.headers["Server"]
    assert "Strict-Transport-Security" not in answer.headers


def test_the_nonce_is_a_new_one_each_time(stranger: Visitor) -> None:
    policies = {stranger.get("/healthz").headers["Content-Security-Policy"] for _ in range(3)}
    assert len(policies) == 3


def test_private_answers_are_not_stored(visit: Callable[[str], Visitor]) -> None:
    assert visit("dee").get("/api/v1/me").headers["Cache-Control"] == "no-store"


def test_https_brings_hsts_and_the_bound_cookie(
    settings: Settings, hands: Hands, link_for: Callable[[str], str]
) -> None:
    app = create_app(settings.model_copy(update={"public_url": "https://desk.example"}), clock=hands)
    client = app.test_client()
    answer = client.post(link_for("dee"), base_url="https://desk.example", headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 303
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-vigie=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    app.extensions["vigie.engine"].dispose()


@pytest.mark.parametrize(
    ("headers", "is_let_in"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}, True),
        ({"Origin": "http://localhost"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "http://localhost.evil.example"}, False),
        ({"Origin": "https://localhost"}, False),
        ({"Origin": "http://localhost:81"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://localhost:port"}, False),
        ({}, False),
    ],
)
def test_an_unsafe_request_must_come_from_our_own_pages(
    visit: Callable[[str], Visitor], headers: dict[str, str], is_let_in: bool
) -> None:
    dee = visit("dee")
    dee.headers = {"X-CSRF-Token": dee.csrf, **headers}
    assert dee("POST", "/sign-out").status_code == (303 if is_let_in else 403)


@pytest.mark.parametrize("token", [None, "", "x", "é", "somebody else's"])
def test_a_cookie_session_must_show_its_token(visit: Callable[[str], Visitor], token: str | None) -> None:
    dee, other = visit("dee"), visit("eve")
    del dee.headers["X-CSRF-Token"]
    if token is not None:
        dee.headers["X-CSRF-Token"] = other.csrf if token == "somebody else's" else token
    body = {"current": None, "new": "a lamp over the harbour"}
    answer = dee.post("/api/v1/me/password", body)
    assert answer.status_code == 403
    assert answer.content_type == "application/problem+json"
    assert dee.get("/api/v1/me").status_code == 200


def test_the_token_may_come_in_a_form(visit: Callable[[str], Visitor]) -> None:
    dee = visit("dee")
    del dee.headers["X-CSRF-Token"]
    assert dee("POST", "/sign-out", data={"csrf": dee.csrf}).status_code == 303


def test_signing_in_from_another_site_is_refused(stranger: Visitor) -> None:
    answer = stranger(
        "POST", "/sign-in", data={"email": "x", "password": "y"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403


def test_a_key_needs_no_browser_headers(with_key: Callable[..., Visitor]) -> None:
    program = with_key()
    assert program.post("/api/v1/customers", {"slug": "acme", "name": "Acme"}).status_code == 201


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("application/json; charset=utf-8", 201),
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/jsonp", 415),
        ("", 415),
    ],
)
def test_the_api_takes_json_only(with_key: Callable[..., Visitor], content_type: str, status: int) -> None:
    answer = with_key()(
        "POST", "/api/v1/customers", data=b'{"slug": "acme", "name": "Acme"}', content_type=content_type
    )
    assert answer.status_code == status


def test_a_large_body_is_refused_before_it_is_read(with_key: Callable[..., Visitor]) -> None:
    class Unread(io.BytesIO):
        def read(self, *given: object) -> bytes:
            raise AssertionError("it was read")

    answer = with_key()(
        "POST",
        "/api/v1/customers",
        input_stream=Unread(),
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": str(300 * 1024)},
    )
    assert answer.status_code == 413
    assert answer.content_type == "application/problem+json"


def test_a_body_of_unknown_length_is_counted_while_it_is_read(with_key: Callable[..., Visitor]) -> None:
    answer = with_key()(
        "POST",
        "/api/v1/customers",
        input_stream=io.BytesIO(b"[" * 300 * 1024),
        content_type="application/json",
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413


def _picture(sessions: Sessions) -> dict[str, object]:
    with work(sessions, SYSTEM) as session:
        tables = [table.name for table in Base.metadata.sorted_tables if table.name not in NOTES]
        whole = "SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t"
        return {name: session.execute(text(whole.format(name))).one() for name in tables}


def _addresses(app: Flask, things: Things) -> list[str]:
    """Every address that answers GET, with real names in it."""
    known = replace(things).__dict__ | {
        "label": things.incident,
        "slug": "plant",
        "name": "plant-db-1",
        "number": "VC-plant",
        "filename": "css/tokens.css",
        "token": "nonsense",
    }
    found = []
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or "stream" in rule.rule or rule.endpoint.startswith("live"):
            continue
        if rule.endpoint in CHANGES_BY_GET:  # argued there; what each may do is tried in test_receipts.py
            continue
        path = rule.rule
        for name in rule.arguments:
            path = path.replace(f"<{name}>", str(known.get(name, things.incident)))
            for kind in ("int", "path", "string", "uuid"):
                path = path.replace(f"<{kind}:{name}>", "1" if kind == "int" else str(known.get(name, things.incident)))
        found.append(path)
    return found


def test_reading_changes_nothing(
    app: Flask, visit: Callable[[str], Visitor], world: dict[str, Things], sessions: Sessions
) -> None:
    root = visit("root")
    before = _picture(sessions)
    paths = _addresses(app, world["plant"])
    assert len(paths) > 25
    assert {rule.endpoint for rule in app.url_map.iter_rules()} >= set(CHANGES_BY_GET)
    assert len(CHANGES_BY_GET) == 2, "a further one needs its own reason, and its own tests"
    for path in paths:
        for method in ("GET", "HEAD", "OPTIONS"):
            with root(method, path) as answer:
                assert answer.status_code < 500, (method, path, answer.text)
    assert _picture(sessions) == before


def test_a_refusal_never_shows_a_trace(settings: Settings, hands: Hands) -> None:
    def broken() -> str:
        raise RuntimeError("the secret inside")

    app = create_app(settings, clock=hands)
    app.add_url_rule("/api/broken", view_func=broken)
    answer = app.test_client().get("/api/broken")
    assert answer.status_code == 500
    assert answer.json is not None
    assert answer.json["title"] == "Something broke on our side"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("rule", ["/in/broken/<path:rest>", "/broken/<token>", "/in/broken/<uuid:notice>/<seal>"])
def test_no_log_holds_the_token_of_an_address(
    rule: str, settings: Settings, hands: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**places: object) -> str:
        raise RuntimeError("something else")

    app = create_app(settings, clock=hands)
    app.add_url_rule(rule, view_func=broken)
    path = rule.replace("<uuid:notice>", "00000000-0000-7000-8000-000000000001").rpartition("/")[0]
    assert app.test_client().get(f"{path}/s3cretWORD").status_code == 500
    assert f"answering GET {path}/…" in caplog.text
    assert "s3cret" not in caplog.text


def test_a_person_gets_a_page_and_a_program_a_document(stranger: Visitor) -> None:
    page = stranger.get("/nowhere", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (page.status_code, page.mimetype) == (404, "text/html")
    document = stranger.get("/api/v1/nowhere", headers={"Accept": "text/html"})
    assert (document.status_code, document.mimetype) == (404, "application/problem+json")


def test_figures_are_for_this_machine_and_for_our_own_people(
    visit: Callable[[str], Visitor], stranger: Visitor
) -> None:
    far = {"REMOTE_ADDR": "192.0.2.7"}
    assert "vigie_web_requests_total" in stranger.get("/metrics").text
    assert stranger.get("/metrics", environ_overrides=far).status_code == 404
    assert stranger.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 404
    assert visit("cy").get("/metrics", environ_overrides=far).status_code == 404
    assert visit("dee").get("/metrics", environ_overrides=far).status_code == 200


def test_ready_means_the_database_answers(stranger: Visitor, settings: Settings, hands: Hands) -> None:
    assert stranger.get("/readyz").status_code == 200
    away = create_app(
        settings.model_copy(update={"database_url": "postgresql://{role}@/x?host=/nonexistent"}), clock=hands
    )
    answer = away.test_client().get("/readyz")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    busy = away.test_client().get("/api/v1/me", headers={"Authorization": "Bearer vg_x"})
    assert busy.status_code in (401, 503)


def test_the_web_starts_without_the_heavy_libraries() -> None:
    started = """
import sys
from app import create_app
from app.receipts import CHANGES_BY_GET
from app.settings import Settings
create_app(Settings(database_url="postgresql://{role}@/x?host=/nonexistent"))
print([name for name in ("numpy", "scipy", "sklearn", "paho", "kafka") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", started], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "path", ["/machines/%00", "/customers/%00", "/customers/a%00/machines/new", "/incidents/%00/peek", "/%00"]
)
def test_an_address_with_a_nul_is_nowhere_and_no_fault(visit: Callable[[str], Visitor], path: str) -> None:
    assert visit("dee").get(path).status_code == 404


@pytest.mark.parametrize("path", ["/notices?state=%00", "/findings?which=a%00", "/?mine=%00&x=1"])
def test_a_question_with_a_nul_names_its_field(visit: Callable[[str], Visitor], path: str) -> None:
    said = visit("dee").get(path)
    assert said.status_code == 422
    assert f"{path.partition('?')[2].partition('=')[0]} holds a NUL character" in said.text


def test_a_form_with_a_nul_names_its_field(visit: Callable[[str], Visitor]) -> None:
    dee = visit("dee")
    said = dee("POST", "/duty/sites", data={"csrf": dee.csrf, "name": "a", "zone": "\0"})
    assert said.status_code == 422
    assert "zone holds a NUL character" in said.text
