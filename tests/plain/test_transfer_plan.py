"""What an import would do, line by line, decided without any database."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from app.transfer import plan as planning
from app.transfer.kinds import KINDS, Key, Row
from app.transfer.plan import LineSaid, Plan

PLANT = {"customer": "plant", "name": "Ada's Plant", "language": "en", "zone": "Europe/Paris", "demo": "no"}
MILL = {"customer": "plant", "site": "Mill", "zone": "Europe/Paris", "country": "FR"}
DB = {"machine": "plant-db-1", "customer": "plant", "site": "Mill", "title": "", "rack": "", "software": "",
      "broker": "", "source": "native",
      "retired_at": ""}  # fmt: skip
FILES = {"machine": "joinery-files", "customer": "joinery", "site": "", "title": "", "rack": "", "software": "",
      "broker": "", "source": "native",
         "retired_at": ""}  # fmt: skip
ADA = {"email": "Ada@example.org", "customer": "plant", "name": "Ada", "languages": "en", "zone": "UTC",
       "unit": "europe", "may": "open", "notify": "email ada@example.org", "active": "yes"}  # fmt: skip
DEE = {"email": "dee@example.org", "name": "Dee", "role": "engineer", "level": "senior", "unit": "europe",
       "zone": "UTC", "languages": "en", "site": "", "rungs": "", "notify": "email dee@example.org", "active": "yes",
       "demo": "no"}  # fmt: skip
DEAL = {"contract": "VC-1", "customer": "plant", "tier": "gold", "state": "active", "starts_on": "2026-01-01",
        "ends_on": "", "zone": "UTC", "country": "", "renews": "", "notice_days": "60 30 7", "worth": ""}  # fmt: skip
KNOWN: Mapping[str, Mapping[Key, Row]] = {
    "customers": {("plant",): PLANT, ("joinery",): {**PLANT, "customer": "joinery"}},
    "sites": {("plant", "Mill"): MILL},
    "machines": {("plant-db-1",): DB, ("joinery-files",): FILES},
    "contacts": {("ada@example.org",): ADA},
    "people": {("dee@example.org",): DEE},
    "contracts": {("VC-1",): DEAL},
    "lines": {},
}


def planned(**files: str) -> Plan:
    sheets, refused = planning.read_sheets([(f"{name}.csv", text.encode()) for name, text in files.items()])
    return planning.plan(sheets, refused, KNOWN)


def only(plan: Plan) -> LineSaid:
    (line,) = plan.lines
    return line


def test_each_line_says_what_would_happen() -> None:
    plan = planned(customers="customer,name,zone\nplant,Ada's Mill,Europe/Paris\njoinery,Ada's Plant,\nnew,New,\n,x,\n")
    assert [(line.line, line.action) for line in plan.lines] == [
        (2, "change"), (3, "nothing"), (4, "create"), (5, "refused"),
    ]  # fmt: skip
    (change,) = plan.lines[0].changes
    assert (change.field, change.before, change.after) == ("name", "Ada's Plant", "Ada's Mill")
    (fault,) = plan.lines[3].faults
    assert (fault.field, fault.problem, fault.remedy) == ("customer", "is empty", "fill it in")
    assert plan.counts == {"create": 1, "change": 1, "nothing": 1, "refused": 1}


def test_a_column_that_is_left_out_stays_as_it_is_and_a_new_row_gets_its_default() -> None:
    assert only(planned(sites="customer,site\nplant,Mill\n")).action == "nothing"
    made = only(planned(customers="customer,name\nnew,New\n"))
    assert made.row == {"customer": "new", "name": "New", "language": "en", "zone": "UTC", "demo": "no"}


def test_an_empty_cell_empties_what_may_be_empty_and_nothing_else() -> None:
    line = only(planned(sites="customer,site,zone,country\nplant,Mill,,\n"))
    assert [(one.field, one.before, one.after) for one in line.changes] == [("country", "FR", "")]


def test_files_refer_to_each_other_in_whatever_order_they_come() -> None:
    plan = planned(
        lines="contract,machine\nVC-9,new-1\n",
        contracts="contract,customer,tier,starts_on\nVC-9,new,gold,2026-01-01\n",
        machines="machine,customer,site\nnew-1,new,Hall\n",
        sites="customer,site\nnew,Hall\n",
        customers="customer,name\nnew,New\n",
    )
    assert plan.counts["create"] == 5
    assert [line.kind for line in plan.lines] == ["customers", "sites", "machines", "contracts", "lines"]


@pytest.mark.parametrize(
    ("file", "text", "field", "said"),
    [
        ("machines", "machine,customer\nx-1,nobody", "customer", "names no customer known here"),
        ("machines", "machine,customer,site\nx-1,plant,Yard", "site", "names no site known here"),
        ("machines", "machine,customer\nplant-db-1,joinery", "customer", "is plant and would become joinery"),
        ("machines", "machine\nx-1", "customer", "is missing"),
        ("machines", "machine,customer\nBig Name,plant", "machine", "has characters or a form"),
        ("machines", "machine,customer,source\nx-1,plant,gopher", "source", "is none of the words known"),
        ("machines", "machine,customer,retired_at\nx-1,plant,2026-01-01", "retired_at", "is not an instant"),
        ("machines", "machine,customer,retired_at\nx-1,plant,2026-01-01T10:00", "retired_at", "has no time zone"),
        ("customers", "customer,name,zone\nx,X,Europe/Nowhere", "zone", "is not a time zone"),
        ("customers", "customer,name,language\nx,X,de", "language", "is none of the words"),
        ("customers", f"customer,name\nx,{'y' * 121}", "name", "has 121 characters"),
        ("contacts", "email,customer,name\nnot a mail,plant,X", "email", "is not a mail address"),
        ("contacts", "email,customer,name\ndee@example.org,plant,X", "email", "is the address of one of ours"),
        ("people", "email,name,role\nAda@example.org,Ada,engineer", "email", "is the address of a customer's contact"),
        ("people", "email,name,role\nnew@example.org,New,contact", "role", "is none of the words"),
        ("named", "customer,email,duty\nplant,ada@example.org,deputy", "email", "names no one of ours known here"),
        ("rates", 'version,effective_at,body\n1,2026-01-01T00:00:00Z,"{""hour"": -1}"', "body", "are no rates"),
        (
            "calendars",
            'calendar,version,effective_on,body\na,1,2026-01-01,"{""union"": [{""calendar"": ""b""}]}"',
            "body",
            "names the calendar b, which is not known here",
        ),
        (
            "calendars",
            'calendar,version,effective_on,body\na,1,2026-01-01,"{""calendar"": ""a""}"',
            "body",
            "goes round in a circle, a to a",
        ),
        ("contracts", "contract,country\nVC-1,ZZ", "country", "has no public holidays we know"),
        ("contacts", "email,customer,may\nada@example.org,plant,rule", "may", "holds 'rule'"),
        ("contracts", "contract,customer,tier,starts_on\nVC-2,plant,tin,2026-01-01", "tier", "is none of the words"),
        ("contracts", "contract,customer,tier,starts_on\nVC-2,plant,gold,01/02/2026", "starts_on", "is not a day"),
        ("contracts", "contract,customer,tier,starts_on\nVC-1,plant,silver,2026-01-01", "tier", "is gold and would"),
        ("contracts", "contract,ends_on\nVC-1,2025-01-01", "ends_on", "lies before starts_on"),
        ("lines", "contract,machine\nVC-1,joinery-files", "machine", "belongs to another customer"),
        ("lines", "contract,machine,site\nVC-1,plant-db-1,Mill", "site", "is given beside a machine"),
        ("lines", "contract\nVC-404", "contract", "names no contract known here"),
    ],
)
def test_a_refused_line_names_the_field_and_the_remedy(file: str, text: str, field: str, said: str) -> None:
    line = only(planned(**{file: text}))
    assert (line.action, line.line) == ("refused", 2)
    fault = line.faults[0]
    assert fault.field == field
    assert said in fault.problem
    assert fault.remedy


def test_the_second_of_two_equal_keys_is_refused_and_names_the_first() -> None:
    plan = planned(contacts="email,customer,name\nx@example.org,plant,X\nX@Example.org,plant,Y\n")
    assert [line.action for line in plan.lines] == ["create", "refused"]
    assert plan.lines[1].faults[0].problem == "stands already on line 2 of contacts.csv"


def test_a_reference_to_a_refused_line_says_which_one_to_mend() -> None:
    plan = planned(customers="customer,name,zone\nnew,New,Nowhere\n", sites="customer,site\nnew,Hall\n")
    assert plan.lines[1].faults[0].remedy == "mend line 2 of customers.csv first"


@pytest.mark.parametrize(
    ("name", "text", "field", "said"),
    [
        ("things.csv", "a,b\n1,2\n", "file", "does not say what it holds"),
        ("customers.csv", "customer,name,colour\n", "colour", "is no column of customers"),
        ("customers.csv", "name\nX\n", "customer", "is missing among the columns"),
    ],
)
def test_a_wrong_header_is_one_refusal_for_the_file(name: str, text: str, field: str, said: str) -> None:
    sheets, refused = planning.read_sheets([(name, text.encode())])
    assert sheets == []
    (line,) = refused
    assert (line.line, line.faults[0].field) == (1, field)
    assert said in line.faults[0].problem


def test_a_file_of_any_name_is_known_by_its_columns() -> None:
    for kind in KINDS:
        sheets, _ = planning.read_sheets([("export (1).csv", ",".join(kind.names).encode())])
        assert [sheet.kind.name for sheet in sheets] == [kind.name]


def test_equal_files_over_an_equal_house_make_equal_plans() -> None:
    text = "customer,name\nplant,Ada's Mill\n"
    assert planned(customers=text).digest == planned(customers=text).digest
    assert planned(customers=text).digest != planned(customers=text.replace("Mill", "Hall")).digest
