"""Who speaks: each machine is answered as its contract's lines say, and machines alike are asked about once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from contracts import ledger
from contracts.decision import Ask, Granted
from models.agreements import Contract, ContractLine
from models.base import new_id
from models.customers import Site
from models.machines import Machine
from models.session import SYSTEM, Sessions, work
from telemetry.directory import KNOWN_FOR, WINDOWS_KNOWN_FOR, Directory
from tests.cast import Cast


@contextmanager
def statements() -> Iterator[list[str]]:
    said: list[str] = []

    def hear(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


def settle(sessions: Sessions, cast: Cast, lines: dict[str, dict[str, Any] | None]) -> dict[str, Machine]:
    """Machines of the plant by name, each with a line of its own, or none; some stand on a site of their own."""
    made = {}
    with work(sessions, SYSTEM) as session:
        site = Site(customer_id=cast.plant, name="Annex", zone="Asia/Tokyo", country="JP", created_at=cast.now)
        session.add(site)
        session.flush()
        for name, line in lines.items():
            at = site.id if name.startswith("annex") else None
            machine = Machine(id=new_id(), customer_id=cast.plant, name=name, site_id=at, created_at=cast.now)
            session.add(machine)
            session.flush()
            if line is not None:
                own = {"contract_id": cast.plant_contract, **line}
                session.add(ContractLine(customer_id=cast.plant, machine_id=machine.id, **own))
            made[name] = machine
    return made


def test_each_machine_is_answered_as_if_it_were_asked_about_alone(sessions: Sessions, cast: Cast) -> None:
    today = cast.now.date()
    with work(sessions, SYSTEM) as session:
        other = Contract(
            customer_id=cast.plant, number="VC-other", tier="bronze", state="active", zone="UTC",
            starts_on=today - timedelta(days=9), ends_on=today + timedelta(days=9), created_at=cast.now,
        )  # fmt: skip
        session.add(other)
        session.flush()
        bronze = other.id
    made = settle(sessions, cast, {
        "covered-1": {}, "covered-2": {}, "annex-1": {}, "bare-1": None, "bare-2": None,
        "coming": {"starts_on": today + timedelta(days=2)}, "gone": {"ends_on": today - timedelta(days=2)},
        "bronze": {"contract_id": bronze},
    })  # fmt: skip
    with work(sessions, SYSTEM) as session:
        found = Directory().look_up(session, set(made), cast.now)
        for name, machine in made.items():
            holds = ledger.standing(session, cast.plant, cast.now, machine.id)
            answer = holds.decide(Ask("telemetry", asked_at=cast.now, machine_id=machine.id, severity=4), cast.now)
            granted = isinstance(answer, Granted) and holds.terms is not None
            expected = holds.terms.watching.value if granted and holds.terms is not None else "refused"
            assert (name, found[name].telemetry, found[name].rule) == (name, expected, answer.rule)
            assert (found[name].machine_id, found[name].customer_id) == (machine.id, cast.plant)
    assert found["covered-1"].telemetry != found["bronze"].telemetry
    assert found["covered-1"].telemetry != found["gone"].telemetry


def test_machines_alike_cost_no_question_more(sessions: Sessions, cast: Cast) -> None:
    made = settle(sessions, cast, {f"like-{n}": {} for n in range(40)})
    with work(sessions, SYSTEM) as session:
        Directory().look_up(session, set(made), cast.now)  # the answers are written down
    counts = []
    for names in ({"like-0", "like-1"}, set(made)):
        with work(sessions, SYSTEM) as session, statements() as said:
            Directory().look_up(session, names, cast.now)
        counts.append(len(said))
    assert counts[0] == counts[1]


def test_who_is_known_is_asked_about_in_no_transaction_for_as_long_as_that_holds(
    sessions: Sessions, cast: Cast
) -> None:
    made = settle(sessions, cast, {"known": {}})
    directory, names, now = Directory(), set(made), cast.now
    assert directory.at_hand(names, now) is None
    with work(sessions, SYSTEM) as session:
        found = directory.look_up(session, names | {"stranger"}, now)
    assert directory.at_hand(names, now) == found
    assert directory.at_hand(names | {"stranger"}, now) == found  # that nobody bears the name is known as well
    assert directory.at_hand(names | {"another"}, now) is None
    assert directory.at_hand(names, now + WINDOWS_KNOWN_FOR) is None
    with work(sessions, SYSTEM) as session:
        directory.look_up(session, set(), now + KNOWN_FOR)  # the windows of maintenance, and nobody's contract
    assert directory.at_hand(names, now + KNOWN_FOR) is None


def test_who_spoke_lately_is_asked_about_with_those_whose_answer_has_run_out(sessions: Sessions, cast: Cast) -> None:
    made = settle(sessions, cast, {"early": {}, "later": {}, "quiet": {}})
    directory, now = Directory(), cast.now
    with work(sessions, SYSTEM) as session:
        directory.look_up(session, {"early"}, now)
        directory.look_up(session, {"later", "quiet"}, now + KNOWN_FOR / 4)
    directory.at_hand({"later"}, now + KNOWN_FOR / 4)
    again = now + KNOWN_FOR
    with work(sessions, SYSTEM) as session:
        directory.look_up(session, {"early"}, again)
    later, quiet = (directory.at_hand({name}, again + KNOWN_FOR / 20) for name in ("later", "quiet"))
    assert later is not None
    assert later["later"].until == again + KNOWN_FOR
    assert quiet is not None
    assert quiet["quiet"].until == now + KNOWN_FOR / 4 + KNOWN_FOR  # nobody has heard of it since
    assert {made[name].id for name in ("later",)} == {later["later"].machine_id}
