"""The link in a mail by which one acknowledges without signing in. Plain.

It names the notice and is sealed with a key of the house. Whoever opens it sees a page with a button; only the button
acts, so a scanner that follows every link in a mail acknowledges nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import uuid

_SEAL = 16  # bytes


def path(notice: uuid.UUID, key: bytes) -> str:
    """Where this notice is acknowledged."""
    sealed = notice.bytes + _seal(notice, key)
    return "/acknowledge/" + base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def notice_of(token: str, key: bytes) -> uuid.UUID | None:
    """The notice a link was made for; None for anything that is no link of ours."""
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return None
    if len(sealed) != 16 + _SEAL:
        return None
    notice = uuid.UUID(bytes=sealed[:16])
    return notice if hmac.compare_digest(sealed[16:], _seal(notice, key)) else None


def key_of(secret: str) -> bytes:
    """The key that seals links and receipts, drawn from the secret that signs webhooks."""
    return hashlib.sha256(b"vigie links\0" + secret.encode()).digest()


def _seal(notice: uuid.UUID, key: bytes) -> bytes:
    return hmac.new(key, b"acknowledge" + notice.bytes, hashlib.sha256).digest()[:_SEAL]
