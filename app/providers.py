"""The declared providers of SMS and voice: read from a JSON file, their secrets from files of their own."""

from __future__ import annotations

import json
from pathlib import Path

from app.settings import Settings
from escalation.channels.provider import Provider, read


def declared(settings: Settings) -> list[Provider]:
    """The providers of `VIGIE_PROVIDERS_FILE` (DATA/providers.json when not set); none where there is no file.

    Raises ValueError naming the setting, the field and the remedy.
    """
    file = settings.providers_file or settings.data / "providers.json"
    if settings.providers_file is None and not file.is_file():
        return []
    try:
        said = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"VIGIE_PROVIDERS_FILE: {file} cannot be read as JSON: {error}") from error
    if not isinstance(said, dict):
        raise ValueError(f'VIGIE_PROVIDERS_FILE: {file} holds no object; give {{"name": {{"url": …}}}}')
    return [_one(name, one, file) for name, one in said.items()]


def _one(name: str, said: object, file: Path) -> Provider:
    if not name.replace("-", "").isalnum():
        raise ValueError(f"VIGIE_PROVIDERS_FILE: {name!r} is no name; use letters, digits and -")
    secret = ""
    if isinstance(said, dict) and "secret_file" in said:
        said = dict(said)
        try:
            secret = (file.parent / str(said.pop("secret_file"))).read_text().strip()
        except OSError as error:
            raise ValueError(f"VIGIE_PROVIDERS_FILE: {name}.secret_file cannot be read: {error}") from error
    try:
        return read(name, said, secret)
    except (ValueError, TypeError) as error:
        raise ValueError(f"VIGIE_PROVIDERS_FILE: {error}") from error
