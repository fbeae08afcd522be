"""Migrations lead to what the models say, one at a time, and lose nothing on the way down and up again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from pytest_alembic.plugin.fixtures import alembic_runner
from pytest_alembic.tests import (
    test_model_definitions_match_ddl,
    test_single_head_revision,
    test_up_down_consistency,
    test_upgrade,
)
from sqlalchemy import Engine, create_engine

from alembic import command
from app import migrate, revisions
from tests import postgres
from tests.house import rows

__all__ = [
    "alembic_runner",
    "test_model_definitions_match_ddl",
    "test_single_head_revision",
    "test_up_down_consistency",
    "test_upgrade",
]

HISTORY = [script.revision for script in ScriptDirectory(str(migrate.MIGRATIONS)).walk_revisions()][::-1]


@pytest.fixture
def empty_url(pg_server: str, request: pytest.FixtureRequest) -> str:
    return postgres.create(pg_server, "vigie_migrations")


@pytest.fixture
def alembic_config(empty_url: str) -> Config:
    return migrate.config(empty_url)


@pytest.fixture
def alembic_engine(empty_url: str) -> Iterator[Engine]:
    engine = create_engine(empty_url)
    yield engine
    engine.dispose()


def test_every_migration_goes_down_and_up_again_over_real_rows(alembic_engine: Engine, alembic_config: Config) -> None:
    command.upgrade(alembic_config, "head")
    with alembic_engine.begin() as connection:
        rows.fill(connection)
    for revision, before in zip(HISTORY[::-1], [*HISTORY[-2::-1], "base"], strict=True):
        with alembic_engine.connect() as connection:
            above = rows.dump(connection)
        command.downgrade(alembic_config, before)
        with alembic_engine.connect() as connection:
            common = rows.columns(connection)
            below = rows.dump(connection)
        command.upgrade(alembic_config, revision)
        with alembic_engine.connect() as connection:
            again = rows.dump(connection, common)
        assert again == below, f"{revision} lost data on the way up"
        shared = {table: names for table, names in common.items() if table in above}
        with alembic_engine.connect() as connection:
            assert {table: len(found) for table, found in again.items() if table in shared} == {
                table: len(above[table]) for table in shared
            }, f"{revision} lost rows on the way down"
        command.downgrade(alembic_config, before)


def test_no_table_is_left_out_of_the_rows_compared(alembic_engine: Engine, alembic_config: Config) -> None:
    command.upgrade(alembic_config, "head")
    with alembic_engine.begin() as connection:
        rows.fill(connection)
        assert [table for table, found in rows.dump(connection).items() if not found] == []


def test_file_names_know_the_head_alembic_computes(alembic_config: Config) -> None:
    assert revisions.head() == ScriptDirectory.from_config(alembic_config).get_current_head()


def test_the_owner_of_the_tables_needs_no_right_beyond_owning(pg_server: str) -> None:
    url = postgres.create(pg_server, "vigie_owned")
    engine = create_engine(pg_server)
    with engine.begin() as connection:
        for role in ("vigie_owner", "vigie_web", "vigie_worker"):
            connection.exec_driver_sql(
                f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
            )
            connection.exec_driver_sql(f"ALTER ROLE {role} LOGIN NOCREATEROLE NOSUPERUSER")
        connection.exec_driver_sql("ALTER DATABASE vigie_owned OWNER TO vigie_owner")
    engine.dispose()
    owned = postgres.as_role(url, "owner")
    assert migrate.upgrade(owned) == (None, revisions.head())
    assert migrate.upgrade(owned) == (revisions.head(), revisions.head())


def test_a_database_of_a_newer_version_is_refused_in_one_sentence(pg_server: str) -> None:
    url = postgres.create(pg_server, "vigie_newer")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num text)")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('9999')")
    engine.dispose()
    with pytest.raises(migrate.MigrationError, match="newer Vigie"):
        migrate.upgrade(url)
