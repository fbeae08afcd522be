"""Releases of models and their duties: found, checked, put in the shadow, promoted, rolled back. By rows alone.

Nothing here loads a model, so the web does without numpy. Whoever acts is named, and every act stands in the audit;
watchers follow within seconds (`telemetry/succession.py`).
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models import audit
from models.base import new_id
from models.machines import Machine
from models.releases import ModelDuty, ModelRelease, ReleaseArtefact, ShadowOpening

FORMAT: Final = 1  # of a release: what its settings mean and which estimator its artefacts hold
OWN: Final = "own"  # how people name what a machine learned by itself
_NUMBER: Final = re.compile(r"(?:[Mm]-)?(\d{1,12})")
_DIGEST: Final = re.compile(r"[0-9a-f]{8,64}")


class BadRelease(ValueError):
    """Why something cannot be done with a release, in words; `remedy` says what can be done."""

    remedy: str = "See which there are: vigie models list."


class Unknown(BadRelease):
    """No release of that name or digest."""


class Tampered(BadRelease):
    """What is kept is not what was trained."""

    remedy = "Train anew: vigie train. What was changed, and by whom, is for the audit of the database to tell."


class Incompatible(BadRelease):
    """Made by a version whose models this one cannot run."""

    remedy = "Train anew with this version: vigie train."


class NotNow(BadRelease):
    """Nothing to do."""

    remedy = "Look at where it stands: vigie models list."


def digest_of(settings: Mapping[str, Any], artefacts: Mapping[str, str]) -> str:
    """The digest of a release: of its settings and of each machine's artefact, by name."""
    told = {"format": FORMAT, "settings": dict(settings), "artefacts": dict(artefacts)}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def learned_in(lineage: Any, start: datetime, end: datetime) -> Any:  # a JSON column; a condition on it
    """Whether a training's span touches this one; its instants stand as RFC 3339 with Z, which sorts as text."""
    began, ended = (at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for at in (start, end))
    return (lineage["from"].astext < ended) & (lineage["to"].astext > began)


def find(session: Session, wanted: str) -> ModelRelease:
    """The release called M-3, or by eight digits of its digest at least. Raises `Unknown`."""
    wanted = wanted.strip()
    if (numbered := _NUMBER.fullmatch(wanted)) and not (len(wanted) >= 8 and wanted.isdigit()):
        found = session.scalars(select(ModelRelease).where(ModelRelease.number == int(numbered[1]))).all()
    elif _DIGEST.fullmatch(wanted.lower()):
        found = session.scalars(
            select(ModelRelease).where(ModelRelease.digest.startswith(wanted.lower())).order_by(ModelRelease.number)
        ).all()
    else:
        raise Unknown(f"{wanted!r} names no model: write M-3, or eight digits of its digest at least")
    if not found:
        raise Unknown(f"there is no model {wanted}")
    if len(found) > 1:
        labels = ", ".join(one.label for one in found[:5])
        raise Unknown(f"{wanted} is the digest of several models: {labels}")
    return found[0]


def find_or_own(session: Session, wanted: str) -> ModelRelease | None:
    """As `find`; None for what each machine learns by itself."""
    return None if wanted.strip().lower() == OWN else find(session, wanted)


def check(session: Session, release: ModelRelease) -> None:
    """Hold every artefact against its digest, and all of them against the release's. Raises `Tampered`,
    `Incompatible`. An artefact that is gone (its history was erased) is no tampering."""
    if release.lineage.get("format") != FORMAT:
        raise Incompatible(
            f"{release.label} is of format {release.lineage.get('format')}; this version runs format {FORMAT}"
        )
    told = release.lineage.get("artefacts")
    if not isinstance(told, dict) or digest_of(release.settings, told) != release.digest:
        raise Tampered(f"{release.label}: its settings or its list of artefacts are not those it was made with")
    rows = session.execute(
        select(Machine.name, ReleaseArtefact.digest, func.encode(func.sha256(ReleaseArtefact.body), "hex"))
        .join(Machine, Machine.id == ReleaseArtefact.machine_id)
        .where(ReleaseArtefact.release_id == release.id)
        .order_by(Machine.name)
    )
    wrong = [name for name, digest, found in rows if not digest == found == told.get(name)]
    if wrong:
        named = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise Tampered(f"{release.label}: the artefact of {named} is not the one that was trained (its digest differs)")


def shadow(session: Session, release: ModelRelease, *, actor: str, now: datetime) -> int:
    """Let it score beside the champion, opening nothing; how many machines. A machine has one challenger at a time: the
    one before steps down. Raises `BadRelease`."""
    check(session, release)
    machines = _machines(session, release, "challenger")
    if not machines:
        raise NotNow(f"{release.label} is challenger already wherever it can be")
    _end(session, list(machines), "challenger", actor, now)
    _begin(session, release, machines, "challenger", {}, actor, now)
    _told(session, release, "model.shadowed", actor, now, {"machines": len(machines)})
    return len(machines)


def end_shadow(session: Session, release: ModelRelease, *, actor: str, now: datetime) -> int:
    """It steps down as challenger; what it would have opened stays to be read. Raises `NotNow`."""
    machines = _on_duty(session, release, "challenger")
    if not machines:
        raise NotNow(f"{release.label} is no challenger")
    _end(session, list(machines), "challenger", actor, now)
    _told(session, release, "model.shadow_ended", actor, now, {"machines": len(machines)})
    return len(machines)


def promote(session: Session, release: ModelRelease, *, actor: str, reason: str, now: datetime) -> int:
    """From now on it opens the incidents of its machines; how many. Raises `BadRelease`."""
    check(session, release)
    machines = _machines(session, release, "champion")
    if not machines:
        raise NotNow(f"{release.label} is champion already wherever it can be")
    before = {
        machine: _replaced_by(session, machine, release.id, now) if one == release.id else one  # it was refused there
        for machine, one in _champions(session, list(machines)).items()
    }
    _end(session, list(machines), "champion", actor, now)
    _end(session, list(_on_duty(session, release, "challenger")), "challenger", actor, now)
    _begin(session, release, machines, "champion", before, actor, now)
    _told(session, release, "model.promoted", actor, now, {"machines": len(machines), "reason": reason})
    return len(machines)


def last_promoted(session: Session) -> ModelRelease:
    """The champion that was promoted last. Raises `NotNow`."""
    found = session.scalars(
        select(ModelRelease)
        .join(ModelDuty, ModelDuty.release_id == ModelRelease.id)
        .where(ModelDuty.role == "champion", ModelDuty.ended_at.is_(None))
        .order_by(ModelDuty.since.desc(), ModelDuty.id.desc())
        .limit(1)
    ).first()
    if found is None:
        raise NotNow("no model was promoted: every machine runs what it learned by itself")
    return found


def rollback(session: Session, release: ModelRelease, *, actor: str, reason: str, now: datetime) -> int:
    """Each machine it is champion of goes back to what it ran before; how many. Raises `BadRelease`."""
    duties = session.scalars(
        select(ModelDuty).where(
            ModelDuty.release_id == release.id, ModelDuty.role == "champion", ModelDuty.ended_at.is_(None)
        )
    ).all()
    if not duties:
        raise NotNow(f"{release.label} is champion nowhere")
    _end(session, [duty.machine_id for duty in duties], "champion", actor, now)
    back: dict[str, int] = {}
    for duty in duties:
        former = None if duty.replaced_id is None else session.get(ModelRelease, duty.replaced_id)
        back[former.label if former else OWN] = back.get(former.label if former else OWN, 0) + 1
        if former is not None:
            earlier = _replaced_by(session, duty.machine_id, former.id, duty.since)
            _begin(session, former, {duty.machine_id: duty.customer_id}, "champion",
                   {duty.machine_id: earlier}, actor, now)  # fmt: skip
    _told(session, release, "model.rolled_back", actor, now, {"back_to": back, "reason": reason})
    return len(duties)


def _machines(session: Session, release: ModelRelease, role: str) -> dict[uuid.UUID, uuid.UUID]:
    """Machines in service it has an artefact for and that do not run it in this role yet, with their customers."""
    running = select(ModelDuty.machine_id).where(
        ModelDuty.release_id == release.id, ModelDuty.role == role, ModelDuty.ended_at.is_(None),
        ModelDuty.refused == "",
    )  # fmt: skip
    champion = select(ModelDuty.machine_id).where(
        ModelDuty.release_id == release.id, ModelDuty.role == "champion", ModelDuty.ended_at.is_(None)
    )
    rows = session.execute(
        select(Machine.id, Machine.customer_id)
        .join(ReleaseArtefact, ReleaseArtefact.machine_id == Machine.id)
        .where(ReleaseArtefact.release_id == release.id, Machine.retired_at.is_(None), Machine.id.not_in(running))
        .where(Machine.id.not_in(champion) if role == "challenger" else Machine.id.is_not(None))
        .order_by(Machine.id)
    )
    return {row.id: row.customer_id for row in rows}


def _on_duty(session: Session, release: ModelRelease, role: str) -> dict[uuid.UUID, uuid.UUID]:
    rows = session.execute(
        select(ModelDuty.machine_id, ModelDuty.customer_id).where(
            ModelDuty.release_id == release.id, ModelDuty.role == role, ModelDuty.ended_at.is_(None)
        )
    )
    return {row.machine_id: row.customer_id for row in rows}


def _champions(session: Session, machines: Sequence[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID | None]:
    rows = session.execute(
        select(ModelDuty.machine_id, ModelDuty.release_id).where(
            ModelDuty.machine_id.in_(machines), ModelDuty.role == "champion", ModelDuty.ended_at.is_(None)
        )
    )
    return {row.machine_id: row.release_id for row in rows}


def _replaced_by(session: Session, machine_id: uuid.UUID, release_id: uuid.UUID, before: datetime) -> uuid.UUID | None:
    """What a machine had run before it ran this release the last time."""
    return session.scalar(
        select(ModelDuty.replaced_id)
        .where(
            ModelDuty.machine_id == machine_id, ModelDuty.release_id == release_id, ModelDuty.role == "champion",
            ModelDuty.since <= before,
        )
        .order_by(ModelDuty.since.desc(), ModelDuty.id.desc())
        .limit(1)
    )  # fmt: skip


def _end(session: Session, machines: Sequence[uuid.UUID], role: str, actor: str, now: datetime) -> None:
    if role == "challenger":
        session.execute(
            update(ShadowOpening)
            .where(ShadowOpening.machine_id.in_(machines), ShadowOpening.ended_at.is_(None))
            .values(ended_at=now)
            .execution_options(synchronize_session=False)
        )
    session.execute(
        update(ModelDuty)
        .where(ModelDuty.machine_id.in_(machines), ModelDuty.role == role, ModelDuty.ended_at.is_(None))
        .values(ended_at=now, ended_by=actor)
        .execution_options(synchronize_session=False)
    )


def _begin(
    session: Session, release: ModelRelease, machines: Mapping[uuid.UUID, uuid.UUID], role: str,
    replaced: Mapping[uuid.UUID, uuid.UUID | None], actor: str, now: datetime,
) -> None:  # fmt: skip
    session.add_all(
        [
            ModelDuty(
                id=new_id(), customer_id=customer_id, machine_id=machine_id, role=role, release_id=release.id,
                replaced_id=replaced.get(machine_id), since=now, begun_by=actor,
            )
            for machine_id, customer_id in machines.items()
        ]
    )  # fmt: skip
    session.flush()  # one live duty a machine and role: the index says so now, not at the commit


def _told(
    session: Session, release: ModelRelease, deed: str, actor: str, now: datetime, facts: Mapping[str, Any]
) -> None:
    subject = f"model {release.label}"
    audit.record(session, actor=actor, deed=deed, subject=subject, now=now, facts={**facts, "digest": release.digest})
