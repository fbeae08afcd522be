"""Why a machine did not alarm is asked by ours and answered in their language, whatever the customer reads."""

from __future__ import annotations

from datetime import timedelta

from models.customers import Customer
from models.machines import Machine, MachineState
from models.session import SYSTEM, Sessions, work
from telemetry import looking_back
from tests.cast import Cast


def test_the_contract_s_word_is_given_in_english(sessions: Sessions, cast: Cast) -> None:
    with work(sessions, SYSTEM) as session:
        session.get_one(Customer, cast.joinery).language = "fr"
        session.add(
            MachineState(machine_id=cast.joinery_machine, customer_id=cast.joinery, last_at=cast.now,
                         last_received_at=cast.now, speaking="speaking", since=cast.now, telemetry="collect")
        )  # fmt: skip
        session.flush()
        machine = session.get_one(Machine, cast.joinery_machine)
        answer = looking_back.why(session, machine, cast.now + timedelta(seconds=1))
    (tier,) = [reason.words for reason in answer.reasons if reason.rule == "tier"]
    assert tier.endswith("your contract is bronze.")
