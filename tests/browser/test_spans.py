"""The charts of a machine over any span: by the keys, by the mouse, and back again."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

MACHINE = "/machines/cbh-app-1"


def shown(page: Page) -> tuple[int, int]:
    """From and to of the address, in seconds."""
    found = parse_qs(urlsplit(page.url).query)
    return int(found["from"][0]), int(found["to"][0])


def settled(page: Page, changed_from: str) -> tuple[int, int]:
    page.wait_for_url(lambda url: url != changed_from)
    page.wait_for_load_state("networkidle")
    expect(page.locator("figure[data-chart] .drawn").first).to_be_visible()
    return shown(page)


def painted(page: Page) -> None:
    """The chart follows the pointer from picture to picture, as it does under a hand."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_one_moves_along_a_machines_charts_by_keys_and_by_mouse(page: Page) -> None:
    page.goto(f"{MACHINE}?span=24h")
    charts = page.locator("figure[data-chart]")
    expect(charts.first).to_be_visible()
    usual = page.url
    page.keyboard.press("ArrowLeft")
    start, end = settled(page, usual)
    assert end - start == 86_400
    earlier = page.url
    page.keyboard.press("+")
    closer, until = settled(page, earlier)
    assert (closer, until) == (start + 21_600, end - 21_600)
    page.go_back()
    page.wait_for_url(earlier)
    drawn_from = "start => JSON.parse(document.querySelector('[data-chart-data]').textContent).start === start"
    page.wait_for_function(drawn_from, arg=start)
    drawn = page.locator("figure .u-over").first
    if not page.evaluate("document.querySelector('.uplot') !== null"):
        return  # the library was not brought: the still pictures and the keys are what there is
    page.wait_for_load_state("networkidle")
    drawn.wait_for()
    box = drawn.bounding_box()
    assert box is not None
    across, middle = box["width"], box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + across * 0.25, middle)
    painted(page)
    page.mouse.down()
    page.mouse.move(box["x"] + across * 0.5, middle, steps=5)
    painted(page)
    page.mouse.up()
    since, to = settled(page, earlier)
    assert abs((to - since) - 86_400 / 4) < 1_200
    assert start < since < to < end
    page.keyboard.press("0")
    page.wait_for_url(lambda url: "span=6h" in url)
