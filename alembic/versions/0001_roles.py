"""The roles the processes work under: neither owns a table, neither may get around row-level security.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Roles belong to the whole server: an administrator may have made them (the owner of the tables need not be able to),
# or another database of it may have, even in this very moment.
MAKE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""


def upgrade() -> None:
    for role in ("vigie_owner", "vigie_web", "vigie_worker"):
        op.execute(MAKE.format(role=role))
    op.execute("GRANT USAGE ON SCHEMA public TO vigie_web, vigie_worker")
    op.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO vigie_web, vigie_worker")


def downgrade() -> None:
    # The roles stay: another database of the server may use them, and they own nothing.
    op.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE USAGE ON SEQUENCES FROM vigie_web, vigie_worker")
    op.execute("REVOKE USAGE ON SCHEMA public FROM vigie_web, vigie_worker")
