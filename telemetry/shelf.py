"""Model artefacts.

A skops file with its SHA-256 and where it comes from. Loaded only when the digest fits, and only types we name.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.artefacts import ModelArtefact
from models.base import new_id

if TYPE_CHECKING:  # skops and scikit-learn take two seconds when something is first fitted or loaded
    from telemetry.baselines import Baselines

NAME: Final = "baselines"
# Beside what skops trusts by itself (numpy, scikit-learn's own): the one class of ours. A file that asks for more
# is refused.
TRUSTED: Final = ("telemetry.baselines.Baselines",)


class BadArtefact(ValueError):
    """An artefact that is not what it says: wrong digest, foreign types, or no model of ours."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """A model as bytes."""

    body: bytes
    digest: str  # SHA-256 of body, hex
    lineage: dict[str, Any]


def dumped(model: Baselines, **origin: Any) -> Artefact:
    """The model as an artefact.

    ``origin`` (JSON values: machine, span, code version) joins what the model knows of itself.
    """
    import skops.io

    body = skops.io.dumps(model)
    return Artefact(body, hashlib.sha256(body).hexdigest(), {**model.lineage(), **origin})


def loaded(body: bytes, digest: str) -> Baselines:
    """The model back. Raises ``BadArtefact``."""
    import skops.io

    from telemetry.baselines import Baselines

    if hashlib.sha256(body).hexdigest() != digest:
        raise BadArtefact("the artefact's digest is not the one that was kept")
    try:
        foreign = set(skops.io.get_untrusted_types(data=body)) - set(TRUSTED)
        if foreign:
            raise BadArtefact(f"the artefact asks for types we do not trust: {', '.join(sorted(foreign))}")
        model = skops.io.loads(body, trusted=list(TRUSTED))
    except BadArtefact:
        raise
    except Exception as e:
        raise BadArtefact(f"the artefact cannot be read: {type(e).__name__}") from e
    if not isinstance(model, Baselines):
        raise BadArtefact(f"the artefact holds a {type(model).__name__}")
    return model


def put(
    session: Session, artefact: Artefact, *, customer_id: uuid.UUID, machine_id: uuid.UUID, now: datetime
) -> uuid.UUID:
    """Make this the machine's live model; the one before is retired, not removed. Returns the new row's id."""
    session.execute(
        update(ModelArtefact)
        .where(ModelArtefact.machine_id == machine_id, ModelArtefact.name == NAME, ModelArtefact.retired_at.is_(None))
        .values(retired_at=now)
    )
    row = ModelArtefact(
        id=new_id(),
        customer_id=customer_id,
        machine_id=machine_id,
        name=NAME,
        digest=artefact.digest,
        body=artefact.body,
        lineage=artefact.lineage,
        created_at=now,
    )
    session.add(row)
    session.flush()  # the caller's next statements may refer to the row
    return row.id


def live(session: Session, machine_id: uuid.UUID) -> Artefact | None:
    """The machine's live model as it was kept, unverified: ``loaded`` verifies."""
    row = session.execute(
        select(ModelArtefact.body, ModelArtefact.digest, ModelArtefact.lineage).where(
            ModelArtefact.machine_id == machine_id, ModelArtefact.name == NAME, ModelArtefact.retired_at.is_(None)
        )
    ).one_or_none()
    return None if row is None else Artefact(row.body, row.digest, row.lineage)
