"""PagerDuty's Events API v1, which older plugins of Nagios, Zabbix and others still speak, read as v2. Plain."""

from __future__ import annotations

from typing import Any

from escalation.inbound.events import first_text

PATH = "/generic/2010-04-15/create_event.json"


def is_v1(body: dict[str, Any]) -> bool:
    """Whether the event is one of v1: it names its service and its type by other words."""
    return "event_type" in body and "event_action" not in body


def as_v2(body: dict[str, Any]) -> dict[str, Any]:
    """The same event in the words of v2; one of v2 stays as it is. A v1 knows no severity: it pages, so it is an error
    unless its details say otherwise."""
    if not is_v1(body):
        return body
    given = body.get("details")
    details = given if isinstance(given, dict) else {}
    source = first_text(details.get("host"), details.get("hostname"), details.get("HOSTNAME"), body.get("client"))
    severity = first_text(details.get("severity")).lower()
    return {
        "routing_key": body.get("service_key"),
        "event_action": body.get("event_type"),
        "dedup_key": body.get("incident_key"),
        "client": body.get("client"),
        "client_url": body.get("client_url"),
        "links": [one for one in body.get("contexts") or [] if isinstance(one, dict) and one.get("type") == "link"]
        if isinstance(body.get("contexts"), list)
        else [],
        "payload": {
            "summary": body.get("description"),
            "source": source or "unknown",
            "severity": severity if severity in ("critical", "error", "warning", "info") else "error",
            "custom_details": given,
        },
    }


def in_v1_words(error: str) -> str:
    """An error of v2 as a client of v1 knows it."""
    for ours, theirs in (("'routing_key'", "Service key"), ("'event_action'", "Event type"),
                         ("'dedup_key'", "Incident key"), ("'payload.summary'", "Description")):  # fmt: skip
        error = error.replace(ours, theirs)
    return error
