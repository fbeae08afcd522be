"""Every table that says whose a row is hides it from everybody else; read from the database's own catalogue."""

from __future__ import annotations

from sqlalchemy import create_engine, text

CATALOGUE = text(
    "SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,"
    " (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies"
    " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
    " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
    " AND a.attname = 'customer_id' AND NOT a.attisdropped"
)
RIGHTS = text(
    "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles"
    " WHERE rolname IN ('vigie_web', 'vigie_worker', 'vigie_owner')"
)
OWNED = text(
    "SELECT c.relname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
    " WHERE r.rolname IN ('vigie_web', 'vigie_worker')"
)


def test_row_level_security_is_enabled_and_forced_wherever_a_customer_is_named(database: str) -> None:
    engine = create_engine(database)
    with engine.connect() as connection:
        found = connection.execute(CATALOGUE).all()
    engine.dispose()
    assert len(found) > 10
    assert [row.relname for row in found if not (row.relrowsecurity and row.relforcerowsecurity and row.policies)] == []


def test_no_process_role_may_get_around_it(database: str) -> None:
    engine = create_engine(database)
    with engine.connect() as connection:
        roles = connection.execute(RIGHTS).all()
        assert {row.rolname for row in roles} == {"vigie_web", "vigie_worker", "vigie_owner"}
        assert [row.rolname for row in roles if row.rolsuper or row.rolbypassrls or row.rolcreaterole] == []
        assert connection.execute(OWNED).all() == []
    engine.dispose()
