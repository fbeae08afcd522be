"""One's own notices as notifications of the browser: asked for on the page, shown once, settled when they were."""

from __future__ import annotations

from datetime import UTC, datetime

from playwright.sync_api import Page, expect
from sqlalchemy import select

from escalation import outbox
from escalation.outbox import Draft
from models.notices import Notice
from models.session import SYSTEM, work
from tests.browser.conftest import House
from tests.rig import until

# A browser whose owner takes a moment to say yes (or no), and that keeps what it has shown.
OWNER = """
window.Notification = class {
  static get permission() { return sessionStorage.getItem("said") ?? "default"; }
  static async requestPermission() {
    await new Promise((done) => setTimeout(done, 300));
    sessionStorage.setItem("said", "ANSWER");
    return "ANSWER";
  }
  constructor(title) { sessionStorage.setItem("shown", (sessionStorage.getItem("shown") ?? "") + title + ";"); }
  addEventListener() {}
};
"""


def tell(house: House, about: str) -> None:
    me = house.night.dee
    draft = Draft(-1, 0, outbox.BROWSER, str(me), f"Press {about}", {"text": "it stands", "path": "/"}, "a test", me)
    with work(house.sessions, SYSTEM) as session:
        assert outbox.enqueue_word(session, None, about, draft, datetime.now(UTC))


def states(house: House) -> list[str]:
    with work(house.sessions, SYSTEM) as session:
        mine = select(Notice).where(Notice.channel == outbox.BROWSER, Notice.why == "a test")
        return [notice.state for notice in session.scalars(mine)]


def test_the_question_is_answered_before_the_page_goes_on_and_notices_are_shown_once(page: Page, house: House) -> None:
    page.add_init_script(OWNER.replace("ANSWER", "granted"))
    page.goto("/notices")
    page.wait_for_selector("html[data-ready]")
    page.get_by_role("button", name="Show mine in this browser too").click()
    expect(page.get_by_role("button", name="Stop showing mine in browsers")).to_be_visible()
    assert page.evaluate("Notification.permission") == "granted"
    expect(page.locator("[data-allow-notifications]")).to_be_hidden()
    tell(house, "4")
    page.goto("/notices")
    until(lambda: states(house) == ["taken"], "it was shown")
    page.goto("/notices")
    assert page.evaluate("sessionStorage.getItem('shown')") == "Press 4;"


def test_a_browser_that_refuses_says_so_and_where_to_change_it(page: Page, house: House) -> None:
    page.add_init_script(OWNER.replace("ANSWER", "denied"))
    page.goto("/notices")
    page.wait_for_selector("html[data-ready]")
    page.get_by_role("button", name="Show mine in this browser too").click()
    expect(page.get_by_text("This browser refuses notifications from here.")).to_be_visible()
    tell(house, "5")
    page.goto("/notices")
    page.wait_for_selector("html[data-ready]")
    assert states(house) == ["waiting"], "what nobody sees is not told"
