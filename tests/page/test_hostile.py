"""A corpus of texts that try to run, in every field that the page shows: none does."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from page.browsing import WAIT_MS, enter, tab
from page.hostile import hostile_sidecar
from page.strings import STRINGS

# What a string that runs would do; and what would only be there if a string had become markup.
_TRAP = """
    window.__ran = 0;
    for (const name of ["alert", "confirm", "prompt", "open", "print"]) window[name] = () => { window.__ran = 1; };
    for (const kind of ["error", "load"]) addEventListener(kind, (event) => {
        if (event.target instanceof HTMLImageElement) window.__ran = 1;
    }, true);
"""
_MARKUP = """() => [...document.querySelectorAll("*")].filter((one) =>
    one.matches("img, iframe, object, embed, base, form, style, video, audio, marquee, details, template, math, source, "
        + "textarea, meta:not([charset], [name]), script:not([src^='/static/'])")
    || [...one.attributes].some((attribute) => attribute.name.startsWith("on")
        || /^\\s*(javascript|data):/i.test(attribute.value) && ["href", "src", "action", "srcdoc"].includes(attribute.name))
).map((one) => one.outerHTML.slice(0, 200))"""


def test_the_corpus_is_large() -> None:
    assert len(STRINGS) >= 100


@pytest.mark.parametrize("has_policy", [True, False], ids=["as served", "without its policy"])
async def test_no_text_of_any_field_runs_or_becomes_markup(browser: Browser, has_policy: bool) -> None:
    ids = [f"s{number:04}" for number in range(len(STRINGS))]
    foreign = [text for text in STRINGS[:40] if "\n" not in text]
    async with (
        hostile_sidecar([*ids, *foreign]) as client,
        tab(browser, viewport={"width": 1440, "height": 900}, bypass_csp=not has_policy) as opened,
    ):
        dialogs: list[str] = []
        asked: list[str] = []
        opened.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        opened.page.on("request", lambda request: asked.append(request.url))
        await opened.context.add_init_script(_TRAP)
        await enter(opened, client)
        await opened.page.keyboard.press("e")
        await opened.until("n => document.querySelectorAll('.row').length >= n", len(ids))
        for _ in range(4):  # every view of the table
            before = (await opened.texts(".titles"))[0]
            await opened.page.keyboard.press("v")
            await opened.until("words => document.querySelector('.titles').innerText !== words", before)
            assert await opened.page.evaluate(_MARKUP) == []
        seen = (await opened.texts("#table"))[0]
        assert "<script>alert(1)</script>" in seen  # it is shown, as text
        shown = "name => document.querySelector('#session h2') && location.hash === name"
        for number in range(0, len(ids), 4):
            screen = f"#session={ids[number]}"
            await opened.page.evaluate("screen => { location.hash = screen; }", screen)
            await opened.until(shown, screen)
        for key in "23456":
            await opened.page.keyboard.press(key)
            await opened.page.wait_for_selector("#session .lines", timeout=WAIT_MS)
            assert await opened.page.evaluate(_MARKUP) == []
        await opened.page.keyboard.press("p")
        await opened.until("() => document.querySelector('#session h2').innerText.startsWith('post-mortem')")
        assert await opened.page.evaluate(_MARKUP) == []
        for screen, ready in (("history", "#history tbody tr"), ("limits", "#limits tbody tr")):
            await opened.page.evaluate("screen => { location.hash = screen; }", screen)
            await opened.page.wait_for_selector(ready, timeout=WAIT_MS)
            assert await opened.page.evaluate(_MARKUP) == []
        assert await opened.page.evaluate("window.__ran") == 0
        assert dialogs == []
        assert {url.split("/")[2] for url in asked if "://" in url} == {client.base_url.netloc.decode()}
        assert [said for said in opened.complaints if "Failed to load resource" not in said] == []
