"""Who knew first, from rows: of one incident, and the share of a period by contract. Takes a session."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from escalation.first_known import First, Share, first
from models.incidents import Finding, Incident

_BY_CONTRACT: Final = text(
    """
    WITH seen AS (
        SELECT i.id, i.contract_id, i.machine_id IS NULL AS no_machine,
            i.state = 'closed' AND i.resolved_at IS NULL AS cancelled, i.customer_told_us_at AS customer_at,
            coalesce(f.machine_at, CASE WHEN i.channel = 'telemetry' THEN i.opened_at END) AS machine_at,
            least(i.acknowledged_at, i.told_customer_at,
                CASE WHEN i.channel <> 'telemetry' AND i.customer_told_us_at IS NULL THEN i.opened_at END) AS us_at,
            coalesce(f.dismissed, false) AND i.customer_told_us_at IS NULL AS false_alarm
        FROM incidents i
        LEFT JOIN LATERAL (
            SELECT min(opened_at) AS machine_at,
                bool_or(verdict IN ('benign', 'false')) AND NOT bool_or(verdict = 'true') AS dismissed
            FROM findings WHERE incident_id = i.id
        ) f ON true
        WHERE i.opened_at >= :start AND i.opened_at < :end AND i.merged_into_id IS NULL
            AND (CAST(:contract AS uuid) IS NULL OR i.contract_id = :contract)
            AND (CAST(:customer AS uuid) IS NULL OR i.customer_id = :customer)
    ), judged AS (
        SELECT *, least(machine_at, us_at) AS ours_at, no_machine OR cancelled OR false_alarm AS left_out FROM seen
    )
    SELECT j.contract_id, c.number, cu.slug, cu.name,
        count(*) FILTER (WHERE NOT left_out AND machine_at IS NOT NULL AND machine_at = ours_at
            AND (customer_at IS NULL OR customer_at >= ours_at)) AS machine,
        count(*) FILTER (WHERE NOT left_out AND ours_at IS NOT NULL AND machine_at IS DISTINCT FROM ours_at
            AND (customer_at IS NULL OR customer_at >= ours_at)) AS us,
        count(*) FILTER (WHERE NOT left_out AND customer_at IS NOT NULL
            AND (ours_at IS NULL OR customer_at < ours_at)) AS customer,
        count(*) FILTER (WHERE NOT left_out AND customer_at IS NULL) AS silent,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM customer_at - ours_at))
            FILTER (WHERE NOT left_out AND customer_at >= ours_at) AS lead_s,
        count(*) FILTER (WHERE no_machine AND NOT cancelled) AS no_machine,
        count(*) FILTER (WHERE cancelled) AS cancelled,
        count(*) FILTER (WHERE false_alarm AND NOT cancelled AND NOT no_machine) AS false_alarms
    FROM judged j
    LEFT JOIN contracts c ON c.id = j.contract_id
    LEFT JOIN customers cu ON cu.id = c.customer_id
    GROUP BY GROUPING SETS ((), (j.contract_id, c.number, cu.slug, cu.name))
    ORDER BY grouping(j.contract_id) DESC, c.number NULLS LAST
    """
)


@dataclass(frozen=True, slots=True)
class OfContract:
    """The share of one contract; without one: of incidents that no contract answered for."""

    contract_id: uuid.UUID | None
    number: str
    slug: str
    customer: str
    share: Share


def shares(
    session: Session, start: datetime, end: datetime, *, contract_id: uuid.UUID | None = None,
    customer_id: uuid.UUID | None = None,
) -> tuple[Share, Sequence[OfContract]]:  # fmt: skip
    """Of all within reach, and contract by contract. One query."""
    given = {"start": start, "end": end, "contract": contract_id, "customer": customer_id}
    total, *rest = session.execute(_BY_CONTRACT, given).all()
    found = [OfContract(row.contract_id, row.number or "", row.slug or "", row.name or "", _share(row)) for row in rest]
    return _share(total), found


def of_incident(session: Session, incident: Incident) -> First:
    """Who knew first of one."""
    found = session.scalar(select(func.min(Finding.opened_at)).where(Finding.incident_id == incident.id))
    return first(*instants(incident, found), incident.told_customer_at)


def instants(incident: Incident, found_at: datetime | None) -> tuple[datetime | None, datetime | None, datetime | None]:
    """When machine, we and the customer knew; `found_at`: the first finding on it, if any."""
    by_machine = incident.channel == "telemetry"
    machine = found_at or (incident.opened_at if by_machine else None)
    by_hand = incident.opened_at if not by_machine and incident.customer_told_us_at is None else None
    us = min(
        (at for at in (incident.acknowledged_at, incident.told_customer_at, by_hand) if at is not None), default=None
    )
    return machine, us, incident.customer_told_us_at


def _share(row: Any) -> Share:  # Any: a row of the query above
    lead = None if row.lead_s is None else float(row.lead_s)
    return Share(row.machine, row.us, row.customer, row.silent, lead, row.false_alarms, row.cancelled, row.no_machine)
