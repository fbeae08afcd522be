"""What the fleet says of a machine."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.pages.fleet import state_view
from models.machines import MachineState

NOW = datetime(2026, 5, 14, 0, 29, tzinfo=UTC)


@pytest.mark.parametrize("heard", [None, NOW])
def test_a_machine_its_contract_refuses_is_not_covered_rather_than_unheard(heard: datetime | None) -> None:
    refused = MachineState(telemetry="refused", speaking="speaking", health="unknown", last_received_at=heard)
    assert state_view(refused, has_incident=False, now=NOW).kind == "not covered"


def test_a_machine_that_never_reported_is_unknown() -> None:
    assert state_view(None, has_incident=False, now=NOW).words == "never heard"
    silent = MachineState(telemetry="detect", speaking="speaking", health="unknown", last_received_at=None)
    assert state_view(silent, has_incident=False, now=NOW).kind == "unknown"
