"""Certificates beside secrets, several user names a machine, overlaps, and credentials that are held back.

Revision ID: 0059
Revises: 0078
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0059"
down_revision = "0078"
branch_labels = None
depends_on = None

_TABLE = "machine_credentials"
_WHOLE = (
    "CASE kind WHEN 'secret' THEN password_hash IS NOT NULL "
    "ELSE serial IS NOT NULL AND not_after IS NOT NULL AND label = '' END"
)
_COLUMNS = ("held_until", "ends_at", "not_after", "serial", "label", "kind")


def upgrade() -> None:
    for name in ("kind", "label"):
        default = {"kind": "secret", "label": ""}[name]
        op.add_column(_TABLE, sa.Column(name, sa.String(), nullable=False, server_default=default))
    op.add_column(_TABLE, sa.Column("serial", sa.String(), nullable=True))
    for name in ("not_after", "ends_at", "held_until"):
        op.add_column(_TABLE, sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.alter_column(_TABLE, "password_hash", existing_type=sa.String(), nullable=True)
    op.create_unique_constraint(op.f(f"uq_{_TABLE}_serial"), _TABLE, ["serial"])
    op.create_check_constraint(op.f(f"ck_{_TABLE}_kind"), _TABLE, "kind in ('secret','certificate')")
    op.create_check_constraint(op.f(f"ck_{_TABLE}_label"), _TABLE, "label ~ '^([a-z0-9][a-z0-9-]{0,19})?$'")
    op.create_check_constraint(op.f(f"ck_{_TABLE}_whole"), _TABLE, _WHOLE)
    op.drop_index("uq_machine_credentials_live", _TABLE)
    op.create_index(
        "uq_machine_credentials_live", _TABLE, ["machine_id", "label"], unique=True,
        postgresql_where=sa.text("revoked_at is null and kind = 'secret'"),
    )  # fmt: skip


def downgrade() -> None:
    """What the version before cannot express ends: certificates, and user names beyond the machine's own."""
    op.drop_index("uq_machine_credentials_live", _TABLE)
    op.execute(f"DELETE FROM {_TABLE} WHERE password_hash IS NULL OR label <> ''")  # noqa: S608 - names of our own
    op.create_index(
        "uq_machine_credentials_live", _TABLE, ["machine_id"], unique=True,
        postgresql_where=sa.text("revoked_at is null"),
    )  # fmt: skip
    for name in ("whole", "label", "kind"):
        op.drop_constraint(op.f(f"ck_{_TABLE}_{name}"), _TABLE, type_="check")
    op.drop_constraint(op.f(f"uq_{_TABLE}_serial"), _TABLE, type_="unique")
    op.alter_column(_TABLE, "password_hash", existing_type=sa.String(), nullable=False)
    for name in _COLUMNS:
        op.drop_column(_TABLE, name)
