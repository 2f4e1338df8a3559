"""Several tabs, tabs out of sight, ways back, and what goes wrong: the page stays true, says so, and lets go of what it drew."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page

from clauditor.edge import page_live
from clauditor.edge.page_live import LivePage
from page.browsing import WAIT_MS, Tab, address, enter
from page.scenes import busy, label
from support.served import Sidecar
from support.waiting import eventually

SEEN = """state => {
    Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
}"""
COUNT_PLOTS = """
    window.plots = 0;  // each listens for this until it is destroyed; so does the library itself
    const { addEventListener: add, removeEventListener: remove } = window;
    window.addEventListener = function (kind, ...rest) { window.plots += kind === 'dppxchange'; return add.call(this, kind, ...rest); };
    window.removeEventListener = function (kind, ...rest) { window.plots -= kind === 'dppxchange'; return remove.call(this, kind, ...rest); };
"""


def streams(sidecar: Sidecar) -> int:
    live = sidecar.feed._followers[0]
    assert isinstance(live, LivePage)
    return live.pages


async def the_one_that_listens(pages: list[Page]) -> Page:
    """Its title counts who needs somebody; those that rest have a plain one."""
    async with asyncio.timeout(WAIT_MS / 1000):
        while True:
            titles = [await page.title() for page in pages]
            if sorted(titles) == ["(2) clauditor", *["clauditor"] * (len(pages) - 1)]:
                return pages[titles.index("(2) clauditor")]
            await asyncio.sleep(0.05)


async def test_of_the_tabs_out_of_sight_one_listens_and_each_is_true_again_once_seen(
    sidecar: Sidecar, opened: Tab
) -> None:
    await busy(sidecar)
    await enter(opened, sidecar.client)
    pages = [opened.page, await opened.context.new_page(), await opened.context.new_page()]
    for page in pages[1:]:
        await page.goto(await address(sidecar.client))
        await page.wait_for_selector(".row", timeout=WAIT_MS)
    assert streams(sidecar) == 3
    for page in pages:
        await page.evaluate(SEEN, "hidden")
    await eventually(lambda: streams(sidecar) == 1)
    first = await the_one_that_listens(pages)
    label(sidecar, "wait0000", "write the manual")
    await first.close()
    pages.remove(first)
    await the_one_that_listens(pages)
    for page in pages:
        await page.evaluate(SEEN, "visible")
        await page.wait_for_selector(".row:has-text('write the manual')", timeout=WAIT_MS)
    assert streams(sidecar) == 2
    assert opened.complaints == []


async def test_what_changed_while_out_of_sight_is_read_when_seen(sidecar: Sidecar, opened: Tab) -> None:
    sidecar.life("wait0000").turn()
    await enter(opened, sidecar.client)
    await opened.page.wait_for_selector("#detail .facts", timeout=WAIT_MS)
    await opened.page.evaluate(SEEN, "hidden")
    label(sidecar, "wait0000", "write the manual")
    await opened.page.wait_for_selector(".row:has-text('write the manual')", timeout=WAIT_MS)
    await opened.page.evaluate(SEEN, "visible")
    await opened.page.wait_for_selector("#detail h2:has-text('write the manual')", timeout=WAIT_MS)


async def test_a_page_too_many_says_so(
    sidecar: Sidecar, opened: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_live, "MAX_PAGES", 0)
    await opened.page.goto(await address(sidecar.client))
    await opened.until("() => document.getElementById('notice').innerText.startsWith('Too many pages')")


async def test_an_answer_that_does_not_come_is_told(sidecar: Sidecar, opened: Tab) -> None:
    async def never(_route: Any) -> None:
        """As where all connections of the browser are taken."""

    sidecar.life().turn()
    await enter(opened, sidecar.client)
    await opened.page.route("**/api/v1/page/stream*", never)
    await opened.page.keyboard.press("v")
    await opened.until("() => document.getElementById('notice').innerText.startsWith('silent since')")


async def test_one_goes_back_to_where_one_came_from_and_drawings_are_let_go(
    sidecar: Sidecar, opened: Tab
) -> None:
    for _ in range(3):
        sidecar.life().turn()
    await sidecar.settle()
    await opened.page.add_init_script(COUNT_PLOTS)
    await enter(opened, sidecar.client)
    await opened.page.wait_for_selector("#detail canvas", timeout=WAIT_MS)
    await opened.page.keyboard.press("n")
    assert await opened.texts("#told:not([hidden])") == ["No session needs you."]
    await opened.page.click("text=History")
    await opened.page.click("#history tbody button")
    await opened.page.wait_for_selector("#session canvas", timeout=WAIT_MS)
    await opened.page.click("#session [data-name=report]")
    await opened.until("() => document.querySelector('#session h2')?.innerText.startsWith('post-mortem')")
    await opened.page.click("#session [data-name=back]")
    await opened.page.wait_for_selector("#session canvas", timeout=WAIT_MS)
    for key in "2121":
        await opened.page.keyboard.press(key)
        await opened.page.wait_for_selector(
            "#session canvas" if key == "1" else "#session .lines", timeout=WAIT_MS
        )
    await opened.page.click("#theme")
    await opened.until("() => plots === 3 && document.querySelectorAll('#session canvas').length === 2")
    await opened.page.keyboard.press("Escape")
    await opened.page.wait_for_selector("#history tbody button", timeout=WAIT_MS)
    await opened.until("() => plots === 1")
    assert opened.complaints == []


async def test_an_address_that_means_nothing_is_answered(sidecar: Sidecar, opened: Tab) -> None:
    sidecar.life().turn()
    await enter(opened, sidecar.client)
    go = "hash => { location.hash = hash; }"
    await opened.page.evaluate(go, "session=gone0000")
    await opened.page.wait_for_selector("#session .r-act:has-text('There is no session')", timeout=WAIT_MS)
    await opened.page.evaluate(go, "session=%E0%A4%A")
    await opened.page.wait_for_selector("#live .row", timeout=WAIT_MS)
    await opened.page.reload()
    await opened.page.wait_for_selector("#live .row", timeout=WAIT_MS)
