"""Import and export over a real database: all or nothing, twice is once, and out and in again is the same."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.transfer.moving import File, bring, open_files, take_out
from app.transfer.plan import Plan
from models.agreements import Contract, ContractLine
from models.audit import AuditEntry, first_broken_link
from models.customers import Customer, Site
from models.machines import Machine, MachineCredential
from models.people import Person
from models.session import STAFF, SYSTEM, Sessions, work
from telemetry import enrol
from tests.cast import NOW, Cast, settle

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
        return bring(session, open_files(given), "Max", NOW, dry=dry, expected=expected)


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


def _emptied(sessions: Sessions) -> None:
    with work(sessions, SYSTEM) as session:
        for row in session.scalars(select(Customer)):
            session.delete(row)


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
    first = taken(web_sessions)
    assert b"very-secret" not in b"".join(_contents(first).values())
    _emptied(sessions)
    plan, done = brought(web_sessions, [("export.zip", first)])
    assert done, plan.refused
    assert plan.counts["create"] == len(plan.lines)
    assert taken(web_sessions) == first
    again, _ = brought(web_sessions, [("export.zip", first)])
    assert again.counts["nothing"] == len(again.lines)


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
