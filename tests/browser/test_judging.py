"""Verdicts by one key, a forecast seen, and a model put on duty and taken off again, in a real browser."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, expect
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.audit import AuditEntry
from models.base import new_id
from models.incidents import Finding, Incident
from models.machines import Machine
from models.people import Person
from models.releases import ModelDuty, ModelRelease, ReleaseArtefact
from models.session import SYSTEM, work
from telemetry.releases import FORMAT, digest_of
from tests.browser.conftest import House
from tests.rig import until


def test_one_key_judges_what_is_looked_at_and_another_judges_again(page: Page, house: House) -> None:
    page.goto("/incidents/VG-1001")
    page.wait_for_selector("html[data-ready]")
    words = page.locator("[data-live='words']")
    for key, word in (("1", "true"), ("2", "benign"), ("3", "false")):
        page.keyboard.press(key)
        expect(page.locator("#toast")).to_contain_text(f"Judged {word}")
        expect(words.locator(f"button[data-value='{word}']")).to_have_attribute("aria-pressed", "true")
        until(lambda word=word: verdict(house, 1001) == word, f"{word} is written down")  # type: ignore[misc]
    page.keyboard.press("n")  # a note is opened: while one types, a key is a letter
    page.keyboard.type("1")
    assert verdict(house, 1001) == "false"


def verdict(house: House, number: int) -> str:
    with work(house.sessions, SYSTEM) as session:
        wanted = select(Finding.verdict).join(Incident, Incident.id == Finding.incident_id)
        return str(session.scalars(wanted.where(Incident.number == number)).one())


def test_a_forecast_is_drawn_and_said_and_never_complains(page: Page, house: House) -> None:
    now = datetime.now(UTC)
    at = now.timestamp() * 1000
    with work(house.sessions, SYSTEM) as session:
        incident = session.scalars(select(Incident).where(Incident.number == 1001)).one()
        first = incident.evidence["metrics"][0]["metric"]
        foretold = {
            "metric": first, "limit": 100.0, "at_ms": at + 7_200_000, "early_ms": at + 5_400_000,
            "late_ms": at + 9_000_000, "window_s": 7200, "from_ms": at, "value": 70.0,
        }  # fmt: skip
        new = {**incident.evidence, "forecast": foretold}
        session.execute(update(Incident).where(Incident.id == incident.id).values(evidence=new))
    page.goto("/incidents/VG-1001")
    page.wait_for_selector("html[data-ready] .chart canvas")
    evidence = page.locator(".seen")
    late = (now + timedelta(hours=2)).astimezone(UTC)
    expect(evidence).to_contain_text("As things go")
    expect(evidence).to_contain_text("Dashed: forecast")
    expect(evidence.locator(".chart output").first).to_contain_text("between")
    drawn = page.evaluate("JSON.parse(document.querySelector('[data-chart-data]').textContent)")
    assert drawn["series"][0]["ahead"]["likely"][-1][1] == 100.0
    assert drawn["end"] > late.timestamp()


def test_a_manager_promotes_a_model_and_rolls_it_back_with_reasons(page: Page, house: House) -> None:
    with work(house.sessions, SYSTEM) as session:
        session.execute(update(Person).where(Person.id == house.night.dee).values(role="manager"))
        machine = session.scalars(select(Machine).where(Machine.name == "cbh-app-1")).one()
        label = trained(session, machine)
    page.goto(f"/models/{label}")
    page.get_by_label("Why").fill("half the false alarms")
    page.get_by_role("button", name="Promote").click()
    expect(page.locator(".head")).to_contain_text("champion of 1")
    assert on_duty(house) == 1
    page.get_by_label("Why").fill("missed the fan")
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("button", name="Promote")).to_be_visible()
    assert on_duty(house) == 0
    with work(house.sessions, SYSTEM) as session:
        written = session.scalars(select(AuditEntry).where(AuditEntry.deed.like("model.%")).order_by(AuditEntry.at))
        reasons = [entry.facts["reason"] for entry in written]
    assert reasons == ["half the false alarms", "missed the fan"]
    page.goto("/models")
    expect(page.locator("table")).to_contain_text(label)


def trained(session: Session, machine: Machine) -> str:
    """A release of one machine; what a watcher would load of it is no matter here."""
    body, at = b"weights", datetime.now(UTC)
    digests, settings = {machine.name: hashlib.sha256(body).hexdigest()}, {"threshold": 1.2}
    lineage = {
        "format": FORMAT, "code": "1.0+abc", "from": "2026-03-07T09:00:00Z", "to": "2026-03-10T09:00:00Z",
        "reports": 4320, "artefacts": digests, "left_out": {},
        "verdicts": {"confirmed_left_out": 0, "dismissed_kept": 0},
        "scores": {"held_out_machine_days": 0.75, "held_out_alarms": 0, "held_out_alarms_a_machine_day": 0.0},
    }  # fmt: skip
    release = ModelRelease(
        id=new_id(), title="quieter", digest=digest_of(settings, digests), settings=settings, lineage=lineage,
        machines=1, made_at=at, made_by="Max",
    )  # fmt: skip
    session.add(release)
    session.flush()
    session.add(
        ReleaseArtefact(customer_id=machine.customer_id, release_id=release.id, machine_id=machine.id, body=body,
                        digest=digests[machine.name], lineage={})
    )  # fmt: skip
    session.flush()
    return release.label


def on_duty(house: House) -> int:
    with work(house.sessions, SYSTEM) as session:
        return len(session.scalars(select(ModelDuty).where(ModelDuty.ended_at.is_(None))).all())
