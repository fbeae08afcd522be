"""A customer and its sites changed on a page: both values in the audit, what is wrong beside its field."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape

import pytest
from sqlalchemy import select

from models.audit import AuditEntry
from models.customers import Customer, Site
from models.session import SYSTEM, Sessions, work
from tests.cast import Cast
from tests.http.conftest import Visitor

Visit = Callable[[str], Visitor]
AT = "/customers/joinery"


def test_a_customer_is_changed_and_the_audit_keeps_both_values(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    given = {"name": "Cy & Sons", "zone": "Europe/London", "language": "fr"}
    assert visit("max").post(f"{AT}/change", data=given).status_code == 303
    with work(sessions, SYSTEM) as session:
        row = session.get_one(Customer, cast.joinery)
        assert (row.name, row.language, row.slug) == ("Cy & Sons", "fr", "joinery")
        entry = session.scalars(select(AuditEntry).where(AuditEntry.deed == "customer.changed")).one()
        assert entry.facts == {"name": ["Cy Joinery", "Cy & Sons"], "language": ["en", "fr"]}


def test_a_site_is_added_and_changed(visit: Visit, cast: Cast, sessions: Sessions) -> None:
    manager = visit("max")
    given = {"site": "Shop", "site_zone": "Europe/Paris", "country": "FR"}
    assert manager.post(f"{AT}/sites", data=given).status_code == 303
    with work(sessions, SYSTEM) as session:
        shop = session.scalars(select(Site).where(Site.name == "Shop")).one()
        assert (shop.customer_id, shop.zone, shop.country) == (cast.joinery, "Europe/Paris", "FR")
    moved = {f"site-{shop.id}": "Shop", f"site_zone-{shop.id}": "Europe/London", f"country-{shop.id}": "GB"}
    assert manager.post(f"{AT}/sites/{shop.id}", data=moved).status_code == 303
    with work(sessions, SYSTEM) as session:
        assert session.get_one(Site, shop.id).country == "GB"
        deeds = session.scalars(select(AuditEntry.deed).where(AuditEntry.subject == f"site:{shop.id}")).all()
        assert deeds == ["site.added", "site.changed"]
    assert visit("max").post(f"/customers/plant/sites/{shop.id}", data=moved).status_code == 404


@pytest.mark.parametrize(
    ("path", "field", "value", "said"),
    [
        ("change", "name", "", "Give it a name."),
        ("change", "zone", "Nowhere", "Choose a time zone"),
        ("change", "language", "de", "Choose English or French."),
        ("sites", "site", "Yard", "is another site of theirs"),
        ("sites", "country", "France", "Two capital letters"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    visit: Visit, cast: Cast, path: str, field: str, value: str, said: str
) -> None:
    given = {"name": "Cy", "zone": "UTC", "language": "en", "site": "Shop", "site_zone": "UTC", "country": ""}
    answer = visit("max").post(f"{AT}/{path}", data=given | {field: value})
    assert answer.status_code == 422
    assert said in unescape(answer.text)
    assert 'aria-invalid="true"' in answer.text


def test_engineers_and_contacts_do_not_change_customers(visit: Visit, cast: Cast) -> None:
    for name in ("dee", "cy"):
        assert visit(name).get(f"{AT}/change").status_code == 403
