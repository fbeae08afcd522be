"""One request, from its bytes to what it says: which parser reads it, and what a client hears when it cannot. Plain."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from escalation.inbound import alertmanager, hook, nagios, pagerduty, pagerduty_v1
from escalation.inbound.body import BadBody
from escalation.inbound.events import Batch, Door

CHANGES = "/v2/change/enqueue"


def parse(kind: str, body: dict[str, Any], door: Door, now: datetime | None = None) -> Batch:
    """What a request to a door of this kind says. Raises BadBody, or InvalidEvent at a PagerDuty door."""
    if kind == "alertmanager":
        return alertmanager.parse(body, door, now)
    if kind == "nagios":
        return nagios.parse(body, door)
    if kind == "pagerduty":
        return pagerduty.parse(pagerduty_v1.as_v2(body), door)
    return hook.parse(body, door)


def kind_of(path: str, body: Mapping[str, Any]) -> str:
    """Which kind of door a recorded request was meant for, by its path and by what it carries."""
    if path.partition("?")[0].endswith(("/enqueue", pagerduty_v1.PATH)):
        return "pagerduty"
    if isinstance(body.get("alerts"), list) or path.partition("?")[0].rstrip("/").endswith("/api/v2/alerts"):
        return "alertmanager"
    try:
        nagios.about(dict(body))
    except BadBody:
        return "hook"
    return "nagios"
