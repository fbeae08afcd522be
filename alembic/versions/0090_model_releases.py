"""Releases of models, which machines run which, what a challenger would have opened, and comparisons.

Revision ID: 0090
Revises: 0082
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from models.apart import grant, keep_apart, staff_only

revision = "0090"
down_revision = "0082"
branch_labels = None
depends_on = None

OWNED = ("release_artefacts", "model_duties", "shadow_openings")
OURS = ("model_releases", "model_comparisons")
LIVE = sa.text("ended_at is null")


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _to(table: str, column: str, target: str, then: str = "CASCADE") -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}")
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete=then)


def _owned(table: str) -> tuple[object, ...]:
    """What every table of a customer's has: whose it is, and its key."""
    return (
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        _to(table, "customer_id", "customers"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )


def upgrade() -> None:
    op.create_table(
        "model_releases",
        sa.Column("number", sa.BigInteger(), sa.Identity(start=1), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("settings", postgresql.JSONB(), nullable=False),
        sa.Column("lineage", postgresql.JSONB(), nullable=False),
        sa.Column("machines", sa.Integer(), nullable=False),
        _at("made_at"),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("length(digest) = 64", name=op.f("ck_model_releases_digest_is_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_releases")),
        sa.UniqueConstraint("number", name=op.f("uq_model_releases_number")),
    )
    op.create_index(op.f("ix_model_releases_digest"), "model_releases", ["digest"])
    op.create_table(
        "release_artefacts",
        sa.Column("release_id", sa.Uuid(), nullable=False),
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("lineage", postgresql.JSONB(), nullable=False),
        *_owned("release_artefacts"),
        sa.CheckConstraint("length(digest) = 64", name=op.f("ck_release_artefacts_digest_is_sha256")),
        _to("release_artefacts", "release_id", "model_releases"),
        _to("release_artefacts", "machine_id", "machines"),
    )
    op.create_index("uq_release_artefacts_machine", "release_artefacts", ["release_id", "machine_id"], unique=True)
    op.create_table(
        "model_duties",
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("release_id", sa.Uuid(), nullable=False),
        sa.Column("replaced_id", sa.Uuid(), nullable=True),
        _at("since"),
        sa.Column("begun_by", sa.String(), nullable=False),
        _at("ended_at", nullable=True),
        sa.Column("ended_by", sa.String(), server_default="", nullable=False),
        _at("taken_at", nullable=True),
        sa.Column("refused", sa.String(), server_default="", nullable=False),
        *_owned("model_duties"),
        sa.CheckConstraint("role in ('champion','challenger')", name=op.f("ck_model_duties_role")),
        _to("model_duties", "machine_id", "machines"),
        _to("model_duties", "release_id", "model_releases"),
        _to("model_duties", "replaced_id", "model_releases", "SET NULL"),
    )
    op.create_index("uq_model_duties_live", "model_duties", ["machine_id", "role"], unique=True, postgresql_where=LIVE)
    op.create_table(
        "shadow_openings",
        sa.Column("release_id", sa.Uuid(), nullable=False),
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        _at("opened_at"),
        _at("ended_at", nullable=True),
        sa.Column("summary", sa.String(), nullable=False),
        sa.Column("metrics", postgresql.JSONB(), nullable=False),
        *_owned("shadow_openings"),
        _to("shadow_openings", "release_id", "model_releases"),
        _to("shadow_openings", "machine_id", "machines"),
    )
    op.create_index("ix_shadow_openings_release_id_opened_at", "shadow_openings", ["release_id", "opened_at"])
    op.create_table(
        "model_comparisons",
        sa.Column("a_id", sa.Uuid(), nullable=True),
        sa.Column("b_id", sa.Uuid(), nullable=True),
        _at("starts_at"),
        _at("ends_at"),
        _at("made_at"),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("result", postgresql.JSONB(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        _to("model_comparisons", "a_id", "model_releases"),
        _to("model_comparisons", "b_id", "model_releases"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_comparisons")),
    )
    for table in OWNED:
        op.create_index(op.f(f"ix_{table}_customer_id"), table, ["customer_id"])
        for statement in (*grant(table), *keep_apart(table)):
            op.execute(statement)
    for table, column in (("release_artefacts", "machine_id"), ("model_duties", "release_id"),
                          ("shadow_openings", "machine_id")):  # fmt: skip
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
    for table in OURS:
        for statement in (*grant(table), *staff_only(table)):
            op.execute(statement)


def downgrade() -> None:
    for table in ("model_comparisons", "shadow_openings", "model_duties", "release_artefacts", "model_releases"):
        op.drop_table(table)
