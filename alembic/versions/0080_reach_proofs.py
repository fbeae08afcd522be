"""Ways to reach people are proved; a notice may belong to the house itself.

Revision ID: 0080
Revises: 0064
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op
from models.apart import grant, staff_only

revision = "0080"
down_revision = "0064"
branch_labels = None
depends_on = None

WHOSE = "customer_id is not null or incident_id is null"


def upgrade() -> None:
    # A word of the house to its own people has no customer, as such a person has none: row-level security compares
    # with NULL and so shows it to no customer. A made-up "house customer" would stand in every list and count of them.
    op.alter_column("notices", "customer_id", existing_type=sa.Uuid(), nullable=True)
    op.create_check_constraint(op.f("ck_notices_incident_has_a_customer"), "notices", WHOSE)
    op.create_table(
        "reach_proofs",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=True),
        sa.Column("code_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code_tries", sa.Integer(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("tested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notice_id", sa.Uuid(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.String(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_reach_proofs_person_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reach_proofs")),
        sa.UniqueConstraint("person_id", "channel", "address", name=op.f("uq_reach_proofs_person_id_channel_address")),
    )
    op.create_index(
        "uq_reach_proofs_token_hash",
        "reach_proofs",
        ["token_hash"],
        unique=True,
        postgresql_where=sa.text("token_hash is not null"),
    )
    for statement in (*grant("reach_proofs"), *staff_only("reach_proofs")):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("reach_proofs")
    op.drop_constraint(op.f("ck_notices_incident_has_a_customer"), "notices", type_="check")
    # What the house told its own people has no place in the older form; test pages and codes are not worth a refusal.
    op.execute("DELETE FROM notices WHERE customer_id IS NULL")
    op.alter_column("notices", "customer_id", existing_type=sa.Uuid(), nullable=False)
