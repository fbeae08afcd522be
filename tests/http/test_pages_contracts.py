"""The contract page under people's hands: terms changed by one and confirmed by another, states, lines, renewal."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import select

from app import termtable
from contracts.tiers import DEFAULTS, Tier
from escalation import intake
from escalation.incident import Actor
from models.agreements import Contract, ContractLine, ContractTerms, TermsProposal
from models.audit import AuditEntry
from models.incidents import Promise
from models.people import Person
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor
from tests.http.test_pages import counting

Visit = Callable[[str], Visitor]
AT = "/customers/joinery/contracts/VC-joinery"
WHOLE = termtable.lines(DEFAULTS[Tier.BRONZE].to_json())


def read(who: Visitor, address: str = AT) -> str:
    answer = who.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    return unescape(answer.text)


def sent(who: Visitor, address: str, **fields: str) -> tuple[int, str]:
    answer = who.post(address, data=fields)
    return answer.status_code, unescape(answer.text)


def versions(sessions: Sessions) -> list[ContractTerms]:
    with work(sessions, SYSTEM) as session:
        return list(session.scalars(select(ContractTerms).order_by(ContractTerms.version)))


def propose(who: Visitor, **changed: str) -> tuple[int, str]:
    return put(who, **{path.replace("__", "."): text for path, text in changed.items()}, reason="as agreed by phone")


def put(who: Visitor, **fields: str) -> tuple[int, str]:
    """Look at a change, then do what was looked at."""
    _, looked = sent(who, f"{AT}/change", **(WHOLE | fields), do="look")
    seen = re.search(r'name="seen" value="(\w+)"', looked)
    return sent(who, f"{AT}/change", **(WHOLE | fields), do="propose", seen=seen[1] if seen else "")


def test_the_page_shows_the_whole_table_of_the_terms_in_force(visit: Visit, cast: Cast) -> None:
    text = read(visit("dee"))
    for field in termtable.FIELDS:
        assert f"<dt>{field.label}</dt>" in text
    assert "<dd>1 d by closing</dd>" in text


def test_looking_at_a_change_writes_nothing(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    status, text = sent(visit("max"), f"{AT}/change", **(WHOLE | {"respond.2": "6 h"}), do="look")
    assert status == 200
    assert "<b>Respond, severity 2</b> <del>8 h</del> <ins>6 h</ins>" in text
    assert "It holds without a second person" in text
    assert "No promise runs under this contract, so none would move." in text
    assert versions(sessions) == []


def test_a_change_that_lowers_nothing_holds_at_once_and_stands_in_the_history(
    visit: Visit, cast: Cast, sessions: Sessions
) -> None:
    assert propose(visit("max"), respond__2="6 h")[0] == 303
    (row,) = versions(sessions)
    assert (row.author, row.reason, row.body["respond"]["2"]) == ("Max", "as agreed by phone", {"seconds": 21600})


def test_a_change_that_lowers_a_promise_waits_for_a_second_person(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    maker, second = visit("max"), visit("root")
    status, looked = sent(maker, f"{AT}/change", **(WHOLE | {"respond.1": "6 h"}), do="look")
    assert "A second person confirms it" in looked
    assert "Respond, severity 1" in looked.split("A second person confirms it")[1]
    status, _ = propose(maker, respond__1="6 h")
    assert status == 303
    assert versions(sessions) == []
    mine = read(maker)
    assert "Waits for a second person" in mine
    assert "You proposed it, so somebody else confirms it." in mine
    assert "/confirm" not in mine
    with work(sessions, SYSTEM) as session:
        proposal = session.scalars(select(TermsProposal.id)).one()
    confirm = f"{AT}/proposals/{proposal}/confirm"
    status, text = sent(maker, confirm)
    assert status == 422
    assert "Let a second person confirm it." in text
    assert "<del>4 h</del> <ins>6 h</ins>" in read(second)
    assert sent(second, confirm)[0] == 303
    (row,) = versions(sessions)
    assert (row.author, row.confirmed_by) == ("Max", "Root")
    assert "confirmed by Root" in read(maker)


def test_a_proposal_is_rejected_for_a_reason(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    propose(visit("max"), tier="silver")
    with work(sessions, SYSTEM) as session:
        proposal = session.scalars(select(TermsProposal.id)).one()
    second, reject = visit("root"), f"{AT}/proposals/{proposal}/reject"
    status, text = sent(second, reject)
    assert status == 422
    assert "Give it a reason; its author reads it." in text
    assert sent(second, reject, **{f"reason-{proposal}": "not signed"})[0] == 303
    text = read(second)
    assert "A proposed change was rejected." in text
    assert "not signed" in text
    assert "Waits for a second person" not in text


def test_another_tier_brings_its_usual_terms_and_keeps_what_one_wrote(
    visit: Visit, cast: Cast, sessions: Sessions
) -> None:
    _, text = sent(visit("max"), f"{AT}/change", **(WHOLE | {"tier": "silver", "respond.4": "2 d"}), do="look")
    assert "<b>Tier</b> <del>bronze</del> <ins>silver</ins>" in text
    assert "<b>Hours, severity 1</b> <del>Mon-Fri 9-17</del> <ins>Mon-Fri 8-18</ins>" in text
    assert "<b>Respond, severity 4</b> <del>5 d</del> <ins>2 d</ins>" in text


def test_an_upgrade_says_which_running_promises_move_and_then_moves_them(
    visit: Visit, cast: Cast, sessions: Sessions
) -> None:
    asked = intake.Request(severity=2, title="files away", machine_id=cast.joinery_machine, cause="disk")
    with work(sessions, SYSTEM) as session:
        intake.open_by_person(session, cast.joinery, asked, Actor(cast.cy, "Cy", is_customer=True), NOW)
        before = session.scalars(select(Promise.due_at)).one()
    _, looked = sent(visit("max"), f"{AT}/change", **(WHOLE | {"respond.2": "1 h"}), do="look")
    assert "1 promise of 1 would move:" in looked
    assert re.search(r"VG-1001: .* would be due by .* instead of", looked)
    assert propose(visit("max"), respond__2="1 h")[0] == 303
    with work(sessions, SYSTEM) as session:
        after = session.scalars(select(Promise.due_at)).one()
    assert before is not None
    assert after == NOW + timedelta(hours=1) < before


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("respond.1", "soon", "'soon' is not a length of time: write it like 15 min"),
        ("hours.2", "Mon-Fry 8-18", "write 24x7, or days and hours"),
        ("ladder", "nobody 2 min", "who is nobody on a ladder"),
        ("effective_at", "soon", "This is no day and hour"),
        ("effective_at", "2020-01-01T10:00", "A change of terms cannot begin in the past"),
        ("allowances.visits", "many", "write it like 4 a year"),
    ],
)
def test_a_wrong_line_says_what_to_do_beside_itself_and_keeps_the_others(
    visit: Visit, cast: Cast, sessions: Sessions, path: str, text: str, said: str
) -> None:
    given = WHOLE | {"named_people": "a deputy of theirs", path: text}
    status, shown = sent(visit("max"), f"{AT}/change", **given, reason="x", do="propose")
    assert status == 422
    assert re.search(rf'id="{re.escape(path)}"[^>]*aria-invalid="true"', shown)
    assert said in shown
    assert 'value="a deputy of theirs"' in shown
    assert versions(sessions) == []


def test_a_change_needs_a_reason(visit: Visit, cast: Cast) -> None:
    status, text = put(visit("max"), **{"respond.2": "6 h"})
    assert status == 422
    assert "Give it a reason; it stands in the history." in text


def test_what_was_touched_since_one_looked_is_shown_again_and_not_written(
    visit: Visit, cast: Cast, sessions: Sessions
) -> None:
    manager = visit("max")
    _, looked = sent(manager, f"{AT}/change", **(WHOLE | {"respond.2": "6 h"}), do="look")
    seen = re.search(r'name="seen" value="(\w+)"', looked)
    assert seen is not None
    more = WHOLE | {"respond.2": "6 h", "respond.1": "9 h", "reason": "x", "seen": seen[1]}
    status, again = sent(manager, f"{AT}/change", **more, do="propose")
    assert status == 200
    assert "You have changed a line since you looked." in again
    assert "<del>4 h</del> <ins>9 h</ins>" in again
    assert versions(sessions) == []


def test_a_change_for_later_is_shown_as_settled(visit: Visit, cast: Cast) -> None:
    given = {"respond.2": "6 h", "effective_at": "2026-06-01T00:00", "reason": "from June"}
    assert put(visit("max"), **given)[0] == 303
    text = read(visit("max"))
    assert "from June" in text
    assert "in force from 1 Jun 2026, 00:00" in text


@pytest.mark.parametrize(("to", "said"), [("suspended", "It was suspended."), ("cancelled", "It was cancelled.")])
def test_a_state_is_changed_for_a_reason_after_its_effect_was_seen(
    visit: Visit, cast: Cast, sessions: Sessions, to: str, said: str
) -> None:
    manager = visit("max")
    assert "so none would move" in read(manager, f"{AT}/state/{to}")
    status, text = sent(manager, f"{AT}/state/{to}")
    assert status == 422
    assert "Give it a reason" in text
    assert sent(manager, f"{AT}/state/{to}", reason="unpaid")[0] == 303
    with work(sessions, SYSTEM) as session:
        assert session.get_one(Contract, cast.joinery_contract).state == to
    text = read(manager)
    assert said in text
    assert "unpaid" in text


def test_a_state_it_cannot_take_is_refused_in_words(visit: Visit, cast: Cast) -> None:
    answer = visit("max").get(f"{AT}/state/active")
    assert answer.status_code == 422
    assert "A contract that is active cannot become active." in answer.text
    assert visit("max").get(f"{AT}/state/sold").status_code == 404


def test_the_last_day_moves_and_the_history_says_from_where(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    given = {"ends_on": "2027-03-31", "notice_days": "90, 10", "reason": "prolonged"}
    assert sent(visit("max"), f"{AT}/end", **given)[0] == 303
    with work(sessions, SYSTEM) as session:
        row = session.get_one(Contract, cast.joinery_contract)
        assert (row.ends_on, row.notice_days) == (date(2027, 3, 31), [90, 10])
    assert "<b>last day</b> <del>31 Dec 2026</del> <ins>31 Mar 2027</ins>" in read(visit("max"))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("ends_on", "2020-01-01", "ends_on lies before the start."),
        ("ends_on", "soon", "This is not a date"),
        ("notice_days", "soon", "Write at most 12 numbers of days"),
        ("reason", "", "Give it a reason"),
    ],
)
def test_a_wrong_end_says_so_beside_the_field(visit: Visit, cast: Cast, field: str, value: str, said: str) -> None:
    given = {"ends_on": "2027-03-31", "notice_days": "60", "reason": "prolonged"} | {field: value}
    status, text = sent(visit("max"), f"{AT}/end", **given)
    assert status == 422
    assert re.search(rf'id="{field}"[^>]*aria-invalid="true"', text)
    assert said in text


def test_a_renewal_is_a_draft_that_follows(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    manager = visit("max")
    assert 'value="2027-01-01"' in read(manager, f"{AT}/renew")
    given = {"tier": "silver", "starts_on": "2027-01-01", "ends_on": "2027-12-31", "number": "VC-next"}
    assert sent(manager, f"{AT}/renew", **given)[0] == 303
    with work(sessions, SYSTEM) as session:
        made = session.scalars(select(Contract).where(Contract.number == "VC-next")).one()
        assert (made.state, made.tier, made.renews_id) == ("draft", "silver", cast.joinery_contract)
        assert session.scalars(select(ContractLine).where(ContractLine.contract_id == made.id)).one()
    assert "followed by" in read(manager)
    assert 'follows <a href="/customers/joinery/contracts/VC-joinery">' in read(
        manager, "/customers/joinery/contracts/VC-next"
    )
    status, text = sent(manager, f"{AT}/renew", **(given | {"number": "VC-third"}))
    assert status == 422
    assert "is renewed by VC-next already" in text


def test_lines_are_added_and_ended(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    manager = visit("max")
    assert sent(manager, f"{AT}/lines", covers="site:Yard", line_starts="2026-04-01")[0] == 303
    assert sent(manager, f"{AT}/lines", covers="service", service="Backup")[0] == 303
    text = read(manager)
    assert "everything in Yard" in text
    assert "from 1 Apr 2026, without end" in text
    assert "the service backup" in text
    assert "A line was added. It is about Yard." in text
    with work(sessions, SYSTEM) as session:
        line = session.scalars(select(ContractLine).where(ContractLine.machine_id == cast.joinery_machine)).one()
    assert sent(manager, f"{AT}/lines/{line.id}/end", **{f"end-{line.id}": "2026-03-01"})[0] == 303
    assert "until 1 Mar 2026" in read(manager)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"covers": "machine:plant-db-1"}, "That is nothing of this customer's"),
        ({"covers": "moon"}, "That is nothing of this customer's"),
        ({"covers": "service"}, "Name the service, such as backup."),
        ({"covers": "all", "line_starts": "2026-04-01", "line_ends": "2026-03-01"}, "It ends before it starts"),
        ({"covers": "all", "line_starts": "soon"}, "This is not a date"),
    ],
)
def test_a_line_that_cannot_be_says_so_beside_the_field(
    visit: Visit, cast: Cast, given: dict[str, str], said: str
) -> None:
    status, text = sent(visit("max"), f"{AT}/lines", **given)
    assert status == 422
    assert said in text
    assert 'aria-invalid="true"' in text


def test_a_contact_is_added_given_rights_and_leaves(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    manager = visit("max")
    given = {"name": "Zoe", "email": "Zoe@Example.org", "may": ["open", "sign"], "languages": "fr en", "zone": "UTC"}
    assert manager.post("/customers/joinery/contacts/new", data=given).status_code == 303
    with work(sessions, SYSTEM) as session:
        zoe = session.scalars(select(Person).where(Person.name == "Zoe")).one()
        assert (zoe.may, zoe.languages, zoe.customer_id) == (["open", "sign"], ["fr", "en"], cast.joinery)
    assert "may open and sign" in read(manager)
    changed = {"name": "Zoe", "may": ["escalate"], "languages": "fr", "zone": "UTC", "active": "no"}
    assert manager.post(f"/customers/joinery/contacts/{zoe.id}", data=changed).status_code == 303
    with work(sessions, SYSTEM) as session:
        row = session.get_one(Person, zoe.id)
        assert (row.may, row.active) == (["escalate"], False)
        deeds = session.scalars(select(AuditEntry.deed).where(AuditEntry.subject == f"person:{zoe.id}")).all()
        assert deeds == ["person.added", "person.changed"]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "Give it a name."),
        ("email", "nothing", "This is not a mail address"),
        ("email", "ADA@example.org", "Somebody has this address already"),
        ("zone", "Nowhere", "Choose a time zone"),
        ("languages", "french", "Write codes of two letters"),
        ("may", "rule", "Choose among open, escalate and sign."),
    ],
)
def test_a_wrong_field_of_a_contact_says_what_to_do(
    visit: Visit, cast: Cast, field: str, value: str, said: str
) -> None:
    given = {"name": "Zoe", "email": "zoe@example.org", "languages": "fr", "zone": "UTC"} | {field: value}
    status, text = sent(visit("max"), "/customers/joinery/contacts/new", **given)
    assert status == 422
    assert said in text


FORMS = (f"{AT}/change", f"{AT}/state/suspended", f"{AT}/end", f"{AT}/renew", "/customers/joinery/contacts/new")


@pytest.mark.parametrize("address", [AT, *FORMS])
def test_who_may_not_does_not(visit: Visit, cast: Cast, address: str) -> None:
    assert visit("cy").get(address).status_code == 403
    assert visit("dee").get(address).status_code == (200 if address == AT else 403)
    # Somebody else's contract is not at this customer's address.
    elsewhere = address.replace("joinery/contracts/VC-joinery", "joinery/contracts/VC-plant")
    assert visit("max").get(elsewhere).status_code == (404 if "VC-" in address else 200)


def test_the_page_asks_a_fixed_number_of_questions(app: Flask, visit: Visit, cast: Cast, sessions: Sessions) -> None:
    dee = visit("dee")
    read(dee)
    with counting(app) as few:
        read(dee)
    owned = {"customer_id": cast.joinery, "contract_id": cast.joinery_contract}
    with work(sessions, SYSTEM) as session:
        for number in range(1, 15):
            body = DEFAULTS[Tier.BRONZE].to_json() | {"grace_days": number}
            at = NOW - timedelta(days=30 - number)
            session.add(ContractTerms(**owned, version=number, effective_at=at, body=body, created_at=at))
            session.add(ContractLine(**owned, starts_on=date(2026, 1, number)))
    with counting(app) as many:
        read(dee)
    assert len(many) <= len(few) + 2
    assert len(many) <= 26
