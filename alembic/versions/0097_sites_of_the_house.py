"""The sites our own people work at: large, medium or small, in a zone of ours, each looking after some countries.

A place somebody's record names already becomes a medium site of their zone, until somebody says its size.

Revision ID: 0097
Revises: 0096
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant

revision = "0097"
down_revision = "0096"
branch_labels = None
depends_on = None

# Somebody who works from home is at no site.
_NAMED = """
INSERT INTO house_sites (id, name, unit, size, changed_at)
SELECT gen_random_uuid(), btrim(site), min(unit), 'medium', now() FROM people
WHERE customer_id IS NULL AND btrim(site) <> '' AND lower(btrim(site)) NOT IN ('home', 'from home')
GROUP BY btrim(site) ON CONFLICT DO NOTHING
"""


def upgrade() -> None:
    op.create_table(
        "house_sites",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("size", sa.String(), nullable=False),
        sa.Column("countries", postgresql.ARRAY(sa.TEXT()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("demo", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("size in ('large','medium','small')", name=op.f("ck_house_sites_size")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_house_sites")),
    )
    op.create_index("uq_house_sites_name", "house_sites", [sa.text("lower(name)")], unique=True)
    for statement in grant("house_sites"):
        op.execute(statement)
    op.execute(_NAMED)


def downgrade() -> None:
    op.drop_table("house_sites")
