"""Doors with their tokens, what senders say, and what came of it; for the tests of the doors."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.serving import make_server

from escalation.inbound import doors
from models.inbound import InboundAlert
from models.incidents import OPEN_STATES, Incident
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast

Make = Callable[..., str]


@pytest.fixture
def make(sessions: Sessions, cast: Cast) -> Make:
    """A door of Ada's plant (or whose), and its token."""

    def made(kind: str, *, whose: uuid.UUID | None = None, token: str = "", **settings: Any) -> str:
        with work(sessions, SYSTEM) as session:
            name = f"{kind} {uuid.uuid4().hex[:6]}"
            _, text = doors.make(
                session, whose or cast.plant, name, kind, "a test", cast.now, settings=settings, token=token
            )
            return text

    return made


@pytest.fixture
def live(app: Flask) -> Iterator[str]:
    """The application on a port of its own, for clients that bring their own HTTP."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()
    server.server_close()


def incidents(sessions: Sessions, *states: str) -> list[Incident]:
    with work(sessions, SYSTEM) as session:
        return list(session.scalars(select(Incident).where(Incident.state.in_(states or OPEN_STATES))))


def count(sessions: Sessions, table: Any) -> int:
    with work(sessions, SYSTEM) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def nagios(kind: str, state: str, **more: str) -> dict[str, str]:
    return {"NOTIFICATIONTYPE": kind, "HOSTNAME": "plant-db-1", "SERVICEDESC": "Disk /", "SERVICESTATE": state, **more}


def alert(status: str, fingerprint: str = "f1", starts: str = "2026-03-10T08:00:00Z", **labels: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": "DiskFails", "instance": "plant-db-1:9100", "severity": "critical", **labels},
        "annotations": {"summary": f"Disk {fingerprint} fails"},
        "startsAt": starts,
        "endsAt": "2026-03-10T08:30:00Z" if status == "resolved" else "0001-01-01T00:00:00Z",
        "fingerprint": fingerprint,
    }


def group(status: str, *alerts: dict[str, Any], cut_off: int = 0) -> dict[str, Any]:
    return {"version": "4", "groupKey": "{}:{}", "status": status, "alerts": list(alerts), "truncatedAlerts": cut_off}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def triggers(sessions: Sessions) -> int:
    with work(sessions, SYSTEM) as session:
        return session.scalar(select(func.sum(InboundAlert.triggers))) or 0


def until(true: Callable[[], object]) -> None:
    """Wait for something another process brings about; the suite's own limit ends it if it never comes."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)
