"""Declared mappings on the topics they name: which are spoken live there, for the broker's rules and the bridge.

A mapping is always spoken behind our own prefix (``vigie/MACHINE/NAME/…``). It is spoken on its own topics too when
these begin with a word that is nobody else's: then no rule made of it can reach what is ours or another agent's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.mappings import SourceMapping
from telemetry.broker_access import OpenTopic, bridge_topics, is_within
from telemetry.formats.mapped import BadMapping, Mapped, compiled
from telemetry.formats.sources import RESERVED

log = structlog.get_logger()

# Ours, the broker's, and those whose other levels say who may command whom.
_TAKEN: Final = frozenset({"vigie", "door", "spBv1.0", "STATE", "v1", "v2", "homeassistant"})


def mappings(session: Session) -> list[Mapped]:
    """Every declared mapping, the oldest first. One that is no longer understood is left out, and the log says so."""
    rows = session.execute(
        select(SourceMapping.name, SourceMapping.spec).order_by(SourceMapping.created_at, SourceMapping.id)
    )
    return [mapping for name, spec in rows if (mapping := understood(name, spec)) is not None]


def understood(name: str, spec: Any) -> Mapped | None:
    """A stored mapping ready for use, or None, and the log says why not."""
    try:
        return compiled(spec, RESERVED)
    except BadMapping as problem:
        log.error("mapping.unusable", mapping=name, why=str(problem))
        return None


def open_topic(mapping: Mapped) -> OpenTopic | None:
    """Where a mapping is spoken beside our prefix; None: nowhere else."""
    first = mapping.levels[0]
    if first.startswith(("{", "$")) or first in _TAKEN or "%" in mapping.topic or not mapping.topic.isprintable():
        return None
    levels = ["+" if level.startswith("{") else level for level in mapping.levels]
    return OpenTopic("/".join([*levels, *(["#"] if mapping.open else [])]), mapping.levels.index("{machine}"))


def open_topics(known: Iterable[Mapped]) -> list[OpenTopic]:
    """Those of all mappings, each once."""
    return list(dict.fromkeys(topic for mapping in known if (topic := open_topic(mapping)) is not None))


def bare_topics(known: Iterable[Mapped]) -> list[OpenTopic]:
    """Where a mapping is spoken right behind a machine's name, with no level after its own: the broker grants such
    topics word by word.
    """
    return [OpenTopic(f"vigie/+/{mapping.name}", 1) for mapping in known if mapping.behind([]) is not None]


def filters(topics: Sequence[OpenTopic]) -> list[str]:
    """What to subscribe to for them. Nothing twice: a broker hands a message over once for each filter it fits."""
    wanted = sorted({topic.filter for topic in topics})
    wider = bridge_topics()
    return [one for one in wanted if not any(is_within(one, other) for other in (*wider, *wanted) if other != one)]
