"""From the page in the night to the resolution, with the keyboard alone: no pointer is used in this file."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import FileChooser, Locator, Page, expect
from sqlalchemy import select, update

from escalation import acts, handover
from escalation.incident import Actor
from models.attachments import Attachment
from models.duty import Handover
from models.incidents import Incident, TimelineEntry
from models.people import Person, Shift
from models.session import SYSTEM, work
from tests.browser.conftest import House

PATIENCE = 30_000  # milliseconds: on a machine that is busy with other things a page takes its time


def shows(where: Locator, text: str) -> None:
    expect(where).to_contain_text(text, timeout=PATIENCE)


def fresh(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("html[data-ready]")


def hold(page: Page, modifier: str, key: str) -> None:
    """Press a key as somebody does who holds it too long: the keyboard repeats it."""
    page.keyboard.down(modifier)
    for _ in range(4):
        page.keyboard.down(key)
    page.keyboard.up(key)
    page.keyboard.up(modifier)


def test_an_engineer_takes_an_incident_from_page_to_resolution_with_the_keyboard_alone(
    page: Page, house: House, tmp_path: Path
) -> None:
    keys, toast, head, around = page.keyboard, page.locator("#toast"), page.locator(".head"), page.locator(".agreed")
    choosers: list[FileChooser] = []
    # Listened for from the beginning, so that the browser knows of it long before the key.
    page.on("filechooser", lambda one: choosers.append(one))
    fresh(page, "/incidents/VG-1005")  # the link in the page that woke her

    keys.press("?")
    overlay = page.locator("#all-keys")
    expect(overlay).to_be_visible(timeout=PATIENCE)
    for does in ("acknowledge", "undo your last act, for a minute", "merge into another one", "add a file"):
        shows(overlay, does)
    keys.press("Escape")
    expect(overlay).to_be_hidden()

    keys.press("a")
    shows(toast, "You acknowledged")
    shows(head, "acknowledged")
    keys.press("c")
    shows(head, "working")
    keys.press("s")
    shows(around, "the next is asked")

    keys.press("n")
    keys.type("smells like the batch job")
    hold(page, "Control", "Enter")
    expect(page.locator(".note-said", has_text="smells like the batch job")).to_be_visible(timeout=PATIENCE)

    keys.press("r")
    keys.type("We stop the batch.")
    hold(page, "Control", "Enter")
    shows(toast, "Your reply leaves in a moment")  # a key that is held does not send it at once
    keys.press("u")
    expect(page.locator("#answer-text")).to_have_value("We stop the batch.")
    keys.press("Escape")

    keys.press("b")
    keys.type("Stop the batch by hand.")
    keys.press("Control+Enter")
    shows(around, "A way around holds since")
    keys.press("u")
    expect(around).not_to_contain_text("A way around holds since", timeout=PATIENCE)
    expect(page.locator(".story li.undone").first).to_be_visible(timeout=PATIENCE)

    keys.press("t")
    keys.press("ArrowDown")  # from lead to scribe
    keys.press("Control+Enter")
    shows(around, "scribe")

    keys.press("l")
    keys.press("Tab")
    keys.type("who knows this array?")
    keys.press("Control+Enter")
    shows(around, "who knows this array?")

    keys.press("q")
    keys.press("ArrowRight")  # from the phone to a remote session
    keys.press("Control+Enter")
    shows(around, "Served in a remote session")

    log = tmp_path / f"batch-{'x' * 180}.log"
    log.write_text("02:10 batch began\n")
    keys.press("f")
    deadline = time.monotonic() + PATIENCE / 1000
    while not choosers and time.monotonic() < deadline:
        page.wait_for_timeout(50)  # the browser's events reach us while its page is waited for
    assert choosers, "no dialog for files opened"
    choosers[0].set_files(log)
    shows(around, log.name)
    sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(sideways) == 0, "a long name stays within its column"

    keys.press("x")
    keys.type("The batch was moved to the night.")
    keys.press("Control+Enter")
    shows(toast, "Resolved")
    keys.press("Control+Enter")
    shows(head, "resolved")

    with work(house.sessions, SYSTEM) as session:
        incident = session.scalars(select(Incident).where(Incident.number == 1005)).one()
        assert (incident.state, incident.owner_id) == ("resolved", house.night.dee)
        assert session.scalars(select(Attachment.name).where(Attachment.incident_id == incident.id)).all() == [log.name]
        mine = select(TimelineEntry.kind).where(TimelineEntry.incident_id == incident.id)
        told = session.scalars(mine).all()
        assert {"acknowledged", "claimed", "note", "swarm", "file", "undone", "resolved"} <= set(told)
        assert (told.count("note"), told.count("reply")) == (1, 0)


def test_what_is_handed_over_is_taken_with_one_key(page: Page, house: House) -> None:
    with work(house.sessions, SYSTEM) as session:
        theirs = session.scalars(select(Incident).where(Incident.number == 1004)).one()
        assert theirs.owner_id is not None
        giver = Actor(theirs.owner_id, session.get_one(Person, theirs.owner_id).name)
        note = handover.Note("The cache is being emptied.", avoid="Restart it.")
        offered = handover.offer(session, theirs.id, giver, datetime.now(UTC), note, taker_id=house.night.dee)
        assert isinstance(offered, Handover)
    fresh(page, "/incidents/VG-1004")
    around = page.locator(".agreed")
    shows(around, "offers it to you")
    shows(around, "Restart it.")
    page.keyboard.press("y")
    shows(page.locator("#toast"), "is yours.")
    shows(around, "took it over from")
    shows(around, "Restart it.")


def test_what_stays_in_ones_hands_after_the_turn_is_kept_with_one_key(page: Page, house: House) -> None:
    now = datetime.now(UTC)
    shift = update(Shift).where(Shift.person_id == house.night.dee)
    with work(house.sessions, SYSTEM) as session:
        lasts = session.scalars(select(Shift.ends_at).where(Shift.person_id == house.night.dee)).one()
        dee = Actor(house.night.dee, session.get_one(Person, house.night.dee).name)
        row = session.scalars(select(Incident).where(Incident.number == 1002)).one()
        if row.owner_id != house.night.dee:
            assert isinstance(acts.claim(session, row.id, dee, now), Incident)
        session.execute(shift.values(ends_at=now + timedelta(minutes=20)))
    try:
        fresh(page, "/incidents/VG-1002")
        around = page.locator(".agreed")
        shows(around, "Your turn ends at")
        page.keyboard.press("z")
        page.keyboard.press("ArrowRight")  # from one hour after it to two
        page.keyboard.press("Tab")
        page.keyboard.type("The part comes at seven.")
        page.keyboard.press("Control+Enter")
        shows(page.locator("#toast"), "You stay with it")
        shows(around, "stays until")
        expect(around).not_to_contain_text("Your turn ends at", timeout=PATIENCE)
        page.keyboard.press("z")
        expect(page.locator("#ask-why")).to_be_hidden()
    finally:
        with work(house.sessions, SYSTEM) as session:
            session.execute(shift.values(ends_at=lasts))
