"""Nonsense sent to API and forms: each kind gets a clear error that names the field and what to do; nothing breaks."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import func, select

from models.customers import Customer
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast
from tests.http.conftest import Visitor

API = "/api/v1"
CUSTOMERS, CONTRACTS, MACHINES, PEOPLE, INCIDENTS, TOKENS, PREVIEW = (
    f"{API}/{noun}"
    for noun in ("customers", "contracts", "machines", "people", "incidents", "tokens", "decisions/preview")
)
NAMED = '{"slug": "x", "name": %s}'
CONTRACT = '{"customer": "plant", "tier": "gold", "starts_on": "2026-01-01", %s}'
DEEP = "[" * 50_000 + "]" * 50_000

# what → where it is sent, the bytes, the status, and the field the answer must name ("" when there is no field).
BODIES: dict[str, tuple[str, str | bytes, int, str]] = {
    "nothing": (CUSTOMERS, "", 400, ""),
    "blanks": (CUSTOMERS, "  \n ", 400, ""),
    "half an object": (CUSTOMERS, '{"slug": "x", "na', 400, ""),
    "two objects": (CUSTOMERS, '{"slug": "x", "name": "X"}{}', 400, ""),
    "a list": (CUSTOMERS, '[{"slug": "x", "name": "X"}]', 400, ""),
    "a text": (CUSTOMERS, '"x"', 400, ""),
    "null": (CUSTOMERS, "null", 400, ""),
    "a number": (CUSTOMERS, "1e999", 400, ""),
    "the same key twice": (CUSTOMERS, '{"slug": "x", "slug": "y", "name": "X"}', 400, ""),
    "the same key twice, deep inside": (CONTRACTS, CONTRACT % '"lines": [{"site": null, "site": null}]', 400, ""),
    "NaN": (INCIDENTS, '{"title": "x", "severity": NaN}', 400, ""),
    "Infinity": (INCIDENTS, '{"title": "x", "severity": -Infinity}', 400, ""),
    "a comment": (CUSTOMERS, '{"slug": "x", /* hi */ "name": "X"}', 400, ""),
    "single quotes": (CUSTOMERS, "{'slug': 'x', 'name': 'X'}", 400, ""),
    "a trailing comma": (CUSTOMERS, '{"slug": "x", "name": "X",}', 400, ""),
    "a very deep list": (CUSTOMERS, NAMED % DEEP, 400, ""),
    "a number of ten thousand digits": (INCIDENTS, '{"title": "x", "severity": %s}' % ("9" * 10_000), 400, ""),
    "bytes that are no UTF-8": (CUSTOMERS, b'{"slug": "x", "name": "\xff\xfe"}', 400, ""),
    "UTF-16": (CUSTOMERS, '{"slug": "x", "name": "X"}'.encode("utf-16"), 400, ""),
    "XML": (CUSTOMERS, "<customer/>", 400, ""),
    "a form": (CUSTOMERS, "slug=x&name=X", 400, ""),
    "a lone surrogate": (CUSTOMERS, NAMED % '"\\ud800"', 400, ""),
    "a missing field": (CUSTOMERS, '{"slug": "x"}', 422, "name"),
    "an unknown field": (CUSTOMERS, '{"slug": "x", "name": "X", "demo": true}', 422, "demo"),
    "an id of one's own": (CUSTOMERS, '{"slug": "x", "name": "X", "id": "1"}', 422, "id"),
    "null for a text": (CUSTOMERS, NAMED % "null", 422, "name"),
    "a number for a text": (CUSTOMERS, NAMED % "12", 422, "name"),
    "an object for a text": (CUSTOMERS, NAMED % "{}", 422, "name"),
    "an empty text": (CUSTOMERS, NAMED % '""', 422, "name"),
    "only blanks": (CUSTOMERS, NAMED % '"   "', 422, "name"),
    "a text too long": (CUSTOMERS, NAMED % f'"{"x" * 201}"', 422, "name"),
    "a NUL": (CUSTOMERS, NAMED % '"a\\u0000b"', 422, "name"),
    "an escape sequence": (CUSTOMERS, NAMED % '"\\u001b[2J"', 422, "name"),
    "a line break in a line": (CUSTOMERS, NAMED % '"a\\r\\nBcc: x"', 422, "name"),
    "a slug with a slash": (CUSTOMERS, '{"slug": "a/b", "name": "X"}', 422, "slug"),
    "a slug that climbs": (CUSTOMERS, '{"slug": "..", "name": "X"}', 422, "slug"),
    "a zone that is none": (CUSTOMERS, '{"slug": "x", "name": "X", "zone": "Mars/Base"}', 422, "zone"),
    "a zone that is a folder": (CUSTOMERS, '{"slug": "x", "name": "X", "zone": "Europe"}', 422, "zone"),
    "a zone that climbs": (CUSTOMERS, '{"slug": "x", "name": "X", "zone": "../../etc/passwd"}', 422, "zone"),
    "a language nobody speaks here": (CUSTOMERS, '{"slug": "x", "name": "X", "language": "tlh"}', 422, "language"),
    "a severity of zero": (INCIDENTS, '{"customer": "plant", "title": "x", "severity": 0}', 422, "severity"),
    "a severity of five": (INCIDENTS, '{"customer": "plant", "title": "x", "severity": 5}', 422, "severity"),
    "a severity in words": (INCIDENTS, '{"customer": "plant", "title": "x", "severity": "1"}', 422, "severity"),
    "a severity of one and a half": (
        INCIDENTS,
        '{"customer": "plant", "title": "x", "severity": 1.5}',
        422,
        "severity",
    ),
    "a truth for a number": (INCIDENTS, '{"customer": "plant", "title": "x", "severity": true}', 422, "severity"),
    "a machine nobody knows": (INCIDENTS, '{"customer": "plant", "title": "x", "machine": "nix"}', 422, "machine"),
    "a machine of another": (
        INCIDENTS,
        '{"customer": "plant", "title": "x", "machine": "joinery-files"}',
        422,
        "machine",
    ),
    "no customer at all": (INCIDENTS, '{"title": "x"}', 422, "customer"),
    "a tier that is none": (CONTRACTS, '{"customer": "plant", "tier": "tin", "starts_on": "2026-01-01"}', 422, "tier"),
    "a customer nobody knows": (
        CONTRACTS,
        '{"customer": "nix", "tier": "gold", "starts_on": "2026-01-01"}',
        422,
        "customer",
    ),
    "a day that never was": (
        CONTRACTS,
        '{"customer": "plant", "tier": "gold", "starts_on": "2026-02-30"}',
        422,
        "starts_on",
    ),
    "a day of the year one": (
        CONTRACTS,
        '{"customer": "plant", "tier": "gold", "starts_on": "0001-01-01"}',
        422,
        "starts_on",
    ),
    "a day of the year 9999": (CONTRACTS, CONTRACT % '"ends_on": "9999-12-31"', 422, "ends_on"),
    "an end before the start": (CONTRACTS, CONTRACT % '"ends_on": "2025-12-31"', 422, "ends_on"),
    "an instant for a day": (CONTRACTS, CONTRACT % '"ends_on": "2026-12-31T10:00:00Z"', 422, "ends_on"),
    "a country in words": (CONTRACTS, CONTRACT % '"country": "France"', 422, "country"),
    "a line with two subjects": (
        CONTRACTS,
        CONTRACT % '"lines": [{"machine": "plant-db-1", "site": "00000000-0000-7000-8000-000000000000"}]',
        422,
        "lines.0.site",
    ),
    "a line with another's machine": (
        CONTRACTS,
        CONTRACT % '"lines": [{"machine": "joinery-files"}]',
        422,
        "lines.0.machine",
    ),
    "a thousand lines": (CONTRACTS, CONTRACT % f'"lines": [{",".join(["{}"] * 1000)}]', 422, "lines"),
    "a machine called plus": (MACHINES, '{"customer": "plant", "name": "+"}', 422, "name"),
    "a machine called hash": (MACHINES, '{"customer": "plant", "name": "a#"}', 422, "name"),
    "a machine with a slash": (MACHINES, '{"customer": "plant", "name": "a/b"}', 422, "name"),
    "a machine in capitals": (MACHINES, '{"customer": "plant", "name": "DB1"}', 422, "name"),
    "a machine with a line end": (MACHINES, '{"customer": "plant", "name": "db1\\n"}', 422, "name"),
    "a name that is taken": (MACHINES, '{"customer": "plant", "name": "joinery-files"}', 409, "name"),
    "a site that is no id": (MACHINES, '{"customer": "plant", "name": "x", "site": "the mill"}', 422, "site"),
    "an address without at": (PEOPLE, '{"name": "X", "email": "nobody", "role": "engineer"}', 422, "email"),
    "an address with a header": (
        PEOPLE,
        '{"name": "X", "email": "a@b.org\\nBcc: c@d.org", "role": "engineer"}',
        422,
        "email",
    ),
    "an address that is taken": (PEOPLE, '{"name": "X", "email": "DEE@example.org", "role": "engineer"}', 409, "email"),
    "a role that is none": (PEOPLE, '{"name": "X", "email": "x@example.org", "role": "god"}', 422, "role"),
    "a contact of nobody": (PEOPLE, '{"name": "X", "email": "x@example.org", "role": "contact"}', 422, "customer"),
    "an engineer of a customer": (
        PEOPLE,
        '{"name": "X", "email": "x@example.org", "role": "engineer", "customer": "plant"}',
        422,
        "customer",
    ),
    "a scope that is none": (TOKENS, '{"label": "x", "scopes": ["moon:walk"]}', 422, "scopes"),
    "no scope": (TOKENS, '{"label": "x", "scopes": []}', 422, "scopes"),
    "an instant without a zone": (
        TOKENS,
        '{"label": "x", "scopes": ["incidents:read"], "expires_at": "2026-12-31T10:00:00"}',
        422,
        "expires_at",
    ),
    "an instant that is a number": (
        TOKENS,
        '{"label": "x", "scopes": ["incidents:read"], "expires_at": 1900000000}',
        422,
        "expires_at",
    ),
    "an instant gone by": (
        TOKENS,
        '{"label": "x", "scopes": ["incidents:read"], "expires_at": "2020-01-01T00:00:00Z"}',
        422,
        "expires_at",
    ),
    "an ask that is none": (PREVIEW, '{"customer": "plant", "ask": "a pony"}', 422, "ask"),
}


def test_a_body_of_nonsense_gets_a_clear_error(
    with_key: Callable[..., Visitor], sessions: Sessions, cast: Cast
) -> None:
    program = with_key()
    for kind, (path, body, status, field) in BODIES.items():
        raw = body if isinstance(body, bytes) else body.encode()
        answer = program("POST", path, data=raw, content_type="application/json")
        assert answer.status_code == status, (kind, answer.text)
        assert answer.content_type == "application/problem+json", kind
        said = answer.json
        assert said is not None
        assert {"type", "title", "status", "detail"} <= said.keys(), kind
        if field:
            assert [each["field"] for each in said["errors"]] == [field], kind
            assert all(each["problem"] and each["remedy"] for each in said["errors"]), kind
        else:
            assert said["remedy"], kind
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 2


ADDRESSES: dict[str, tuple[str, int, str]] = {
    "an unknown parameter": (f"{API}/incidents?colour=red", 422, "colour"),
    "a parameter twice": (f"{API}/incidents?limit=1&limit=2", 422, "limit"),
    "a limit of zero": (f"{API}/incidents?limit=0", 422, "limit"),
    "a limit of a million": (f"{API}/incidents?limit=1000000", 422, "limit"),
    "a limit in words": (f"{API}/incidents?limit=ten", 422, "limit"),
    "a limit with digits of another script": (f"{API}/incidents?limit=%D9%A1x", 422, "limit"),
    "a cursor of one's own": (f"{API}/incidents?after=%27%20OR%201=1--", 422, "after"),
    "a state that is none": (f"{API}/incidents?state=happy", 422, "state"),
    "a quote in a name": (f"{API}/incidents?customer=a%27b", 422, "customer"),
    "a NUL in a name": (f"{API}/incidents?customer=%00", 422, "customer"),
    "bytes that are no UTF-8": (f"{API}/incidents?customer=%ff%fe", 422, "customer"),
    "a span that runs backwards": (
        f"{API}/machines/plant-db-1/history?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z",
        422,
        "from",
    ),
    "a span of twenty years": (
        f"{API}/machines/plant-db-1/history?from=2006-03-02T00:00:00Z&to=2026-03-01T00:00:00Z",
        422,
        "from",
    ),
    "a span that begins at a number": (f"{API}/machines/plant-db-1/history?from=1700000000", 422, "from"),
    "no points": (f"{API}/machines/plant-db-1/history?points=0", 422, "points"),
    "a machine that climbs": (f"{API}/machines/..%2f..%2fetc", 404, ""),
    "an id with a NUL": (f"{API}/machines/%00", 404, ""),
    "an id of another alphabet": (f"{API}/machines/%F0%9F%90%8B", 404, ""),
    "an id that is far too long": (f"{API}/machines/{'a' * 300}", 404, ""),
    "a number beyond all numbers": (f"{API}/incidents/VG-99999999999999999999", 404, ""),
    "a place that is not there": (f"{API}/moon", 404, ""),
}


def test_an_address_of_nonsense_gets_a_clear_error(with_key: Callable[..., Visitor], cast: Cast) -> None:
    program = with_key()
    for kind, (path, status, field) in ADDRESSES.items():
        answer = program.get(path)
        assert answer.status_code == status, (kind, answer.text)
        assert answer.content_type == "application/problem+json", kind
        said = answer.json
        assert said is not None
        if field:
            assert [each["field"] for each in said["errors"]] == [field], kind
            assert all(each["problem"] and each["remedy"] for each in said["errors"]), kind


HEADERS: dict[str, tuple[dict[str, str], int]] = {
    "a key of blanks": ({"Idempotency-Key": "a b"}, 422),
    "a key that is empty": ({"Idempotency-Key": ""}, 422),
    "a key of a thousand letters": ({"Idempotency-Key": "k" * 1000}, 422),
    "a key of another alphabet": ({"Idempotency-Key": "clé"}, 422),
    "another scheme": ({"Authorization": "Basic cm9vdDpyb290"}, 401),
    "a scheme alone": ({"Authorization": "Bearer"}, 401),
    "an empty authorization": ({"Authorization": ""}, 401),
    "a key with a NUL": ({"Authorization": "Bearer vg_\x00"}, 401),
}


def test_a_header_of_nonsense_gets_a_clear_error(with_key: Callable[..., Visitor]) -> None:
    program = with_key()
    for kind, (headers, status) in HEADERS.items():
        answer = program.post(f"{API}/customers", {"slug": "x", "name": "X"}, headers=headers)
        assert answer.status_code == status, (kind, answer.text)
        assert answer.content_type == "application/problem+json", kind


def test_a_method_of_nonsense_is_told_which_ones_there_are(with_key: Callable[..., Visitor]) -> None:
    program = with_key()
    for method in ("PUT", "DELETE", "TRACE", "PROPFIND", "BREW"):
        answer = program(method, f"{API}/customers")
        assert answer.status_code == 405, method
        assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", ")), method


FORMS: dict[str, dict[str, str]] = {
    "nothing": {},
    "blanks": {"email": "   ", "password": "   "},
    "a NUL": {"email": "dee@example.org\0", "password": "\0"},
    "a quote": {"email": "' OR 1=1 --", "password": "' OR 1=1 --"},
    "a novel": {"email": "x" * 10_000, "password": "y" * 100_000},
    "markup": {"email": "<script>alert(1)</script>@x", "password": "x"},
    "other fields": {"email[]": "x", "colour": "red"},
    "another alphabet": {"email": "д@пример.рф", "password": "пароль"},
}


def test_a_sign_in_form_of_nonsense_signs_nobody_in(stranger: Visitor, cast: Cast) -> None:
    for kind, form in FORMS.items():
        answer = stranger("POST", "/sign-in", data=form)
        assert answer.status_code == 401, kind
        assert "Set-Cookie" not in answer.headers, kind
        assert "do not fit together" in answer.text, kind
        assert "<script>alert" not in answer.text, kind


def test_a_link_of_nonsense_signs_nobody_in(stranger: Visitor, cast: Cast) -> None:
    for token in ("x", "a" * 5000, "%00", "..%2f..", "%F0%9F%90%8B", "'%20OR%201=1"):
        assert stranger.get(f"/sign-in/link/{token}").status_code in (200, 404)
        answer = stranger("POST", f"/sign-in/link/{token}")
        assert answer.status_code in (401, 404)
        assert "Set-Cookie" not in answer.headers


def test_a_form_with_a_thousand_parts_is_refused(stranger: Visitor) -> None:
    answer = stranger("POST", "/sign-in", data={f"f{n}": (None, "x") for n in range(5)} | {"email": "x"})
    assert answer.status_code == 401
    many = (
        "".join(f'--b\r\nContent-Disposition: form-data; name="f{n}"\r\n\r\nx\r\n' for n in range(1000)) + "--b--\r\n"
    )
    answer = stranger("POST", "/sign-in", data=many, content_type="multipart/form-data; boundary=b")
    assert answer.status_code == 413
