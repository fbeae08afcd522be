"""The watch floor under somebody's hands."""

from __future__ import annotations

from datetime import UTC, datetime

from playwright.sync_api import Page, expect

from models.session import SYSTEM, work
from tests.browser import seed
from tests.browser.conftest import House


def test_next_promise_stands_first_in_each_group(page: Page) -> None:
    for group in ("mine", "unclaimed"):
        due = page.locator(f"section.{group} .due b[data-due]").evaluate_all("all => all.map(one => one.dataset.due)")
        assert due == sorted(due)
        assert len(due) > 1
    expect(page.locator("section.second .due-late b")).to_contain_text("late")


def test_j_and_k_move_the_beam_and_the_pane_follows(page: Page) -> None:
    first = page.locator(".row.chosen").get_attribute("data-label")
    page.keyboard.press("j")
    second = page.locator(".row.chosen").get_attribute("data-label")
    assert second != first
    expect(page.locator("[data-peek] [data-label]")).to_have_attribute("data-label", second or "")
    page.keyboard.press("k")
    expect(page.locator(f".row.chosen[data-label='{first}']")).to_be_focused()


def test_enter_opens_the_incident_in_the_beam(page: Page) -> None:
    label = page.locator(".row.chosen").get_attribute("data-label")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/incidents/{label}")
    expect(page.locator("h1")).to_contain_text("/var will be full")


def test_a_new_incident_arrives_without_reload(page: Page, house: House) -> None:
    page.evaluate("window.stays = true")
    expect(page.locator("[data-live-lamp]")).to_have_attribute("data-state", "live")
    with work(house.sessions, SYSTEM) as session:
        label = seed.open_one_more(session, datetime.now(UTC))
    row = page.locator(f".row[data-label='{label}']")
    expect(row).to_contain_text("A newcomer: swap fills")
    expect(row.locator(".due")).to_contain_text("in 2 min")
    assert page.evaluate("window.stays") is True


def test_rows_hold_still_while_a_key_is_in_the_list(page: Page, house: House) -> None:
    page.keyboard.press("j")
    expect(page.locator("[data-live-lamp]")).to_have_attribute("data-state", "live")
    before = page.locator(".row").evaluate_all("all => all.map(one => one.dataset.label)")
    with work(house.sessions, SYSTEM) as session:
        label = seed.open_one_more(session, datetime.now(UTC))
    expect(page.locator("[data-news]")).to_contain_text("1 new")
    assert page.locator(".row").evaluate_all("all => all.map(one => one.dataset.label)") == before
    chosen = page.locator(".row.chosen").get_attribute("data-label")
    page.keyboard.press(".")
    expect(page.locator(f".row[data-label='{label}']")).to_be_visible()
    expect(page.locator(".row.chosen")).to_have_attribute("data-label", chosen or "")
    expect(page.locator("[data-news]")).to_be_hidden()


def test_a_lost_connection_is_said(page: Page, house: House) -> None:
    expect(page.locator("[data-live-lamp]")).to_have_attribute("data-state", "live")
    page.clock.install()
    page.clock.fast_forward(60_000)  # longer than the page waits for a heartbeat
    expect(page.locator("[data-lost]")).to_contain_text("Not live since")
    expect(page.locator("[data-live-lamp]")).to_have_attribute("data-state", "lost")


def test_omnibox_finds_a_machine_and_opens_it(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.keyboard.type("cbh-app")
    option = page.locator("#omnibox [role=option][href^='/machines/cbh-app']").first
    expect(option).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#omnibox [aria-selected=true]")).to_have_count(1)
    option.click()
    page.wait_for_url("**/machines/cbh-app*")


def test_question_mark_shows_every_key_and_escape_returns(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.locator("#all-keys")).to_be_visible()
    expect(page.locator("#all-keys dd", has_text="acknowledge")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#all-keys")).to_be_hidden()


def test_single_keys_rest_while_typing_and_can_be_turned_off(page: Page) -> None:
    first = page.locator(".row.chosen").get_attribute("data-label")
    page.locator(".person summary").click()
    page.locator("[data-keys-switch]").click()
    page.locator(".person summary").click()
    page.keyboard.press("j")
    expect(page.locator(".row.chosen")).to_have_attribute("data-label", first or "")


def test_the_look_is_kept_from_page_to_page(page: Page) -> None:
    page.locator(".person summary").click()
    page.locator("[data-theme-choice=dark]").click()
    page.goto("/fleet")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
