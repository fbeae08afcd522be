"""What a change of contract does to running promises, why one was missed, and counting one again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from contracts import calendars
from contracts.calendars import Draft
from contracts.clock_terms import ClockTerms
from contracts.terms import Terms, Tier
from contracts.tiers import DEFAULTS
from escalation import acts, consequences, promises, settling
from escalation.incident import NotNow
from escalation.intake import report
from escalation.tick import tick_all
from models.agreements import Contract, ContractTerms
from models.audit import AuditEntry
from models.calendars import Threshold
from models.incidents import Incident, Promise
from models.session import SYSTEM, Sessions, work
from tests import desk
from tests.cast import Cast

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
RESOLVE = {"resolve": {str(n): {"seconds": 8 * 3600} for n in (1, 2, 3, 4)}}
SLOW = {"respond": {str(n): {"seconds": 6 * 3600} for n in (1, 2, 3, 4)}}


def agree(sessions: Sessions, cast: Cast, clocks: dict[str, Any], **more: Any) -> Terms:
    """Terms of Ada's plant from the start of the year on."""
    body = {**DEFAULTS[Tier.PLATINUM].to_json(), **more, "clocks": clocks}
    with work(sessions, SYSTEM) as session:
        session.add(
            ContractTerms(
                customer_id=cast.plant, contract_id=cast.plant_contract, version=1, body=body, created_at=cast.now,
                effective_at=cast.now - timedelta(days=30),
            )
        )  # fmt: skip
    return Terms.from_json(body)


def opened(sessions: Sessions, cast: Cast, severity: int = 2) -> None:
    with work(sessions, SYSTEM) as session:
        report(session, desk.signal(cast.plant_machine, cast.now, severity=severity), cast.now)


def owed(sessions: Sessions) -> dict[tuple[str, str], Promise]:
    with work(sessions, SYSTEM) as session:
        return {(row.party, row.kind): row for row in session.scalars(select(Promise).order_by(Promise.started_at))}


def test_every_kind_of_clock_begins_with_its_own_budget_and_calendar(sessions: Sessions, cast: Cast) -> None:
    clocks = {
        "budgets": {"acknowledge": {"2": {"seconds": 600}}, "workaround": {"2": {"seconds": 7200}}, **RESOLVE},
        "internal": {"acknowledge": {"2": {"seconds": 120}}},
        "hours": {"resolve": "Mon-Fri 9-17"},
    }
    agree(sessions, cast, clocks)
    opened(sessions, cast)
    found = owed(sessions)
    assert {key: row.due_at for key, row in found.items()} == {
        ("customer", "acknowledge"): cast.now + 10 * MINUTE,
        ("internal", "acknowledge"): cast.now + 2 * MINUTE,
        ("customer", "respond"): cast.now + HOUR,
        ("customer", "workaround"): cast.now + 2 * HOUR,
        ("customer", "resolve"): cast.now + 24 * HOUR,  # Tuesday 10 to 17, and one hour on Wednesday
    }
    with work(sessions, SYSTEM) as session:
        acts.acknowledge(session, desk.the_incident(session).id, desk.actor(cast, "dee"), cast.now + 5 * MINUTE)
    found = owed(sessions)
    assert (found["customer", "acknowledge"].state, found["internal", "acknowledge"].state) == ("met", "breached")
    with work(sessions, SYSTEM) as session:
        acts.resolve(session, desk.the_incident(session).id, desk.actor(cast, "dee"), cast.now + HOUR, "Mended.")
    assert {row.state for (party, _), row in owed(sessions).items() if party == "customer"} == {"met"}


def test_a_resolution_clock_runs_on_after_a_reopening(sessions: Sessions, cast: Cast) -> None:
    agree(sessions, cast, {"budgets": RESOLVE})
    opened(sessions, cast)
    dee = desk.actor(cast, "dee")
    with work(sessions, SYSTEM) as session:
        acts.resolve(session, desk.the_incident(session).id, dee, cast.now + 2 * HOUR, "Mended.")
    with work(sessions, SYSTEM) as session:
        acts.reopen(session, desk.the_incident(session).id, dee, cast.now + 30 * HOUR, "It is back.")
    resolve = owed(sessions)["customer", "resolve"]
    assert (resolve.state, resolve.due_at) == ("running", cast.now + 36 * HOUR)


def test_a_wait_the_terms_do_not_allow_stops_no_clock_and_one_for_a_vendor_begins_theirs(
    sessions: Sessions, cast: Cast
) -> None:
    agree(sessions, cast, {"pauses": ["customer"], "vendor": {"budget": {"seconds": 4 * 3600}}})
    opened(sessions, cast)
    dee = desk.actor(cast, "dee")
    with work(sessions, SYSTEM) as session:
        acts.wait(session, desk.the_incident(session).id, dee, cast.now + MINUTE, "vendor", "a disk")
        assert desk.story(session, "runs on")
    found = owed(sessions)
    assert (found["customer", "respond"].state, found["customer", "respond"].due_at) == ("running", cast.now + HOUR)
    assert found["vendor", "answer"].due_at == cast.now + MINUTE + 4 * HOUR
    with work(sessions, SYSTEM) as session:
        acts.resume(session, desk.the_incident(session).id, dee, cast.now + 30 * MINUTE)
    assert owed(sessions)["vendor", "answer"].state == "met"


def test_a_severity_change_counts_from_the_opening_or_restarts_as_the_terms_say(sessions: Sessions, cast: Cast) -> None:
    agree(sessions, cast, {"on_severity": "restart", "budgets": {"acknowledge": {"1": {"seconds": 600}}, **RESOLVE}})
    opened(sessions, cast)
    with work(sessions, SYSTEM) as session:
        incident = desk.the_incident(session)
        acts.set_severity(session, incident.id, desk.actor(cast, "dee"), cast.now + 40 * MINUTE, 1, "worse")
    found = owed(sessions)
    assert found["customer", "respond"].due_at == cast.now + 55 * MINUTE
    assert found["customer", "resolve"].due_at == cast.now + 40 * MINUTE + 8 * HOUR
    assert found["customer", "acknowledge"].due_at == cast.now + 50 * MINUTE  # severity 1 has it, severity 2 had not


def test_an_upgrade_is_foreseen_and_then_moves_just_what_was_foreseen(sessions: Sessions, cast: Cast) -> None:
    agree(sessions, cast, {"budgets": RESOLVE}, **SLOW)
    opened(sessions, cast)
    at = cast.now + 30 * MINUTE
    better = DEFAULTS[Tier.PLATINUM]  # one hour for severity 2, and no promise of a resolution
    with work(sessions, SYSTEM) as session:
        contract = session.get_one(Contract, cast.plant_contract)
        foreseen = consequences.forecast(session, contract, "upgrade", at, better)
        assert [(one.kind, one.after) for one in foreseen.moved] == [("respond", at + HOUR)]
        assert foreseen.words("en", "Europe/Paris")[0] == "1 promise of 2 would move:"
        assert foreseen.words("fr", "Europe/Paris")[0] == "1 promesse sur 2 changerait :"
    assert owed(sessions)["customer", "respond"].due_at == cast.now + 6 * HOUR
    with work(sessions, SYSTEM) as session:
        contract = session.get_one(Contract, cast.plant_contract)
        consequences.carry_out(session, contract, "upgrade", at, better, actor=desk.actor(cast, "dee"))
    found = owed(sessions)
    assert found["customer", "respond"].due_at == at + HOUR
    assert found["customer", "resolve"].due_at == cast.now + 8 * HOUR
    with work(sessions, SYSTEM) as session:
        kept = session.scalars(select(AuditEntry).where(AuditEntry.deed == "contract upgrade")).one()
        assert (kept.facts["before"][:16], kept.facts["after"][:16]) == ("2026-03-10T15:00", "2026-03-10T10:30")
        fifty = session.scalars(select(Threshold).join(Promise).where(Promise.kind == "respond")).first()
        assert fifty is not None
        assert fifty.at == at + 30 * MINUTE


@pytest.mark.parametrize("change", ["downgrade", "suspension", "expiry", "cancellation"])
def test_a_promise_keeps_its_terms_whatever_becomes_of_the_contract(
    sessions: Sessions, cast: Cast, change: consequences.Change
) -> None:
    opened(sessions, cast)
    with work(sessions, SYSTEM) as session:
        contract = session.get_one(Contract, cast.plant_contract)
        found = consequences.carry_out(session, contract, change, cast.now, DEFAULTS[Tier.BRONZE])
        assert found.moved == ()
        assert found.words("en", "UTC") == [
            "None of the 1 running promises would move: each keeps the terms it was given."
        ]
    assert owed(sessions)["customer", "respond"].state == "running"


def test_clocks_end_with_the_contract_where_the_terms_cut_them_off(sessions: Sessions, cast: Cast) -> None:
    agree(sessions, cast, {"on_end": "cutoff"}, respond={str(n): {"seconds": 2 * 86_400} for n in (1, 2, 3, 4)})
    opened(sessions, cast)
    with work(sessions, SYSTEM) as session:
        session.execute(update(Contract).values(ends_on=cast.now.date()))
        assert consequences.expire(session, cast.now + HOUR) == 0  # the last day is a day of the contract
        assert consequences.expire(session, cast.now + 14 * HOUR) == 1  # the next one, in Paris
        assert consequences.expire(session, cast.now + 15 * HOUR) == 0
    assert owed(sessions)["customer", "respond"].state == "cancelled"


def test_a_missed_promise_gets_its_cause_from_a_person_and_stays_missed(sessions: Sessions, cast: Cast) -> None:
    opened(sessions, cast, severity=1)
    dee = desk.actor(cast, "dee")
    with work(sessions, SYSTEM) as session:
        (promise,) = session.scalars(select(Promise))
        early = settling.judge(session, promise.id, dee, cast.now, "capacity")
        assert isinstance(early, NotNow)
        assert early.rule == "state"
    tick_all(sessions, cast.now + HOUR)
    with work(sessions, SYSTEM) as session:
        refused = [settling.judge(session, promise.id, dee, cast.now, cause) for cause in ("bad luck", "other")]
        assert [isinstance(one, NotNow) and one.rule for one in refused] == ["value", "value"]
        judged = settling.judge(session, promise.id, dee, cast.now + HOUR, "capacity", "Two of us were ill.")
        assert not isinstance(judged, NotNow)
        assert (judged.cause, judged.cause_by, judged.state) == ("capacity", "Dee", "breached")
        assert desk.story(session, "cause") == [
            "The first response was missed because too few hands were there. Two of us were ill."
        ]


def test_counting_again_keeps_both_values_and_editing_a_calendar_moves_nothing_by_itself(
    sessions: Sessions, cast: Cast
) -> None:
    week = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    with work(sessions, SYSTEM) as session:
        draft = Draft({"weekly": week}, date(2026, 1, 1), "the mill's hours")
        calendars.add(session, "mill", "Mill", draft, "Dee", cast.now - timedelta(days=60))
    agree(sessions, cast, {"hours": {"respond": "calendar:mill"}}, **SLOW)
    opened(sessions, cast)
    assert owed(sessions)["customer", "respond"].due_at == cast.now + 6 * HOUR  # ten to four in Paris
    with work(sessions, SYSTEM) as session:
        mill = calendars.by_name(session, "mill")
        assert mill is not None
        closed = {"weekly": week, "date_hours": {"2026-03-10": [["09:00", "12:00"]]}}
        calendars.change(session, mill, Draft(closed, date(2026, 3, 1), "a half day"), "Dee", cast.now)
    assert owed(sessions)["customer", "respond"].due_at == cast.now + 6 * HOUR
    with work(sessions, SYSTEM) as session:
        (promise,) = session.scalars(select(Promise))
        dee = desk.actor(cast, "dee")
        same = settling.recount(session, promise.id, dee, cast.now, "to see")
        assert not isinstance(same, NotNow)
        assert not same.moved
        seen = settling.recount(session, promise.id, dee, cast.now, "?", with_present_calendar=True, only_look=True)
        assert not isinstance(seen, NotNow)
        assert (seen.moved, promise.due_at) == (True, cast.now + 6 * HOUR)
        moved = settling.recount(session, promise.id, dee, cast.now, "agreed by phone", with_present_calendar=True)
        assert not isinstance(moved, NotNow)
        assert (moved.before, moved.after) == (cast.now + 6 * HOUR, cast.now + 27 * HOUR)
        kept = session.scalars(select(AuditEntry).where(AuditEntry.deed == "recount promise")).all()[-1]
        assert (kept.facts["before"][:16], kept.facts["after"][:16]) == ("2026-03-10T15:00", "2026-03-11T12:00")


def test_a_calendar_that_is_not_there_makes_way_for_the_weekly_hours(sessions: Sessions, cast: Cast) -> None:
    agree(sessions, cast, {"hours": {"respond": "calendar:nowhere"}})
    opened(sessions, cast)
    assert owed(sessions)["customer", "respond"].due_at == cast.now + HOUR


def test_a_calendar_names_others_and_never_itself(sessions: Sessions, cast: Cast) -> None:
    always = {"tz": "UTC", "always_open": True}
    with work(sessions, SYSTEM) as session:
        calendars.add(session, "asia", "Asia", Draft(always, date(2026, 1, 1), "new"), "Dee", cast.now)
        both = {"union": [{"calendar": "asia"}, {"tz": "Europe/Paris"}]}
        sun = calendars.add(session, "sun", "Sun", Draft(both, date(2026, 1, 1), "new"), "Dee", cast.now)
        assert calendars.whole(session, {"calendar": "sun"}, cast.now) == {"union": [always, {"tz": "Europe/Paris"}]}
        for body, said in (
            ({"union": [{"calendar": "sun"}]}, "stands inside itself"),
            ({"calendar": "mars"}, "there is no calendar 'mars'"),
            ({"tides": 1}, "tides: is no field"),
        ):
            with pytest.raises(ValueError, match=said):
                calendars.change(session, sun, Draft(body, date(2026, 2, 1), "try"), "Dee", cast.now)
        with pytest.raises(ValueError, match="not in force yet"):
            calendars.whole(session, {"calendar": "asia"}, cast.now - timedelta(days=100))


def test_terms_of_clocks_come_back_as_they_were_said() -> None:
    body = {
        "budgets": RESOLVE, "internal": {"respond": {"1": {"seconds": 60}}}, "hours": {"resolve": "24x7"},
        "vendor": {"budget": {"business_days": 1, "at": "16:00"}, "hours": "calendar:vendor"}, "pauses": ["vendor"],
        "on_severity": "restart", "on_end": "cutoff", "warn_at": [80, 100], "zone": "contract",
        "calendars": {"vendor": {"tz": "UTC"}},
    }  # fmt: skip
    read = ClockTerms.from_json(body)
    assert read.to_json() == body
    assert read.named() == {"vendor"}
    assert ClockTerms.from_json({}).to_json() == {}
    assert replace(DEFAULTS[Tier.GOLD], clocks=read) == Terms.from_json(
        {**DEFAULTS[Tier.GOLD].to_json(), "clocks": body}
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "clocks: give an object"),
        ({"tides": 1}, "clocks: give an object"),
        ({"budgets": {"respond": {}}}, "clocks.budgets: 'respond'"),
        ({"budgets": {"resolve": {"5": {}}}}, "clocks.budgets.resolve: '5'"),
        ({"budgets": {"resolve": {"1": {"seconds": 0}}}}, "clocks.budgets.resolve.1: give either"),
        ({"hours": {"resolve": "always"}}, "clocks.hours.resolve: 'always'"),
        ({"hours": {"sleep": "24x7"}}, "clocks.hours: 'sleep'"),
        ({"hours": {"resolve": 7}}, "clocks.hours.resolve: give weekly hours"),
        ({"vendor": {}}, "clocks.vendor: give a budget"),
        ({"pauses": ["weather"]}, "clocks.pauses: 'weather'"),
        ({"pauses": "customer"}, "clocks.pauses: must be a list"),
        ({"warn_at": [0]}, "clocks.warn_at: 0"),
        ({"on_severity": "never"}, "clocks.on_severity: 'never'"),
        ({"on_end": "never"}, "clocks.on_end: 'never'"),
        ({"zone": "Mars"}, "clocks.zone: 'Mars'"),
        ({"calendars": []}, "clocks.calendars: must be an object"),
    ],
)
def test_wrong_clocks_are_refused_by_field(body: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ClockTerms.from_json(body)


def test_a_promise_speaks_of_its_own_budget_in_the_frozen_terms(sessions: Sessions, cast: Cast) -> None:
    agree(sessions, cast, {"budgets": RESOLVE})
    opened(sessions, cast)
    with work(sessions, SYSTEM) as session:
        frozen = promises.terms_of(session.scalars(select(Incident)).one())
        assert frozen.clocks.budgets["resolve"][2].seconds == 8 * 3600
