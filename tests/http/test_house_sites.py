"""The sites of the house: made and changed by managers, named by people, and weighed by routing."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from escalation import duty, intake
from escalation.intake import Signal
from models.audit import AuditEntry
from models.customers import Site
from models.duty import HouseSite
from models.incidents import Incident
from models.machines import Machine
from models.people import Person
from models.session import SYSTEM, Sessions, work
from tests.cast import NOW, Cast
from tests.http.conftest import Visitor
from tests.http.test_pages import counting

Visit = Callable[[str], Visitor]
VELIZY = {"name": "Vélizy", "unit": "europe", "size": "large", "countries": ["FR", "BE", "FR"]}


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_a_site_is_made_changed_and_closed_through_the_api(visit: Visit, cast: Cast) -> None:
    max_ = visit("max")
    made = max_.post("/api/v1/duty/sites", VELIZY)
    assert (made.status_code, made.get_json()["countries"], made.get_json()["people"]) == (201, ["BE", "FR"], 0)
    assert max_.post("/api/v1/duty/sites", VELIZY | {"name": "VÉLIZY"}).status_code == 409
    home = max_.post("/api/v1/duty/sites", VELIZY | {"name": "Home"})
    assert (home.status_code, home.get_json()["errors"][0]["field"]) == (422, "name")
    path = made.headers["Location"]
    named = max_("PATCH", f"/api/v1/people/{cast.dee}", json={"site": "vélizy"})
    assert (named.status_code, named.get_json()["site"]) == (200, "vélizy")
    smaller = max_("PATCH", path, json={"size": "small"}).get_json()
    assert (smaller["size"], smaller["countries"], smaller["people"]) == ("small", ["BE", "FR"], 1)
    full = max_("DELETE", path)
    assert (full.status_code, "1 of ours work at Vélizy." in full.get_json()["detail"]) == (409, True)
    max_("PATCH", f"/api/v1/people/{cast.dee}", json={"site": "home"})
    assert max_("DELETE", path).status_code == 204
    assert max_.get("/api/v1/duty/sites").get_json()["items"] == []
    assert visit("dee").post("/api/v1/duty/sites", VELIZY).status_code == 403


def test_blanks_around_a_name_keep_nobody_out_and_every_site_is_counted_at_once(
    visit: Visit, cast: Cast, app: Flask
) -> None:
    max_ = visit("max")
    assert max_.post("/api/v1/duty/sites", VELIZY | {"name": " Vélizy "}).get_json()["name"] == "Vélizy"
    assert max_.post("/api/v1/duty/sites", VELIZY).status_code == 409
    assert max_.post("/api/v1/duty/sites", VELIZY | {"name": " home "}).status_code == 422
    max_("PATCH", f"/api/v1/people/{cast.dee}", json={"site": "vélizy"})
    with counting(app) as few:
        assert max_.get("/api/v1/duty/sites").get_json()["items"][0]["people"] == 1
    for name in ("Lyon", "Denver", "Tokyo"):
        assert max_.post("/api/v1/duty/sites", VELIZY | {"name": name}).status_code == 201
    with counting(app) as many:
        assert [one["people"] for one in max_.get("/api/v1/duty/sites").get_json()["items"]] == [0, 0, 0, 1]
    assert len(many) == len(few)


def test_a_contact_works_at_none_of_our_sites(visit: Visit, cast: Cast) -> None:
    answer = visit("max")("PATCH", f"/api/v1/people/{cast.ada}", json={"site": "Vélizy"})
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "site")


def test_a_site_is_made_and_changed_on_its_page(visit: Visit, sessions: Sessions, cast: Cast) -> None:
    max_ = visit("max")
    given = {"name": "Vélizy", "unit": "europe", "size": "large", "countries": "fr, be", "csrf": max_.csrf}
    wrong = max_.post("/duty/sites/new", data=given | {"countries": "France", "name": "home"})
    assert wrong.status_code == 422
    assert "codes of two letters" in wrong.text
    assert "which is no site" in wrong.text
    assert max_.post("/duty/sites/new", data=given).status_code == 303
    again = max_.post("/duty/sites/new", data=given | {"name": "VÉLIZY"})
    assert (again.status_code, "of this name already" in again.text) == (422, True)
    with work(sessions, SYSTEM) as session:
        row = session.scalars(select(HouseSite)).one()
        session.get_one(Person, cast.dee).site = "Vélizy"
        session.get_one(Person, cast.eve).site = "Oslo"
        session.get_one(Person, cast.max).site = "home"
    assert max_.post(f"/duty/sites/{row.id}", data=given | {"size": "medium"}).status_code == 303
    listed = text(max_.get("/duty/sites").text)
    assert "Vélizy medium europe BE FR 1 Dee" in listed
    assert "described by nobody: Oslo" in listed
    assert "1 person works from home." in listed
    assert "from home" in text(max_.get("/people").text)
    assert "at Vélizy, a medium site; speaks" in text(max_.get(f"/people/{cast.dee}").text)
    assert visit("dee").post(f"/duty/sites/{row.id}", data=given).status_code == 403


def test_a_site_is_closed_on_its_page_once_nobody_works_there(visit: Visit, sessions: Sessions, cast: Cast) -> None:
    max_ = visit("max")
    with work(sessions, SYSTEM) as session:
        row = HouseSite(id=uuid.uuid4(), name="Vélizy", unit="europe", size="large", countries=[], changed_at=NOW)
        session.add(row)
        session.get_one(Person, cast.dee).site = " vélizy "
        path = f"/duty/sites/{row.id}"
    assert "Dee works here." in text(max_.get(path).text)
    full = max_.post(f"{path}/close", data={"csrf": max_.csrf})
    assert (full.status_code, "Dee works here." in text(full.text)) == (409, True)
    with work(sessions, SYSTEM) as session:
        session.get_one(Person, cast.dee).site = "home"
    assert "Close this site" in text(max_.get(path).text)
    assert "Close this site" not in text(visit("dee").get(path).text)
    assert visit("dee").post(f"{path}/close", data={"csrf": visit("dee").csrf}).status_code == 403
    assert max_.post(f"{path}/close", data={"csrf": max_.csrf}).status_code == 303
    assert max_.post(f"{path}/close", data={"csrf": max_.csrf}).status_code == 404
    with work(sessions, SYSTEM) as session:
        assert session.scalar(select(AuditEntry.subject).where(AuditEntry.deed == "house_site.closed"))


def test_many_sites_are_read_page_by_page(visit: Visit, sessions: Sessions) -> None:
    with work(sessions, SYSTEM) as session:
        for number in range(51):
            session.add(HouseSite(name=f"Site {number:02}", unit="europe", size="small", changed_at=NOW))
    max_ = visit("max")
    first, rest = text(max_.get("/duty/sites").text), text(max_.get("/duty/sites?from=50").text)
    assert "1 to 50 of 51 sites Next" in first
    assert "Site 50" not in first
    assert "Site 50" in rest
    assert "Earlier 51 to 51 of 51 sites" in rest
    assert "From the first" in text(max_.get("/duty/sites?from=99999").text)
    listed = max_.get("/api/v1/duty/sites?limit=50").get_json()
    last = max_.get("/api/v1/duty/sites", query_string={"limit": 50, "after": listed["next"]}).get_json()
    assert [one["name"] for one in last["items"]] == ["Site 50"]
    assert last["next"] is None


@pytest.mark.parametrize("stands", [True, False])
def test_who_sits_where_the_country_is_looked_after_is_called_first(
    sessions: Sessions, cast: Cast, stands: bool
) -> None:
    with work(sessions, SYSTEM) as session:
        countries = ("FR", "CH") if stands else ("CH", "FR")  # nowhere: the plant's only site, in France, speaks for it
        for country, name, size in zip(countries, ("Vélizy", "Lyon"), ("large", "small"), strict=True):
            session.add(HouseSite(name=name, unit="europe", size=size, countries=[country], changed_at=NOW))
        dee, eve = session.get_one(Person, cast.dee), session.get_one(Person, cast.eve)
        dee.site, eve.site = "Vélizy", " lyon "
        here = uuid.uuid4() if stands else None
        if here is not None:
            session.add(Site(id=here, customer_id=cast.plant, name="Genève", country="CH", created_at=NOW))
            session.flush()  # the machine stands there
        session.get_one(Machine, cast.plant_machine).site_id = here
        opened = intake.report(
            session, Signal(cast.plant_machine, "fan:1", "rule", 3, NOW, "A fan", "It is so.", {}, None), NOW
        ).incident_id
        order = duty.on_duty(session, session.get_one(Incident, opened), NOW).order
        ranked = {place.name: place.reason for place in order.places}
    assert list(ranked) == ["Eve", "Dee"]
    assert f"at Lyon, a small site that looks after {countries[1]}" in ranked["Eve"]
    assert "at Vélizy, a large site" in ranked["Dee"]
