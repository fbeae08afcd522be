"""Pages as PDF: our own layouts, set by Typst. What is said comes in as data and is never read as markup."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typst

_LAYOUTS = Path(__file__).resolve().parent / "print"


def pdf(layout: str, data: Mapping[str, Any]) -> bytes:
    """`layout` names one of our own files in `app/print/`; `data` is plain JSON."""
    made = typst.compile(
        str(_LAYOUTS / f"{layout}.typ"),
        root=str(_LAYOUTS),
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
        ignore_system_fonts=True,  # the fonts it brings: the same sheet on every machine
    )
    if not isinstance(made, bytes):
        raise TypeError("one document was asked for, and several came")
    return made
