"""Files on an incident: taken within limits, told in the story, kept from other customers."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from escalation import deeds, notify, sniffing, story, words
from escalation.attic import Attic, digest_of
from escalation.hands import grasp
from escalation.incident import Act, Actor, NotNow
from models.attachments import Attachment
from models.customers import Customer
from models.incidents import Incident
from models.session import as_staff

log = structlog.get_logger()

LARGEST = 25 * 1024 * 1024  # bytes a file
MOST = 50  # files an incident
MOST_BYTES = 250 * 1024 * 1024  # bytes an incident, in all
# Whoever keeps bytes and whoever lets go of them take turns, digest by digest, until their transactions end.
_KEEPING = text("SELECT pg_advisory_xact_lock_shared(hashtextextended(:digest, 77))")
_LETTING_GO = text("SELECT pg_advisory_xact_lock(hashtextextended(:digest, 77))")


def add(
    session: Session,
    attic: Attic,
    incident_id: uuid.UUID,
    actor: Actor,
    now: datetime,
    name: str,
    content: bytes,
    *,
    public: bool,
    tell: bool = True,
) -> Attachment | NotNow:
    """Keep a file. A customer's are always public; ours are when we say so. Raises AtticFull when the disk is full.

    `tell`: the owner hears of a customer's file; not where they hear of what it came with.
    """
    called = sniffing.tidy_name(name)
    if len(content) > LARGEST:
        return NotNow(f"The file is larger than {LARGEST // 2**20} MB.", "Split it, or send an archive.", "too-large")
    kind = sniffing.kind_of(content[: sniffing.HEAD], called)
    if isinstance(kind, sniffing.Unfit):
        return NotNow(kind.reason, kind.remedy, "value")
    with deeds.remembered(session, [incident_id], "attach", actor, now):
        incident = grasp(session, incident_id, Act.NOTE, now, None)
        if isinstance(incident, NotNow):
            return incident
        there = (Attachment.incident_id == incident.id, Attachment.removed_at.is_(None))
        count, size = session.execute(
            select(func.count(), func.coalesce(func.sum(Attachment.size), 0)).where(*there)
        ).one()
        if count >= MOST or size + len(content) > MOST_BYTES:
            limit = f"{MOST} files and {MOST_BYTES // 2**20} MB in all"
            return NotNow(f"An incident holds {limit}.", "Remove one that is not needed any more.", "too-large")
        digest = digest_of(content)
        session.execute(_KEEPING, {"digest": digest})
        attic.put(content)
        return _write(session, incident, actor, now, called, kind.media_type, len(content), digest, public, tell)


def _write(
    session: Session,
    incident: Incident,
    actor: Actor,
    now: datetime,
    name: str,
    media_type: str,
    size: int,
    digest: str,
    public: bool,
    tell: bool,
) -> Attachment:
    shown = public or actor.is_customer
    language = session.get_one(Customer, incident.customer_id).language if shown else "en"
    text = words.public(language, "file", who=actor.name, name=name, size=size_words(size))
    facts = {"name": name, "size": size, "digest": digest, "media_type": media_type}
    entry = story.tell(session, incident, "file", text, now, actor=actor, public=shown, facts=facts)
    session.flush()  # the file names its line
    row = Attachment(
        customer_id=incident.customer_id,
        incident_id=incident.id,
        entry_id=entry.id,
        name=name,
        media_type=media_type,
        size=size,
        digest=digest,
        public=shown,
        by=actor.name,
        person_id=actor.person_id,
        at=now,
    )
    session.add(row)
    if actor.is_customer and tell:
        notify.tell_owner(session, incident, text, "the customer added a file", now)
    story.changed(session, incident, "attach", now, actor=actor, facts=facts)
    return row


def fetch(attic: Attic, row: Attachment, actor: Actor) -> bytes | NotNow:
    """The bytes of a file, for somebody who may see it. Raises attic.Lost.

    Reading changes nothing, not even the audit: that it was fetched stands in the log of the process.
    """
    if row.removed_at is not None or (actor.is_customer and not row.public):
        return NotNow("There is no such file.", "Look at the incident.", "absent")
    content = attic.get(row.digest)
    log.info("file_fetched", attachment=str(row.id), digest=row.digest, by=str(actor.person_id or actor.name))
    return content


def remove(session: Session, attachment_id: uuid.UUID, actor: Actor, now: datetime) -> Attachment | NotNow:
    """Give it out no more. Its row and its bytes stay, for the audit. A customer removes what they brought."""
    found = session.get(Attachment, attachment_id)
    if found is None:
        return NotNow("There is no such file.", "Look at the incident.", "absent")
    with deeds.remembered(session, [found.incident_id], "remove file", actor, now):
        incident = grasp(session, found.incident_id, Act.NOTE, now, None)
        if isinstance(incident, NotNow):
            return incident
        row = session.get_one(Attachment, attachment_id, populate_existing=True)
        if row.removed_at is not None:
            return NotNow("It was removed already.", "Nothing needs to be done.")
        if actor.is_customer and (row.person_id is None or row.person_id != actor.person_id):
            return NotNow("Only whoever brought it removes it.", "Ask us to.", "person")
        row.removed_at, row.removed_by = now, actor.name
        facts = {"name": row.name, "digest": row.digest}
        text = f"{actor.name} removed the file {row.name}."
        story.tell(session, incident, "file", text, now, actor=actor, public=row.public, facts=facts)
        story.changed(session, incident, "remove file", now, actor=actor, facts=facts)
        return row


def digests(session: Session, ids: Collection[str]) -> set[str]:
    """The digests of these files."""
    named = Attachment.id.in_([uuid.UUID(id) for id in ids])
    return set(session.scalars(select(Attachment.digest).where(named))) if ids else set()


def let_go(session: Session, attic: Attic, brought: Collection[str]) -> None:
    """Let go of bytes that no file has any more, of whatever customer.

    Before the commit: were a file's row to come back by a commit that fails, it would be one that was taken back.
    """
    for digest in sorted(brought):
        session.execute(_LETTING_GO, {"digest": digest})
        with as_staff(session):
            wanted = session.scalar(select(Attachment.id).where(Attachment.digest == digest).limit(1)) is not None
        if not wanted:
            attic.drop(digest)


def of_incident(session: Session, incident_id: uuid.UUID, *, only_public: bool = False) -> list[Attachment]:
    """The files that are there, oldest first."""
    there = select(Attachment).where(Attachment.incident_id == incident_id, Attachment.removed_at.is_(None))
    if only_public:
        there = there.where(Attachment.public)
    return list(session.scalars(there.order_by(Attachment.at, Attachment.id)))


def size_words(size: int) -> str:
    """A size as one says it: "830 B", "14 KB", "3.2 MB"."""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.0f} KB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"
