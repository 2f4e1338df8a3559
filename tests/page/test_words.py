"""The one thing that the page words by itself, spans that tick, against the views' own; and what an eye needs."""

from __future__ import annotations

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser

from clauditor.ui.views.units import duration
from page.browsing import WAIT_MS, Tab, enter, tab
from page.scenes import busy
from support.served import Sidecar


async def test_spans_read_as_the_views_write_them(sidecar: Sidecar, opened: Tab) -> None:
    edges = [0, 59, 60, 3599, 3600, 35_999, 36_000, 172_799, 172_800, 863_999_999, 1e12]
    spans = [edge + step for edge in edges for step in (-1.5, -0.001, 0, 0.001, 0.999, 61.5)]
    spans += [number * 797.31 for number in range(500)]
    await opened.page.goto(str(sidecar.client.base_url))
    shown = await opened.page.evaluate(
        "async spans => { const { duration } = await import('/static/text.js'); return spans.map(duration); }",
        spans,
    )
    assert shown == [duration(span) for span in spans]


@pytest.mark.parametrize(("width", "theme"), [(1440, "dark"), (1440, "light"), (360, "light")])
async def test_axe_finds_nothing_serious_on_any_screen(
    sidecar: Sidecar, browser: Browser, width: int, theme: str
) -> None:
    await busy(sidecar)
    look = {"viewport": {"width": width, "height": 900}, "color_scheme": theme, "bypass_csp": True}
    async with tab(browser, **look) as opened:
        await enter(opened, sidecar.client)
        found = []
        for screen, ready in (
            ("live", "#detail .facts"),
            ("history", "#history tbody tr"),
            ("limits", "#limits canvas"),
            ("session=asks0000", "#session .facts"),
        ):
            await opened.page.evaluate("screen => { location.hash = screen; }", screen)
            await opened.page.wait_for_selector(ready, timeout=WAIT_MS)
            result = await Axe().run(opened.page)
            found += [
                (screen, one["id"], one["impact"], one["nodes"][0]["html"][:200])
                for one in result.response["violations"]
                if one["impact"] in {"serious", "critical"}
            ]
        assert found == []
        assert opened.complaints == []
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await opened.page.evaluate(overflow) <= 0
