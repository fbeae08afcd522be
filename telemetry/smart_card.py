"""The drives' scorecard this version of Vigie ships with: read once, and only if it is the very file that was made.

Beside it lies its SHA-256. With another digest, or without one, no drive is warned of by it (hard faults of drives
are), and the watchers say that they watch less well.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Final

import orjson
import structlog

from telemetry.smart import SIGNS, Card

SHIPPED: Final = Path(__file__).with_name("smart_card.json")
log = structlog.get_logger()


class BadCard(ValueError):
    """The scorecard is gone, damaged, of other signs, or not the one whose digest was written."""


def pinned(path: Path) -> Path:
    """Where the digest of a card is kept."""
    return path.with_suffix(".sha256")


def read(path: Path) -> Card:
    """A card with the digest of its file in its lineage. Raises ``BadCard``."""
    try:
        body, wanted = path.read_bytes(), pinned(path).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise BadCard(f"{path.name} or its digest cannot be read: {problem}") from problem
    digest = hashlib.sha256(body).hexdigest()
    if digest != wanted:
        raise BadCard(f"{path.name} has the digest {digest[:12]} where {wanted[:12]} is pinned")
    try:
        made = Card.from_json(orjson.loads(body))
    except (KeyError, TypeError, ValueError) as problem:
        raise BadCard(f"{path.name}: {problem}") from problem
    return Card(made.mean, made.spread, made.weight, made.start, made.warns, made.eases,
                {**made.lineage, "digest": digest})  # fmt: skip


@lru_cache(maxsize=1)
def card() -> Card:
    """The shipped card; one that warns of nothing where that cannot be used (`trouble` says why)."""
    try:
        return read(SHIPPED)
    except BadCard as problem:
        log.error("watch.scorecard_refused", why=str(problem))
        nothing = (0.0,) * len(SIGNS)
        return Card(nothing, (1.0,) * len(SIGNS), nothing, -40.0, 1.0, 0.0, {"refused": str(problem)})


def trouble() -> str:
    """Why the shipped card is not used; empty when it is."""
    return str(card().lineage.get("refused", ""))


def written(made: Card, path: Path) -> str:
    """Write a card where ``card`` will read it, and its digest beside it; the digest."""
    body = orjson.dumps(made.as_json(), option=orjson.OPT_INDENT_2) + b"\n"
    digest = hashlib.sha256(body).hexdigest()
    path.write_bytes(body)
    pinned(path).write_text(f"{digest}\n", "ascii")
    return digest
