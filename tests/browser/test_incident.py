"""An engineer's night with one incident, told by keys alone; and that every page can be used by everybody."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select

from app import words
from models.incidents import Incident, TimelineEntry
from models.session import SYSTEM, work
from tests.browser import seed
from tests.browser.conftest import House

PLACES = (
    "/",
    "/incidents/VG-1001",
    "/machines/cbh-app-1",
    "/customers",
    "/customers/cedar-bluff",
    "/fleet",
    "/duty",
    "/escalations",
    "/platform",
)


def test_an_engineer_acknowledges_replies_waits_and_resolves(page: Page, house: House) -> None:
    page.locator(".row[data-label='VG-1005']").click()
    page.keyboard.press("a")
    expect(page.locator("#toast")).to_contain_text("You acknowledged")
    expect(page.locator(".row[data-label='VG-1005']")).to_have_attribute("data-state", "acknowledged")

    page.keyboard.press("c")
    expect(page.locator("section.mine .row[data-label='VG-1005']")).to_be_visible()
    expect(page.locator(".row.chosen")).to_have_attribute("data-label", "VG-1005")

    page.keyboard.press("Enter")
    page.wait_for_url("**/incidents/VG-1005")
    page.wait_for_selector("html[data-ready]")
    page.keyboard.press("r")
    page.keyboard.type("We are on it; the next word comes within the hour.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#toast")).to_contain_text("leaves in a moment")
    expect(page.locator(".story")).not_to_contain_text("the next word comes within the hour")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".story")).to_contain_text("the next word comes within the hour")
    expect(page.locator(".agreed")).to_contain_text("First response: kept")

    page.keyboard.press("w")
    page.fill("#ask-reason", "a disk from the vendor")
    page.get_by_label("vendor").check()
    page.keyboard.press("Control+Enter")
    expect(page.locator(".head")).to_contain_text("waiting for the vendor")
    page.keyboard.press("u")
    expect(page.locator(".head")).to_contain_text("working")

    page.keyboard.press("x")
    page.fill("#ask-text", "The batch was moved to the night.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#toast")).to_contain_text("Resolved")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".head")).to_contain_text("resolved")

    with work(house.sessions, SYSTEM) as session:
        incident = session.scalars(select(Incident).where(Incident.number == 1005)).one()
        kinds = session.scalars(
            select(TimelineEntry.kind).where(TimelineEntry.incident_id == incident.id).order_by(TimelineEntry.at)
        ).all()
    assert (incident.state, incident.owner_id) == ("resolved", house.night.dee)
    for kind in ("acknowledged", "claimed", "reply", "waiting", "undone", "resolved"):
        assert kind in kinds


def test_a_reply_taken_back_never_leaves(page: Page, house: House) -> None:
    page.goto("/incidents/VG-1001#reply")
    page.keyboard.type("Too early")
    page.keyboard.press("Control+Enter")
    page.keyboard.press("u")
    expect(page.locator("#answer-text")).to_have_value("Too early")
    page.locator("#answer-text").blur()
    page.reload()
    expect(page.locator(".story")).not_to_contain_text("Too early")
    expect(page.locator("#answer-text")).to_have_value("Too early")


def test_a_note_stays_inside_and_shows_at_once(page: Page) -> None:
    page.goto("/incidents/VG-1001")
    page.keyboard.press("n")
    page.keyboard.type("Only for us")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".note-said", has_text="Only for us")).to_be_visible()


def test_an_act_that_does_not_fit_says_why_in_the_row(page: Page) -> None:
    page.locator(".row[data-label='VG-1001']").click()
    page.keyboard.press("a")
    expect(page.locator(".row[data-label='VG-1001'] .where")).to_contain_text("Claim it to take it over")


def test_charts_share_one_cursor(page: Page) -> None:
    page.goto("/incidents/VG-1001")
    charts = page.locator(".case-charts .uplot .u-over")
    expect(charts).to_have_count(3)
    # On a slow machine the first move may fall while the page still settles, so the pointer moves on a little.
    for step in range(20):
        charts.first.hover(position={"x": 300 + step, "y": 40})
        if " at " in page.locator(".case-charts output").first.inner_text():
            break
        page.wait_for_timeout(200)
    for place in range(3):
        expect(page.locator(".case-charts output").nth(place)).to_contain_text(" at ")


def test_without_script_the_evidence_and_the_reply_still_stand(
    context: BrowserContext, page: Page, house: House
) -> None:
    plain = context.browser.new_context(java_script_enabled=False, base_url=house.address)  # type: ignore[union-attr]
    plain.add_cookies(
        [{k: v for k, v in c.items() if k in ("name", "value", "domain", "path")} for c in context.cookies()]
    )  # type: ignore[misc]
    bare = plain.new_page()
    bare.goto("/incidents/VG-1001")
    expect(bare.locator("figure.chart svg polyline.obs").first).to_be_visible()
    bare.fill("#answer-text", "Written without any script.")
    bare.click("[data-answer-send]")
    expect(bare.locator(".story")).to_contain_text("Written without any script.")
    plain.close()


def test_the_browser_says_durations_as_the_server_does(page: Page) -> None:
    seconds = [-400, -3, 0, 40, 60, 119, 600, 3599, 3600, 6601, 7200, 40_000, 86_399, 86_400, 100_000, 400_000]
    said = page.evaluate(
        "async (all) => { const { span } = await import('/static/js/words.js'); return all.map(span); }", seconds
    )
    assert said == [words.span(one) for one in seconds]
    figures = [None, 0, 0.1234, 4, 9.999, 12.34, 75.31, 214.4, 999.7, 12400.2, -3.21]
    shown = page.evaluate(
        "async (all) => { const { amount } = await import('/static/js/figures.js'); return all.map(amount); }", figures
    )
    assert shown == [words.amount(one) for one in figures]


@pytest.mark.parametrize("theme", ["light", "dark", "contrast"])
def test_text_is_readable_in_every_look(page: Page, theme: str) -> None:
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
    for ground in ("paper", "shade", "beam"):
        for ink in ("ink", "ink-2", "ink-3"):
            assert page.evaluate(CONTRAST, [ink, ground]) >= 4.5, (theme, ink, ground)
    assert page.evaluate(CONTRAST, ["edge", "paper"]) >= 3
    assert page.evaluate(CONTRAST, ["lamp-line", "paper"]) >= 3


def test_every_control_has_a_name_and_every_page_one_heading(page: Page) -> None:
    for address in PLACES:
        page.goto(address)
        nameless = page.evaluate(NAMELESS)
        assert nameless == [], (address, json.dumps(nameless))
        assert page.locator("h1:visible, h1.spoken").count() >= 1, address
        assert page.locator("main").count() == 1


def test_focus_is_seen_where_the_keyboard_goes(page: Page) -> None:
    for _ in range(9):
        page.keyboard.press("Tab")
        ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert ring != "none", page.evaluate("document.activeElement.outerHTML.slice(0, 120)")


def test_a_phone_never_scrolls_sideways(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    for address in PLACES:
        page.goto(address)
        page.wait_for_selector("html[data-ready]")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, address


def test_signing_out_ends_here(page: Page) -> None:
    page.locator(".person summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.goto("/incidents/VG-1001")
    assert "/sign-in" in page.url
    page.fill("#email", "dee@vigie.example")
    page.fill("#password", seed.PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url("**/incidents/VG-1001")


CONTRAST = """([ink, ground]) => {
  const probe = document.body.appendChild(document.createElement('i'));
  const light = (name) => {
    probe.style.color = `var(--${name})`;
    const parts = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map((one) => one / 255);
    const [r, g, b] = parts.map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [high, low] = [light(ink), light(ground)].sort((a, b) => b - a);
  probe.remove();
  return (high + 0.05) / (low + 0.05);
}"""
NAMELESS = """() => [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, [role=img]')]
  .filter((one) => {
    const labelled = one.labels?.length ? [...one.labels].map((label) => label.textContent).join('') : '';
    const given = one.getAttribute('aria-label') || one.title || one.getAttribute('alt');
    return !(given || labelled || one.textContent || '').trim();
  }).map((one) => one.outerHTML.slice(0, 160))"""
