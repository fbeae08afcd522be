"""The memory: tables, sessions, audit. Importing this package makes every table known to the metadata."""

from models import (
    agreements,
    artefacts,
    audit,
    calendars,
    customers,
    decisions,
    duty,
    escalations,
    inbound,
    incidents,
    machines,
    maintenance,
    mappings,
    notices,
    people,
    telemetry,
)
from models.base import Base

__all__ = [
    "Base",
    "agreements",
    "artefacts",
    "audit",
    "calendars",
    "customers",
    "decisions",
    "duty",
    "escalations",
    "inbound",
    "incidents",
    "machines",
    "maintenance",
    "mappings",
    "notices",
    "people",
    "telemetry",
]
