"""What hangs on an incident, in a real browser: a file dropped on its page, what it belongs to, a part split off."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect
from sqlalchemy import select

from models.attachments import Attachment
from models.session import SYSTEM, work
from tests.browser.conftest import House
from tests.browser.test_keyboard import fresh, shows

DROP = """
(text) => {
    const carried = new DataTransfer();
    carried.items.add(new File([text], "spindle.log", { type: "text/plain" }));
    const story = document.querySelector(".story");
    const event = (name) => new DragEvent(name, { dataTransfer: carried, bubbles: true, cancelable: true });
    story.dispatchEvent(event("dragenter"));
    const taken = !story.dispatchEvent(event("dragover"));
    const shown = document.body.classList.contains("dropping");
    story.dispatchEvent(event("drop"));
    return [taken, shown, document.body.classList.contains("dropping")];
}
"""


def test_a_file_dropped_anywhere_on_the_page_is_kept_and_shown(page: Page, house: House) -> None:
    fresh(page, "/incidents/VG-1001")
    assert page.evaluate(DROP, "03:10 bearing hot\n") == [True, True, False], "taken, shown while it hovers, and over"
    shows(page.locator(".agreed"), "spindle.log")
    with work(house.sessions, SYSTEM) as session:
        assert session.scalars(select(Attachment.size).where(Attachment.name == "spindle.log")).one() == 18


def test_what_an_incident_belongs_to_is_said_and_a_part_split_off_with_the_keyboard_alone(
    page: Page, house: House
) -> None:
    keys, around = page.keyboard, page.locator(".agreed")
    fresh(page, "/incidents/VG-1001")
    keys.press("i")
    keys.press("ArrowDown")  # caused by, part of
    for _ in range(4):
        keys.press("ArrowDown")  # … to the vendor's case
    keys.press("Tab")
    keys.type("SR-3-111")
    keys.press("Tab")
    keys.type("Acme Disks")
    keys.press("Control+Enter")
    shows(around, "the vendor's case SR-3-111 (Acme Disks)")
    keys.press("d")
    page.wait_for_url("**/incidents/VG-1001/split-off")
    expect(page.locator("#title")).to_be_focused()
    keys.type("The crane beeps")
    keys.press("Tab")
    keys.type("another machine")
    keys.press("Tab")
    keys.press("Tab")
    keys.press("Space")  # the newest line of the story
    keys.press("Enter")
    page.wait_for_url(re.compile(r"/incidents/VG-(?!1001)\d+$"))
    shows(page.locator(".head"), "The crane beeps")
    shows(page.locator(".agreed"), "split off from VG-1001")
