"""Signatures and the event of an outgoing webhook, after the Standard Webhooks and CloudEvents 1.0 texts. Plain."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC

from escalation.channels import Letter

PREFIX = "whsec_"


def signature(secrets: Sequence[str], id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` header: one `v1,…` for each secret, so that a receiver can change over in its own time.

    A secret is `whsec_` and base64. ValueError when it is not.
    """
    content = b".".join((id.encode(), str(timestamp).encode(), body))
    signed = []
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        signed.append("v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode())
    return " ".join(signed)


def event(letter: Letter, source: str) -> bytes:
    """The letter as a CloudEvents 1.0 document in structured JSON."""
    document = {
        "specversion": "1.0",
        "id": str(letter.id),
        "source": source,
        "type": str(letter.body.get("type", "vigie.incident.notice")),
        "subject": str(letter.thread),
        "time": letter.created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {"title": letter.subject, "text": letter.body.get("text", ""), **letter.body.get("data", {})},
    }
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
