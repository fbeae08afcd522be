"""Signed webhooks: CloudEvents to other people's web servers, after the Standard Webhooks text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from escalation.channels import DEADLINE_S, Channel, Letter, Receipt
from escalation.channels.guarded import is_public, judge
from escalation.channels.guarded import send as send_guarded
from escalation.channels.signing import event, signature

__all__ = ["is_public", "webhook"]


def webhook(
    secrets: Sequence[str], source: str, *, allow_private: bool = False, deadline_s: float = DEADLINE_S
) -> Channel:
    """A channel that posts signed events. `source` names this house in each event (its public address).

    `allow_private` is for trials: plain http and private addresses are then allowed too.
    """

    def send(letter: Letter, now: datetime) -> Receipt:
        body = event(letter, source)
        stamp = int(now.timestamp())
        headers = {
            "Content-Type": "application/cloudevents+json",
            "webhook-id": str(letter.id),
            "webhook-timestamp": str(stamp),
            "webhook-signature": signature(secrets, str(letter.id), stamp, body),
        }
        answer = send_guarded(letter.address, body, headers, allow_private=allow_private, deadline_s=deadline_s)
        judge(answer, now)
        return Receipt({"status": answer.status})

    return send
