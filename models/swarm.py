"""Who stands beside an incident's owner: the second, the roles of a swarm, and help that is wanted by skill."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned

ROLES = ("second", "lead", "scribe", "voice", "specialist")
# Of these there is one at a time; specialists and customer's voices may be several.
SINGLE = ("second", "lead", "scribe")
_STANDING = text("state in ('asked','accepted')")


class Companion(Owned, Base):
    """Somebody asked to stand beside in a role, and what they said. Until they accept, nobody counts on them."""

    __tablename__ = "companions"
    __table_args__ = (
        CheckConstraint("role in ('second','lead','scribe','voice','specialist')", name="role"),
        CheckConstraint("state in ('asked','accepted','declined','unanswered','left')", name="state"),
        CheckConstraint("(state = 'asked') = (answered_at is null)", name="answered"),
        Index(
            "uq_companions_one_of_a_role",
            "incident_id",
            "role",
            unique=True,
            postgresql_where=text("role in ('second','lead','scribe') and state in ('asked','accepted')"),
        ),
        Index("uq_companions_once", "incident_id", "person_id", "role", unique=True, postgresql_where=_STANDING),
        Index("ix_companions_person_id", "person_id", postgresql_where=_STANDING),
        Index("ix_companions_answer_by", "answer_by", postgresql_where=text("state = 'asked'")),
    )

    incident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"), index=True)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    role: Mapped[str]
    subject: Mapped[str] = mapped_column(default="")  # of a specialist: what they are asked for
    state: Mapped[str] = mapped_column(default="asked")
    asked_by: Mapped[str]
    why: Mapped[str] = mapped_column(default="")
    asked_at: Mapped[datetime]
    answer_by: Mapped[datetime | None]  # without a word until then, the next is asked; empty: no hurry
    answered_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(default="")


class HelpWanted(Owned, Base):
    """A skill somebody needs on an incident, shown to everybody of ours who has it, until one of them takes it."""

    __tablename__ = "help_wanted"
    __table_args__ = (
        CheckConstraint("(taken_at is null) = (taken_by_id is null)", name="taken_by_somebody"),
        Index("uq_help_wanted_once", "incident_id", "subject", unique=True, postgresql_where=text("ended_at is null")),
    )

    incident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"), index=True)
    subject: Mapped[str]  # as in escalation.subjects and trainings
    words: Mapped[str]  # what is needed, for those who have it
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]
    taken_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    taken_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]  # taken, called off, or the incident is over
