"""What is in somebody's hands as their turn of duty ends: told of, kept on their word, or climbed to the lead.

Revision ID: 0107
Revises: 0105
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op
from models.apart import grant, keep_apart

revision = "0107"
down_revision = "0105"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "turn_ends",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stays_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("climbed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_turn_ends_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_turn_ends_incident_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_turn_ends_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_turn_ends")),
        sa.UniqueConstraint("incident_id", "person_id", "ends_at", name=op.f("uq_turn_ends_incident_id_person_id_ends_at")),
    )
    for column in ("customer_id", "person_id", "ends_at"):
        op.create_index(op.f(f"ix_turn_ends_{column}"), "turn_ends", [column], unique=False)
    for statement in (*grant("turn_ends"), *keep_apart("turn_ends")):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("turn_ends")
