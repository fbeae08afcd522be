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
    ("state", "more", "rule"),
    [
        ("grace", (), "contract.grace"),
        ("grace", ("--until", "2026-03-01", "--grace-days", "60"), "contract.grace"),
        ("not_started", (), "contract.not_started"),
        ("not_started", ("--from", "2026-05-01"), "contract.not_started"),
        ("expired", ("--until", "2027-01-01"), "contract.expired"),
        ("active", ("--until", "2026-03-01", "--grace-days", "8"), "contract.expired"),
        ("active", ("--until", "2026-03-01", "--grace-days", "9"), "contract.grace"),
    ],
)
def test_a_state_without_dates_gets_the_dates_it_asks_for(state: str, more: tuple[str, ...], rule: str) -> None:
    told = decided("--tier", "gold", "--ask", "open_incident", "--at", NINE, *PARIS, "--state", state, *more)
    assert told["rule"] == rule
    assert "2027" not in told["reason"]


def test_the_answer_always_has_the_same_keys() -> None:
    asked = ("--at", NINE, *PARIS)
    answers = [
        decided("--tier", "platinum", "--ask", "open_incident", "--severity", "1", *asked),
        decided("--tier", "gold", "--ask", "detection", *asked),
        decided("--tier", "bronze", "--ask", "software_support", *asked),
        decided("--tier", "none", "--ask", "telemetry", *asked),
    ]
    assert len({tuple(sorted(told)) for told in answers}) == 1
    assert [promise["kind"] for promise in answers[0]["promises"]] == ["respond", "update"]
    assert [offer["path"] for offer in answers[2]["offers"]] == ["paid", "emergency"]
    assert answers[3]["offers"] == []


def test_a_region_has_holidays_of_its_own() -> None:
    asked = ("--tier", "silver", "--ask", "open_incident", "--severity", "1", "--at", "2026-01-06T08:00:00Z")
    munich = decided(*asked, "--zone", "Europe/Berlin", "--holidays", "DE-BY")
    berlin = decided(*asked, "--zone", "Europe/Berlin", "--holidays", "DE")
    assert (munich["respond_by"], berlin["respond_by"]) == ("2026-01-07T09:00:00Z", "2026-01-06T10:00:00Z")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--at", "tomorrow"), "is not an instant"),
        (("--at", "2026-03-10T09:00:00"), "needs a zone"),
        (("--at", "2026-02-30T09:00:00Z"), "is not an instant"),
        (("--at", "9999-12-31T23:59:59Z"), "lies outside the years"),
        (("--zone", "Mars/Olympus"), "is not a time zone"),
        (("--zone", "Europe"), "is not a time zone"),
        (("--zone", ""), "is not a time zone"),
        (("--holidays", "ZZ"), "no public holidays are known"),
        (("--holidays", "FR-NOWHERE"), "--holidays: "),
        (("--from", "soon"), "is not a date"),
        (("--from", "20260310"), "is not a date"),
        (("--from", ""), "is not a date"),
        (("--from", "2026-03-11", "--until", "2026-03-10"), "lies before"),
        (("--until", "3000-01-01"), "lies outside the years"),
        (("--severity", "5"), "--severity: '5'"),
        (("--severity", "high"), "--severity: 'high'"),
        (("--units", "0"), "--units: '0'"),
        (("--grace-days", "-1"), "--grace-days: '-1'"),
        (("--channel", "pigeon"), "--channel: 'pigeon'"),
        (("--language", "tlh"), "--language: 'tlh'"),
        (("--state", "asleep"), "--state: 'asleep'"),
        (("--state", ""), "--state: is missing"),
        (("--tier", "tin"), "--tier: 'tin'"),
        (("--tier", ""), "--tier: is missing"),
        (("--ask", "lunch"), "--ask: 'lunch'"),
        (("--ask", ""), "--ask: is missing"),
        (("--machine", "plant-db-1"), "goes with --contract"),
        (("--contract", "VC-1"), "cannot be given beside --contract"),
        (("--tier", "", "--contract", "VC-1", "--from", "2026-01-01"), "--from: cannot be given beside"),
        (("--tier", "", "--contract", "VC-1", "--holidays", "FR"), "--holidays: cannot be given beside"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_mistyped_option_is_answered_in_one_sentence(args: tuple[str, ...], said: str, as_json: bool) -> None:
    given = ["--tier", "gold", "--ask", "telemetry", *args, *(["--json"] if as_json else [])]
    result = CliRunner().invoke(command, given)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    told = json.loads(result.stdout) if as_json else {"error": said, "option": ""}
    assert said in told["error"]


@pytest.mark.parametrize(("args", "option"), [(("--sevrity", "2"), "--sevrity"), (("--at",), "--at"), (("extra",), "")])
def test_an_option_nobody_knows_is_told_as_json_as_well(args: tuple[str, ...], option: str) -> None:
    result = CliRunner().invoke(command, ["--json", "--tier", "gold", "--ask", "telemetry", *args])
    assert result.exit_code == 2
    told = json.loads(result.stdout)
    assert told["option"] == option
    assert (args[-1] if option != "--sevrity" else option) in told["error"]
