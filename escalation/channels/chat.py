"""Slack and Teams by their incoming webhooks: a few lines, and a button that leads to the incident."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from escalation.channels import DEADLINE_S, Channel, Letter, Receipt
from escalation.channels.guarded import judge
from escalation.channels.guarded import send as send_guarded

_SLACK_TEXT = 2900  # a section of theirs holds 3000 characters
_TEAMS_TEXT = 8000  # a card of theirs holds 28 KB in all
# What these services answer when the address is dead for good: revoked, archived, unknown.
_GONE = (403, 404, 410)

_COLOURS = {1: "attention", 2: "attention", 3: "warning"}


def slack(house: str, *, allow_private: bool = False, deadline_s: float = DEADLINE_S) -> Channel:
    """A channel to a Slack incoming webhook; the letter's address is the webhook's."""
    return _channel(_slack, house, allow_private, deadline_s)


def teams(house: str, *, allow_private: bool = False, deadline_s: float = DEADLINE_S) -> Channel:
    """A channel to a Teams webhook (a workflow that posts to a channel when a request comes in)."""
    return _channel(_teams, house, allow_private, deadline_s)


def _channel(write: Callable[[Letter, str], dict[str, Any]], house: str, private: bool, deadline_s: float) -> Channel:
    def send(letter: Letter, now: datetime) -> Receipt:
        body = json.dumps(write(letter, house), ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": str(letter.id)}
        answer = send_guarded(letter.address, body, headers, allow_private=private, deadline_s=deadline_s)
        judge(answer, now, gone=_GONE)
        return Receipt({"status": answer.status})

    return send


def _slack(letter: Letter, house: str) -> dict[str, Any]:
    text = _escaped(str(letter.body.get("text", "")))[:_SLACK_TEXT]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": letter.subject[:150] or "Vigie"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": text or "…"}},
    ]
    if letter.body.get("path"):
        button = {"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": house + letter.body["path"]}
        blocks.append({"type": "actions", "elements": [button]})
    return {"text": _escaped(letter.subject), "blocks": blocks}


def _escaped(text: str) -> str:
    """Slack reads <…> as a link or a call to everybody; a machine's words must be neither."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(letter: Letter, house: str) -> dict[str, Any]:
    severity = letter.body.get("data", {}).get("severity")
    heading = {
        "type": "TextBlock",
        "text": _plain(letter.subject),
        "weight": "Bolder",
        "size": "Medium",
        "wrap": True,
        "color": _COLOURS.get(severity, "default"),
    }
    lines = [
        {"type": "TextBlock", "text": _plain(line), "wrap": True, "spacing": "Small"}
        for line in str(letter.body.get("text", ""))[:_TEAMS_TEXT].splitlines()
        if line.strip()
    ]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [heading, *lines],
    }
    if letter.body.get("path"):
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open", "url": house + letter.body["path"]}]
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [content]}


def _plain(text: str) -> str:
    """A card's text is read as Markdown; a machine's words are not."""
    return "".join("\\" + c if c in "\\`*_[]#<>|~" else c for c in text)
