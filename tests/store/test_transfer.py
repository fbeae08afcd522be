"""Import and export over a real database: all or nothing, twice is once, and out and in again is the same."""

from __future__ import annotations

import csv
import io
import json
import uuid
import zipfile
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import delete, func, select

from app.transfer.moving import File, bring, open_files, take_out
from app.transfer.plan import Plan
from contracts import amending
from contracts.life import By
from contracts.terms import Tier
from contracts.tiers import DEFAULTS
from models.agreements import Allowance, Contract, ContractLine, ContractTerms
from models.audit import AuditEntry, first_broken_link
from models.base import Base, new_id
from models.calendars import CalendarVersion, ServiceCalendar
from models.customers import Customer, Site
from models.machines import Machine, MachineCredential
from models.people import Person
from models.session import STAFF, SYSTEM, Sessions, work
from telemetry import enrol
from tests.cast import NOW, Cast, settle

ALLOWANCE = "contract,kind,period_start,period_end,granted,used\n"
WHOLE = {
    "customers": "customer,name,language,zone\nelan,Élan Nord,fr,Europe/Paris\n",
    "sites": "customer,site,zone,country\nelan,Lille,Europe/Paris,FR\n",
    "machines": 'machine,customer,site,title\nelan-1,elan,Lille,=1+1\nelan-2,elan,,"two\nlines"\n',
    "contacts": "email,customer,name,may,notify\nzoe@elan.example,elan,Zoé,open sign,sms +33612345678\n",
    "contracts": "contract,customer,tier,starts_on,ends_on,zone,country\n"
    "VC-7,elan,gold,2026-01-01,2026-12-31,Europe/Paris,FR\n",
    "lines": "contract,machine,site,starts_on,ends_on\nVC-7,elan-1,,2026-02-01,\nVC-7,,Lille,,2026-06-30\n",
}


def files(**texts: str) -> list[File]:
    return [(f"{name}.csv", text.encode()) for name, text in texts.items()]


def brought(sessions: Sessions, given: list[File], *, dry: bool = False, expected: str = "") -> tuple[Plan, bool]:
    with work(sessions, STAFF) as session:
        return bring(session, open_files(given), By("Max", "person:max"), NOW, dry=dry, expected=expected)


def taken(sessions: Sessions) -> bytes:
    with work(sessions, STAFF) as session:
        return take_out(session)


def test_everything_is_made_and_refers_to_what_was_meant(web_sessions: Sessions, sessions: Sessions) -> None:
    plan, done = brought(web_sessions, files(**WHOLE))
    assert done
    assert plan.counts == {"create": 8, "change": 0, "nothing": 0, "refused": 0}
    with work(sessions, SYSTEM) as session:
        customer = session.scalars(select(Customer)).one()
        site = session.scalars(select(Site)).one()
        machines = {row.name: row for row in session.scalars(select(Machine))}
        assert (customer.name, customer.language) == ("Élan Nord", "fr")
        assert (machines["elan-1"].site_id, machines["elan-1"].title) == (site.id, "=1+1")
        assert machines["elan-2"].title == "two lines"
        zoe = session.scalars(select(Person)).one()
        assert (zoe.role, zoe.may, zoe.notify) == (
            "contact", ["open", "sign"], [{"channel": "sms", "address": "+33612345678"}],
        )  # fmt: skip
        lines = session.scalars(select(ContractLine)).all()
        assert {(line.machine_id, line.site_id) for line in lines} == {(machines["elan-1"].id, None), (None, site.id)}


def test_a_dry_run_writes_nothing(web_sessions: Sessions, sessions: Sessions) -> None:
    plan, done = brought(web_sessions, files(**WHOLE), dry=True)
    assert (plan.counts["create"], done) == (8, False)
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 0
        assert session.scalar(select(func.count()).select_from(AuditEntry)) == 0


def test_importing_again_changes_nothing(web_sessions: Sessions) -> None:
    brought(web_sessions, files(**WHOLE))
    plan, _ = brought(web_sessions, files(**WHOLE))
    assert plan.counts == {"create": 0, "change": 0, "nothing": 8, "refused": 0}


def test_one_refused_line_stops_all_the_others(web_sessions: Sessions, sessions: Sessions) -> None:
    broken = WHOLE | {"machines": WHOLE["machines"] + "elan-3,nobody,,\n"}
    plan, done = brought(web_sessions, files(**broken))
    assert (plan.counts["refused"], done) == (1, False)
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 0


def test_a_change_names_both_values_and_is_made(web_sessions: Sessions, cast: Cast, sessions: Sessions) -> None:
    plan, _ = brought(web_sessions, files(machines="machine,title,site\nplant-db-1,Mill database,\n"))
    (line,) = plan.lines
    told = [(one.field, one.before, one.after) for one in line.changes]
    assert told == [("title", "", "Mill database"), ("site", "Mill", "")] or told == [
        ("site", "Mill", ""), ("title", "", "Mill database"),
    ]  # fmt: skip
    with work(sessions, SYSTEM) as session:
        row = session.get_one(Machine, cast.plant_machine)
        assert (row.title, row.site_id) == ("Mill database", None)


def test_each_customer_gets_one_audit_entry_that_names_the_changes(
    web_sessions: Sessions, cast: Cast, sessions: Sessions
) -> None:
    brought(web_sessions, files(machines="machine,title\nplant-db-1,A\njoinery-files,B\n"))
    with work(sessions, SYSTEM) as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.deed == "import.done")).all()
        assert {entry.customer_id for entry in entries} == {cast.plant, cast.joinery}
        (plant,) = [entry for entry in entries if entry.customer_id == cast.plant]
        assert plant.actor == "Max"
        assert plant.facts["lines"] == [
            {"kind": "machines", "key": "plant-db-1", "did": "change", "changes": [["title", "", "A"]]}
        ]
        assert first_broken_link([plant]) is None


def test_an_imported_machine_holds_no_secret_until_somebody_asks(web_sessions: Sessions, sessions: Sessions) -> None:
    plan, _ = brought(web_sessions, files(**WHOLE))
    assert "vigie machine rotate elan-1" in next(line.note for line in plan.lines if line.key == "elan-1")
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(MachineCredential)) == 0
        row = session.scalars(select(Machine).where(Machine.name == "elan-1")).one()
        assert enrol.rotate(session, row, NOW)


def test_retiring_by_import_ends_the_credential(web_sessions: Sessions, cast: Cast, sessions: Sessions) -> None:
    with work(sessions, SYSTEM) as session:
        enrol.rotate(session, session.get_one(Machine, cast.plant_machine), NOW)
    brought(web_sessions, files(machines="machine,retired_at\nplant-db-1,2026-03-10T09:00:00Z\n"))
    with work(sessions, SYSTEM) as session:
        assert session.scalars(select(MachineCredential)).one().revoked_at == NOW


def test_a_plan_somebody_looked_at_is_not_done_when_the_house_has_changed(
    web_sessions: Sessions, cast: Cast, sessions: Sessions
) -> None:
    given = files(machines="machine,title\nplant-db-1,A\n")
    seen, _ = brought(web_sessions, given, dry=True)
    with work(sessions, SYSTEM) as session:
        session.get_one(Machine, cast.plant_machine).title = "meanwhile"
    again, done = brought(web_sessions, given, expected=seen.digest)
    assert not done
    assert brought(web_sessions, given, expected=again.digest)[1]


def test_a_contract_gets_the_terms_its_file_overrides_over_those_of_its_tier(
    web_sessions: Sessions, sessions: Sessions
) -> None:
    terms = "contract,version,respond.2,allowances.visits,reason\nVC-7,1,1 h 30 min,4 a year,as signed\n"
    plan, done = brought(web_sessions, files(**WHOLE, terms=terms))
    assert done, plan.refused
    with work(sessions, SYSTEM) as session:
        row = session.scalars(select(ContractTerms)).one()
        usual = DEFAULTS[Tier.GOLD].to_json()
        assert row.body["respond"] == usual["respond"] | {"2": {"seconds": 5400}}
        assert row.body["allowances"] == {"visits": {"units": 4, "period": "year"}}
        assert (row.body["hours"], row.reason) == (usual["hours"], "as signed")
        assert row.effective_at == datetime(2025, 12, 31, 23, 0, tzinfo=UTC)  # midnight in Paris


def test_a_contract_without_terms_in_the_files_gets_the_usual_ones_as_its_first_version(
    web_sessions: Sessions, sessions: Sessions
) -> None:
    brought(web_sessions, files(**WHOLE))
    with work(sessions, SYSTEM) as session:
        row = session.scalars(select(ContractTerms)).one()
        assert (row.version, row.author, row.body) == (1, "Max", DEFAULTS[Tier.GOLD].to_json())


@pytest.mark.parametrize(
    ("name", "text", "field", "said"),
    [
        ("terms", "contract,version,respond.2\nVC-joinery,2,1 h\n", "contract", "its terms change by a proposal"),
        ("terms", "contract,version,respond.2\nVC-joinery,1,1 h\n", "respond.2", "is 8 h and would become 1 h"),
        ("terms", "contract,version,hours.1\nVC-joinery,1,whenever\n", "hours.1", "would become whenever"),
        ("contracts", "contract,state\nVC-joinery,draft\n", "state", "cannot go from active to draft"),
        ("contracts", "contract,state\nVC-joinery,expired\n", "state", "A contract expires by its dates"),
        ("contracts", "contract,renews\nVC-joinery,VC-404\n", "renews", "would become VC-404"),
        ("allowances", ALLOWANCE + "VC-joinery,visits,2026-01-01,2026-12-31,1,2\n", "used", "is more than was granted"),
        ("calendars", "calendar,version,effective_on,body\nmill,1,2026-01-01,{}x\n", "body", "is no calendar"),
    ],
)  # fmt: skip
def test_what_was_agreed_is_not_rewritten_by_a_file(
    web_sessions: Sessions, cast: Cast, sessions: Sessions, name: str, text: str, field: str, said: str
) -> None:
    plan, done = brought(web_sessions, files(**{name: text}))
    assert not done
    fault, *_ = plan.refused[0].faults
    assert fault.field == field
    assert said in fault.problem
    assert fault.remedy


def test_states_and_ends_move_as_on_the_page(web_sessions: Sessions, cast: Cast, sessions: Sessions) -> None:
    given = files(contracts="contract,state,ends_on,notice_days\nVC-joinery,suspended,2027-03-31,90 10\n")
    plan, done = brought(web_sessions, given)
    assert done, plan.refused
    with work(sessions, SYSTEM) as session:
        row = session.get_one(Contract, cast.joinery_contract)
        assert (row.state, row.ends_on, row.notice_days) == ("suspended", date(2027, 3, 31), [90, 10])


def _emptied(sessions: Sessions) -> None:
    with work(sessions, SYSTEM) as session:
        for table in (Customer, ServiceCalendar, Person):
            session.execute(delete(table))


def test_what_was_taken_out_comes_in_again_and_is_the_same_to_the_byte(
    web_sessions: Sessions, sessions: Sessions, cast: Cast
) -> None:
    brought(web_sessions, files(**WHOLE))
    with work(sessions, SYSTEM) as session:
        session.get_one(Customer, cast.plant).name = "=cmd|' /C calc'!A0, \"quoted\"; é"
        session.get_one(Machine, cast.plant_machine).retired_at = NOW + timedelta(microseconds=7)
        ada = session.get_one(Person, cast.ada)
        ada.active = False
        ada.notify = [{"channel": "webhook", "address": "https://hooks.example/very-secret"}, *ada.notify]
        contract = session.get_one(Contract, cast.joinery_contract)
        contract.state, contract.ends_on = "suspended", None
        owned = {"customer_id": cast.joinery, "contract_id": contract.id}
        session.add_all([ContractLine(**owned), ContractLine(**owned), ContractLine(**owned, ends_on=NOW.date())])
        for row in _agreed(cast, contract.id):
            session.add(row)
            session.flush()  # the versions of a calendar refer to it
    first = taken(web_sessions)
    assert b"very-secret" not in b"".join(_contents(first).values())
    _emptied(sessions)
    plan, done = brought(web_sessions, [("export.zip", first)])
    assert done, plan.refused
    assert plan.counts["create"] == len(plan.lines)
    assert taken(web_sessions) == first
    again, _ = brought(web_sessions, [("export.zip", first)])
    assert again.counts["nothing"] == len(again.lines)


def _agreed(cast: Cast, joinery_contract: uuid.UUID) -> list[Base]:
    """Everything that may be agreed beside a contract itself."""
    owned = {"customer_id": cast.plant, "contract_id": cast.plant_contract}
    clocks = {"budgets": {"resolve": {"1": {"seconds": 28800}}}, "vendor": {"budget": {"seconds": 60}, "hours": ""}}
    second = amending.changed(DEFAULTS[Tier.PLATINUM], {"respond": {"2": {"seconds": 90}}, "clocks": clocks})
    house = ServiceCalendar(id=new_id(), name="follow-the-sun", title="Three centres", created_at=NOW)
    theirs = ServiceCalendar(id=new_id(), customer_id=cast.plant, name="mill", title="The mill", created_at=NOW)
    body = {"weekly": {"mon": [["08:00", "12:00"]]}, "tz": "Europe/Paris"}
    return [
        ContractTerms(**owned, version=1, effective_at=NOW, body=DEFAULTS[Tier.PLATINUM].to_json(), author="Max",
                      reason="=as agreed", created_at=NOW),
        ContractTerms(**owned, version=2, effective_at=NOW + timedelta(days=30), body=second.to_json(), author="Max",
                      confirmed_by="Root", created_at=NOW),
        Allowance(**owned, kind="visits", period_start=NOW.date(), period_end=NOW.date(), granted=5, extra=1, used=2),
        ContractLine(**owned, service="backup"),
        Contract(customer_id=cast.joinery, number="VC-a", tier="silver", state="draft", starts_on=date(2027, 1, 1),
                 renews_id=joinery_contract, notice_days=[], created_at=NOW),
        house, theirs,
        CalendarVersion(calendar_id=house.id, version=1, effective_on=NOW.date(), body=body, created_at=NOW),
        CalendarVersion(calendar_id=theirs.id, customer_id=cast.plant, version=1, effective_on=NOW.date(), body=body,
                        author="Max", reason="new hours", created_at=NOW),
    ]  # fmt: skip


def _contents(raw: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(raw)) as bundle:
        return {name: bundle.read(name) for name in bundle.namelist()}


def test_the_manifest_counts_what_is_there_and_names_what_is_not(web_sessions: Sessions, cast: Cast) -> None:
    contents = _contents(taken(web_sessions))
    manifest = json.loads(contents["manifest.json"])
    rows = {one["name"]: one["rows"] for one in manifest["files"]}
    for name, number in rows.items():
        lines = list(csv.reader(io.StringIO(contents[name].decode(), newline="")))
        assert len(lines) == number + 1
        assert not [cell for line in lines for cell in line if cell[:1] in tuple("=+-@")]
    assert (rows["customers.csv"], rows["machines.csv"], rows["contacts.csv"]) == (2, 2, 3)
    assert any("secrets of machines" in said for said in manifest["left_out"])


@pytest.mark.parametrize("spoilt", [b"", b"x", None])
def test_a_zip_that_was_changed_is_refused_whole(web_sessions: Sessions, cast: Cast, spoilt: bytes | None) -> None:
    contents = _contents(taken(web_sessions))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as bundle:
        for name, raw in contents.items():
            if name != "machines.csv":
                bundle.writestr(name, raw)
            elif spoilt is not None:
                bundle.writestr(name, raw + spoilt if spoilt else b"")
    plan, done = brought(web_sessions, [("export.zip", out.getvalue())])
    assert not done
    assert plan.refused[0].faults[0].problem == "does not hold machines.csv as it was written"


def test_a_torn_zip_is_refused_in_words(web_sessions: Sessions, cast: Cast) -> None:
    plan, _ = brought(web_sessions, [("export.zip", taken(web_sessions)[:300])])
    assert plan.refused[0].faults[0].problem == "is no zip that can be read"


def test_ten_thousand_lines_are_told_apart_made_and_found_again(web_sessions: Sessions, sessions: Sessions) -> None:
    with work(sessions, SYSTEM) as session:
        settle(session)
    rows = "".join(f"bulk-{number},plant,Mill,host {number}\n" for number in range(10_000))
    given = files(machines="machine,customer,site,title\n" + rows)
    plan, done = brought(web_sessions, given)
    assert (plan.counts["create"], done) == (10_000, True)
    plan, _ = brought(web_sessions, given, dry=True)
    assert plan.counts["nothing"] == 10_000


def test_where_one_of_ours_works_goes_along_and_a_file_without_it_leaves_it(
    web_sessions: Sessions, cast: Cast, sessions: Sessions
) -> None:
    def site() -> str:
        with work(sessions, SYSTEM) as session:
            return session.get_one(Person, cast.dee).site

    with work(sessions, SYSTEM) as session:
        email = session.get_one(Person, cast.dee).email
    plan, done = brought(web_sessions, files(people=f"email,name,site\n{email},Dee,Vélizy\n"))
    assert done, plan.refused
    assert (done, site()) == (True, "Vélizy")
    told = open_files([("all.zip", taken(web_sessions))]).sheets
    (ours,) = [sheet for sheet in told if sheet.kind.name == "people"]
    assert "Vélizy" in str(ours)
    _, done = brought(web_sessions, files(people=f"email,name\n{email},Dee D.\n"))
    assert (done, site()) == (True, "Vélizy")
    _, done = brought(web_sessions, files(people=f"email,site\n{email},\n"))
    assert (done, site()) == (True, "")
