"""Texts as the database can hold them. Plain.

PostgreSQL's text and jsonb hold neither NUL nor half a surrogate pair, both of which JSON may carry. Whoever sent one
must not keep everybody else's reports from being stored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_NOT_HELD: Final = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """The text with what cannot be stored written out: ``\\x00``, ``\\ud800``."""
    return _NOT_HELD.sub(_written_out, text) if _NOT_HELD.search(text) else text


def storable_texts(texts: Mapping[str, str]) -> dict[str, str]:
    """Names and texts, each so."""
    return {storable(name): storable(text) for name, text in texts.items()}


def storable_json(value: Any) -> Any:
    """The same of every text in a JSON value."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(name)): storable_json(each) for name, each in value.items()}
    if isinstance(value, list):
        return [storable_json(each) for each in value]
    return value


def _written_out(found: re.Match[str]) -> str:
    return "\\x00" if found[0] == "\0" else f"\\u{ord(found[0]):04x}"
