"""The delivery ledger: received = scored + refused + duplicate + late, per machine and hour of arrival."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from telemetry.admission import Fate

HOUR_MS: Final = 3_600_000
# A name the topic did not give; it has a line of its own, so that the sums still hold.
NOBODY: Final = ""

_ADD = text(
    """
    INSERT INTO delivery_ledger
        (machine, hour, customer_id, received, scored, refused, duplicate, late, missing, in_maintenance, reasons)
    SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS given(machine text, hour timestamptz, customer_id uuid,
        received int, scored int, refused int, duplicate int, late int, missing int, in_maintenance int, reasons jsonb)
    ON CONFLICT (machine, hour) DO UPDATE SET
        customer_id = coalesce(excluded.customer_id, delivery_ledger.customer_id),
        received = delivery_ledger.received + excluded.received,
        scored = delivery_ledger.scored + excluded.scored,
        refused = delivery_ledger.refused + excluded.refused,
        duplicate = delivery_ledger.duplicate + excluded.duplicate,
        late = delivery_ledger.late + excluded.late,
        missing = delivery_ledger.missing + excluded.missing,
        in_maintenance = delivery_ledger.in_maintenance + excluded.in_maintenance,
        reasons = CASE WHEN excluded.reasons = '{}'::jsonb THEN delivery_ledger.reasons ELSE
            delivery_ledger.reasons || coalesce((SELECT jsonb_object_agg(key,
                value::bigint + coalesce((delivery_ledger.reasons ->> key)::bigint, 0))
                FROM jsonb_each_text(excluded.reasons)), '{}'::jsonb) END
    """
)


@dataclass
class _Line:
    customer_id: uuid.UUID | None = None
    fates: Counter[Fate] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    scored: int = 0
    missing: int = 0
    in_maintenance: int = 0


def _sum(a: _Line, b: _Line) -> _Line:
    return _Line(
        b.customer_id or a.customer_id, a.fates + b.fates, a.reasons + b.reasons, a.scored + b.scored,
        a.missing + b.missing, a.in_maintenance + b.in_maintenance,
    )  # fmt: skip


class Deliveries:
    """What was received since the last flush."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, int], _Line] = {}

    def count(
        self,
        machine: str,
        customer_id: uuid.UUID | None,
        received_ms: int,
        fate: Fate,
        reason: str = "",
        missing: int = 0,
        in_maintenance: bool = False,
    ) -> None:
        """One report, event or message we could not read. `reason` goes with a refusal."""
        key = (machine, received_ms // HOUR_MS)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line()
        if customer_id is not None:
            line.customer_id = customer_id
        if fate is Fate.SCORED:
            line.scored += 1  # nearly all of them: an enumeration's hash costs two calls
        else:
            line.fates[fate] += 1
        if missing or in_maintenance or reason:
            line.missing += missing
            line.in_maintenance += in_maintenance
            if reason:
                line.reasons[reason] += 1

    @classmethod
    def together(cls, every: Iterable[Deliveries]) -> Deliveries:
        """The sums of several, which stay as they are."""
        out = cls()
        for one in every:
            for key, line in one._lines.items():
                there = out._lines.get(key)
                out._lines[key] = line if there is None else _sum(there, line)
        return out

    def only(self, machines: Container[str]) -> Deliveries:
        """The lines of these machines, and of nobody."""
        out = Deliveries()
        out._lines = {key: line for key, line in self._lines.items() if key[0] in machines or key[0] == NOBODY}
        return out

    def write(self, session: Session) -> None:
        """Add to the ledger, in an order that cannot deadlock with another watcher's."""
        rows: list[dict[str, Any]] = []
        for (machine, hour), line in sorted(self._lines.items()):
            rows.append(
                {
                    "machine": machine,
                    "hour": datetime.fromtimestamp(hour * HOUR_MS / 1000, UTC),
                    "customer_id": line.customer_id,
                    "received": line.fates.total() + line.scored,
                    **{fate.value: line.fates[fate] for fate in Fate if fate is not Fate.SCORED},
                    "scored": line.scored,
                    "missing": line.missing,
                    "in_maintenance": line.in_maintenance,
                    "reasons": line.reasons,
                }
            )
        if rows:
            session.execute(_ADD, {"rows": as_json(rows)})


def as_json(value: Any) -> str:
    """Rows as one text, which the database takes apart: quicker by far than a statement or a value for each."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()
