"""`vigie decide` as a person at a terminal and a program use it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from app.commands.decide import command

NINE = "2026-03-10T09:00:00Z"  # a Tuesday, ten in the morning in Paris
PARIS = ("--zone", "Europe/Paris", "--holidays", "FR")


def decided(*args: str) -> dict[str, Any]:
    result = CliRunner().invoke(command, [*args, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    assert isinstance(told, dict)
    return told


def test_it_answers_with_rule_reason_and_the_instant_owed() -> None:
    told = decided("--tier", "gold", "--ask", "open_incident", "--severity", "2", "--at", NINE, *PARIS)
    assert told["decision"] == "granted"
    assert told["respond_by"] == "2026-03-10T11:00:00Z"
    assert told["rule"] == "promise.open_incident"
    assert "gold" in told["reason"]


@pytest.mark.parametrize(
    ("tier", "outcome"), [("bronze", "refused"), ("silver", "refused"), ("gold", "shadow"), ("platinum", "granted")]
)
def test_detection_is_answered_by_tier(tier: str, outcome: str) -> None:
    assert decided("--tier", tier, "--ask", "detection", "--at", NINE)["decision"] == outcome


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        (("--state", "expired"), "contract.expired"),
        (("--until", "2026-03-09"), "contract.expired"),
        (("--from", "2026-03-11"), "contract.not_started"),
        (("--state", "suspended"), "contract.suspended"),
        (("--state", "draft"), "contract.draft"),
        (("--state", "cancelled"), "contract.cancelled"),
        (("--uncovered",), "coverage.machine"),
    ],
)
def test_out_of_contract_telemetry_is_refused_with_a_remedy(more: tuple[str, ...], rule: str) -> None:
    told = decided("--tier", "platinum", "--ask", "telemetry", "--at", NINE, *PARIS, *more)
    assert (told["decision"], told["rule"]) == ("refused", rule)
    assert told["reason"].endswith(".")
    assert "None" not in told["reason"] + told["remedy"]
    assert told["remedy"].endswith(".")


def test_dates_are_inclusive_in_the_contracts_zone() -> None:
    ends_today = ("--tier", "gold", "--ask", "telemetry", *PARIS, "--until", "2026-03-10")
    assert decided(*ends_today, "--at", "2026-03-10T22:59:59Z")["decision"] == "granted"
    assert decided(*ends_today, "--at", "2026-03-10T23:00:00Z")["decision"] == "refused"


def test_a_public_holiday_puts_the_answer_off() -> None:
    asked = ("--tier", "silver", "--ask", "open_incident", "--severity", "1", "--at", "2026-07-14T08:00:00Z")
    assert decided(*asked, *PARIS)["respond_by"] == "2026-07-15T08:00:00Z"
    assert decided(*asked, "--zone", "Europe/Paris")["respond_by"] == "2026-07-14T10:00:00Z"


def test_nobody_without_a_contract_is_left_without_a_way_on() -> None:
    told = decided("--tier", "none", "--ask", "open_incident", "--at", NINE)
    assert (told["decision"], told["contract"]) == ("refused", "none")
    assert "emergency" in told["remedy"]


def test_it_speaks_french_when_asked() -> None:
    told = decided("--tier", "silver", "--ask", "detection", "--at", NINE, "--language", "fr")
    assert "argent" in told["reason"]


def test_a_person_reads_the_same_answer_in_words() -> None:
    args = ["--tier", "bronze", "--ask", "site_visit", "--at", NINE, *PARIS]
    said = CliRunner().invoke(command, args, catch_exceptions=False).output
    assert said.startswith("granted (promise.site_visit)")
    assert "on site by 2026-03-11T16:00:00Z (Wed 2026-03-11 17:00:00 Europe/Paris)" in said


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--at", "tomorrow"), "is not an instant"),
        (("--at", "2026-03-10T09:00:00"), "needs a zone"),
        (("--zone", "Mars/Olympus"), "is not a time zone"),
        (("--holidays", "ZZ"), "no public holidays are known"),
        (("--from", "soon"), "is not a date"),
        (("--from", "2026-03-11", "--until", "2026-03-10"), "lies before"),
        (("--severity", "5"), "severity"),
    ],
)
def test_a_mistyped_option_is_answered_in_words(args: tuple[str, ...], said: str) -> None:
    result = CliRunner().invoke(command, ["--tier", "gold", "--ask", "telemetry", *args])
    assert result.exit_code == 2
    assert said in result.output
