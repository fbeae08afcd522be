"""The secret of this house, and the keys drawn from it: it signs webhooks and seals links in mails and to receipts."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from app.settings import Settings
from escalation.channels import acklink


def house_secrets(settings: Settings) -> list[str]:
    """What signs outgoing webhooks: of the settings, else of the data folder, made at the first call. Several, with a
    comma or a line between, while one is changed: everything is signed with each, and what the others sealed counts."""
    given = settings.webhook_secret.get_secret_value() or webhook_secret(settings.data / "webhook.secret")
    return given.replace(",", " ").split()


def link_key(settings: Settings) -> bytes:
    """What seals the links of mails and the addresses of receipts."""
    return link_keys(settings)[0]


def link_keys(settings: Settings) -> list[bytes]:
    """Whose seals count: the present one's, and those of secrets that are being given up."""
    return [acklink.key_of(secret) for secret in house_secrets(settings)]


def webhook_secret(file: Path) -> str:
    """The secret that signs outgoing webhooks, in the form Standard Webhooks gives it; made at the first call."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text().strip()
    made = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    with os.fdopen(handle, "w") as out:
        out.write(made + "\n")
    return made
