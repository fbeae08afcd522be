"""Saying that something changed, in the transaction that changes it: pages refresh, workers wake.

A notification is a nudge and never the truth; whoever hears it reads the rows. Whoever misses it polls.
"""

from __future__ import annotations

import json

from sqlalchemy import text
from sqlalchemy.orm import Session

from models.incidents import Incident

LIVE = "vigie_live"  # to the pages
WORK = "vigie_work"  # to the workers: a notice or a rung may be due

_NOTIFY = text("SELECT pg_notify(:channel, :payload)")


def announce(session: Session, incident: Incident) -> None:
    """Tell the pages that `incident` has changed, and the workers that something may be due. Sent at the commit."""
    session.flush()  # the payload names the version that the commit will show
    payload = {
        "kind": "incident",
        "id": str(incident.id),
        "customer_id": str(incident.customer_id),
        "version": incident.version,
    }
    session.execute(_NOTIFY, {"channel": LIVE, "payload": json.dumps(payload)})
    wake(session)


def wake(session: Session) -> None:
    """Tell the workers that something may be due. Sent at the commit."""
    session.execute(_NOTIFY, {"channel": WORK, "payload": ""})
