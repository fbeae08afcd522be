"""Where a machine stands and what it runs, as people declare it: what it may share with others when many fail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from models import audit
from models.customers import Site
from models.machines import Machine

FIELDS = ("rack", "software", "broker")


def place(
    session: Session, machine: Machine, declared: Mapping[str, str], now: datetime, *, site: Site | None = None,
    actor: str = "Vigie",
) -> bool:  # fmt: skip
    """Declare some of rack, software and broker (an empty one takes it back) and the site; False: it was so before.

    Raises ValueError for a site of another customer and for a field that is not declared so.
    """
    if wrong := set(declared) - set(FIELDS):
        raise ValueError(f"{sorted(wrong)[0]}: declare one of {', '.join(FIELDS)}")
    if site is not None and site.customer_id != machine.customer_id:
        raise ValueError(f"site {site.name} belongs to another customer than {machine.name}")
    before = {name: getattr(machine, name) for name in declared}
    changed = {name: value.strip() for name, value in declared.items() if value.strip() != before[name]}
    moved = site is not None and site.id != machine.site_id
    if not changed and not moved:
        return False
    for name, value in changed.items():
        setattr(machine, name, value)
    if site is not None:
        machine.site_id = site.id
    facts: dict[str, object] = {"before": {name: before[name] for name in changed}, "after": changed}
    if moved and site is not None:
        facts["site"] = site.name
    session.flush()  # the audit comes after what it speaks of
    audit.record(
        session, actor=actor, deed="machine.placed", subject=f"machine {machine.name}", now=now,
        customer_id=machine.customer_id, facts=facts,
    )  # fmt: skip
    return True
