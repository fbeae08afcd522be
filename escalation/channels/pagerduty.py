"""PagerDuty's Events API v2, out: an incident of ours is one of theirs, by one dedup_key.

A word of the house is one of theirs by itself, so that each pages; a later letter that names it ends it there.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from escalation.channels import DEADLINE_S, Channel, ChannelError, Letter, Receipt
from escalation.channels.guarded import judge
from escalation.channels.guarded import send as send_guarded

PUBLIC = "https://events.pagerduty.com"
_SEVERITIES = {1: "critical", 2: "error", 3: "warning", 4: "info"}
# Type of a letter → what it says of the incident there; every other letter tells of an incident that is open.
ACTIONS = {
    "vigie.incident.acknowledged": "acknowledge",
    "vigie.incident.resolved": "resolve",
    "vigie.house.over": "resolve",
}
_LONGEST_SUMMARY = 1024


def pagerduty(house: str, url: str = PUBLIC, *, allow_private: bool = False, deadline_s: float = DEADLINE_S) -> Channel:
    """A channel whose letters are addressed to a routing key (the key of an integration "Events API v2")."""

    def send(letter: Letter, now: datetime) -> Receipt:
        body = json.dumps(_event(letter, house), ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json"}
        answer = send_guarded(f"{url}/v2/enqueue", body, headers, allow_private=allow_private, deadline_s=deadline_s)
        if answer.status == 400:
            # They will say the same of the same event tomorrow.
            raise ChannelError(f"PagerDuty refused the event: {_errors(answer.body)}", permanent=True)
        judge(answer, now)
        return Receipt({"status": answer.status, "dedup_key": _key(letter)})

    return send


def _event(letter: Letter, house: str) -> dict[str, Any]:
    action = ACTIONS.get(str(letter.body.get("type", "")), "trigger")
    event: dict[str, Any] = {
        "routing_key": letter.address,
        "event_action": action,
        "dedup_key": _key(letter),
        "client": "Vigie",
    }
    if action != "trigger":
        return event
    data = letter.body.get("data", {})
    path = letter.body.get("path")
    event["payload"] = {
        "summary": letter.subject[:_LONGEST_SUMMARY],
        "source": str(data.get("machine") or data.get("customer") or house),
        "severity": _SEVERITIES.get(data.get("severity"), "error"),
        "timestamp": letter.created_at.isoformat(),
        "custom_details": {**data, "text": letter.body.get("text", "")},
    }
    if path:
        event["client_url"] = house + path
        event["links"] = [{"href": house + path, "text": "Open in Vigie"}]
    return event


def _key(letter: Letter) -> str:
    """What their side joins by: our incident; else the letter itself, or the one that it ends."""
    kind = str(letter.body.get("type", ""))
    if kind.startswith("vigie.incident"):
        return str(letter.thread)
    return str(letter.body.get("data", {}).get("ends") or letter.id)


def _errors(body: bytes) -> str:
    try:
        said = json.loads(body)
        return "; ".join(str(error) for error in said.get("errors", []))[:200] or str(said.get("message", ""))[:200]
    except (ValueError, AttributeError):
        return "without a word"
