"""The page beside a real sidecar: what it shows is what `top` shows, soon after it happened."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

from playwright.async_api import Browser

from clauditor.model.events import FirstToken, ResponseStarted
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.columns import row
from clauditor.ui.views.presets import layout
from clauditor.ui.views.segments import plain
from clauditor.ui.views.snapshot import session_view
from clauditor.ui.views.table import fold
from clauditor.ui.views.words import why
from page.browsing import WAIT_MS, Tab, address, enter, tab
from page.scenes import ASK, busy, label
from support.served import TOKEN, Sidecar, serving

ID = "5f0c1e9a-7d1f-4c57-9d55-4b1f1f6b2a10"


async def test_the_table_has_the_order_and_the_words_of_top(sidecar: Sidecar, opened: Tab) -> None:
    await busy(sidecar)
    await enter(opened, sidecar.client)
    await opened.until("() => document.querySelectorAll('.row').length === 3")
    scene = Scene(now=sidecar.now, zone=UTC)
    views = [session_view(sidecar.hub.snapshot(key, sidecar.now) or {}) for key in sidecar.hub.sessions]
    rows = fold(views, unfold=False, sort="attention", now=sidecar.now).rows
    plan = tuple(part for part in layout("attention", 80, rows) if part[0].title != "WHY")
    assert await opened.page.eval_on_selector_all(".row", "all => all.map(one => one.dataset.id)") == [
        session.session_id for session in rows
    ]
    shown = await opened.texts(".row")
    for session, text in zip(rows, shown, strict=True):
        words = plain(row(session, plan, scene)).split()
        words += why(session, sidecar.now, 40).split()
        assert [word for word in words if word not in text.split()] == []
    assert "rewrite the README" in shown[0]
    assert (await opened.texts("#headline"))[0] == "3 live: 1 asks you, 1 stuck, 1 your turn"
    assert await opened.page.title() == "(2) clauditor"
    assert opened.complaints == []


async def test_what_happens_is_told_without_being_asked(sidecar: Sidecar, opened: Tab) -> None:
    life = sidecar.life(ID)
    life.turn()
    await enter(opened, sidecar.client)
    word = "word => document.querySelector('.row .c-state')?.innerText === word"
    exchange = life.start()
    await opened.until(word, "thinking")
    _respond(sidecar, life.at, exchange)
    await opened.until(word, "writing")
    life.answer(exchange)
    await opened.until(word, "your turn")
    assert opened.complaints == []


def _respond(sidecar: Sidecar, at: float, exchange_id: str) -> None:
    sidecar.hub.publish(ResponseStarted(at=at + 0.5, session_id=ID, exchange_id=exchange_id, status=200))
    sidecar.hub.publish(
        FirstToken(at=at + 1, session_id=ID, exchange_id=exchange_id, model="claude-opus-5-5")
    )


async def test_a_session_is_told_in_the_words_of_top_with_curves_and_tabs(
    sidecar: Sidecar, opened: Tab
) -> None:
    life = sidecar.life(ID)
    for _ in range(4):
        life.turn()
    life.answer(life.start(), tools=("t1",))
    life.tool_result("t1", "error")
    await sidecar.settle()
    await enter(opened, sidecar.client)
    await opened.page.wait_for_selector("#detail .facts", timeout=WAIT_MS)
    facts = (await opened.texts("#detail .facts"))[0]
    assert "5 calls" in facts
    assert "CTX\n" in facts
    await opened.page.wait_for_selector("#detail canvas", timeout=WAIT_MS)
    await opened.page.keyboard.press("Enter")
    await opened.page.wait_for_selector("#session .facts", timeout=WAIT_MS)
    for number, word in (("2", "Bash"), ("3", "main"), ("4", "failed"), ("5", "READ"), ("6", "none failed")):
        await opened.page.keyboard.press(number)
        await opened.until(
            "word => document.querySelector('#session .lines')?.innerText.includes(word)", word
        )
    await opened.page.keyboard.press("p")
    await opened.until("() => document.querySelector('#session h2')?.innerText.startsWith('post-mortem')")
    await opened.page.keyboard.press("Escape")
    await opened.page.keyboard.press("Escape")
    await opened.page.wait_for_selector("#live .row", timeout=WAIT_MS)
    assert opened.complaints == []


async def test_finding_narrows_the_table_and_says_when_nothing_matches(sidecar: Sidecar, opened: Tab) -> None:
    await busy(sidecar)
    await enter(opened, sidecar.client)
    await opened.page.keyboard.press("/")
    await opened.page.keyboard.type("project:infra")
    await opened.until("() => document.querySelectorAll('.row').length === 1")
    assert "infra" in (await opened.texts(".row"))[0]
    await opened.page.fill("#find", "colour:red")
    await opened.until("() => document.querySelectorAll('.row').length === 0")
    assert "nothing matches colour:red" in (await opened.texts("#folded"))[0]
    await opened.page.keyboard.press("Escape")
    await opened.page.keyboard.press("Escape")
    await opened.until("() => document.querySelectorAll('.row').length === 3")
    assert len(await opened.texts(".row[aria-selected=true]")) == 1
    assert len(await opened.texts(".row[tabindex='0']")) == 1


async def test_the_history_is_searched_and_a_session_opened(sidecar: Sidecar, opened: Tab) -> None:
    for number in range(3):
        sidecar.life(f"past{number}aaa").answer(
            sidecar.life(f"past{number}aaa").start(project=f"shop{number}")
        )
    await sidecar.settle()
    sidecar.hub.sessions.clear()
    await enter(opened, sidecar.client, "#folded .line")
    assert "No session seen yet" in (await opened.texts("#folded"))[0]
    await opened.page.click("text=History")
    await opened.until("() => document.querySelectorAll('#history tbody tr').length === 3")
    await opened.page.keyboard.press("/")
    await opened.page.keyboard.type("shop1")
    await opened.until("() => document.querySelectorAll('#history tbody tr').length === 1")
    await opened.page.click("#history tbody button")
    await opened.until("() => document.querySelector('#session h2')?.innerText.includes('shop1')")
    assert "no longer live" in (await opened.texts("#session .title"))[0]
    await opened.page.click("text=Limits")
    await opened.page.wait_for_selector("#limits canvas", timeout=WAIT_MS)
    assert opened.complaints == []


async def test_keys_move_choose_and_switch_as_in_top(sidecar: Sidecar, opened: Tab) -> None:
    await busy(sidecar)
    await enter(opened, sidecar.client)
    chosen = "() => document.querySelector('[aria-selected=true]')?.dataset.id"
    first = await opened.page.evaluate(chosen)
    assert first == "asks0000"
    await opened.page.keyboard.press("j")
    second = await opened.page.evaluate(chosen)
    assert second != first
    await opened.page.keyboard.press("n")
    assert await opened.page.evaluate(chosen) == first
    assert await opened.page.evaluate("document.activeElement.dataset.id") == first
    await opened.page.keyboard.press("v")
    await opened.until("() => document.querySelector('.titles')?.innerText.includes('CALLS')")
    await opened.page.wait_for_selector("#detail [data-name=mute]", timeout=WAIT_MS)
    await opened.page.keyboard.press("m")
    await opened.until("() => document.querySelector('#detail [data-name=mute]')?.innerText === 'unmute'")
    assert sidecar.hub.sessions["asks0000"].muted_until is not None
    await opened.page.keyboard.press("?")
    assert "next that needs you" in (await opened.texts("#keys"))[0]
    assert opened.complaints == []


async def test_rows_stay_where_they_are_while_a_person_is_at_them(sidecar: Sidecar, opened: Tab) -> None:
    sidecar.life("aaaa0000", at=1_790_000_000.0).turn()
    other = sidecar.life("bbbb0000", at=1_790_000_001.0)
    other.turn()
    await enter(opened, sidecar.client)
    await opened.until("() => document.querySelectorAll('.row').length === 2")
    ids = "() => [...document.querySelectorAll('.row')].map(one => one.dataset.id)"
    before = await opened.page.evaluate(ids)
    await opened.page.hover(".row >> nth=0")
    late = sidecar.life(before[1])
    late.answer(late.start(), tools=("t1",))
    await sidecar.client.post("/api/v1/hooks/claude-code", json=ASK | {"session_id": before[1]})
    sidecar.now += 20
    sidecar.feed.mark(sidecar.hub.tick(sidecar.now))
    await opened.until("() => document.title === '(1) clauditor'")
    assert await opened.page.evaluate(ids) == before
    await opened.page.mouse.move(700, 5)
    await opened.until("id => document.querySelector('.row').dataset.id === id", before[1])


async def test_it_says_when_nothing_is_heard_and_comes_back_after_a_restart(
    browser: Browser, tmp_path: Path
) -> None:
    async with tab(browser, viewport={"width": 1440, "height": 900}) as opened:
        async with serving(tmp_path) as sidecar:
            sidecar.life(ID).turn()
            await sidecar.settle()
            port = sidecar.port
            await enter(opened, sidecar.client)
        await opened.until("() => document.getElementById('notice').innerText.startsWith('silent since')")
        assert (await opened.texts("#notice"))[0].endswith("asks again; see: clauditor status")
        async with serving(tmp_path, port=port) as again:
            again.life("newcomer").turn()
            await opened.until("() => document.querySelector('.row')?.dataset.id === 'newcomer'")
            assert await opened.page.is_hidden("#notice")


async def test_without_a_key_one_sentence_says_what_to_run(sidecar: Sidecar, opened: Tab) -> None:
    await opened.page.goto(str(sidecar.client.base_url))
    await opened.until(
        "() => document.getElementById('notice').innerText === 'Open this page with: clauditor web'"
    )


async def test_the_code_leaves_the_address_and_works_once(
    sidecar: Sidecar, opened: Tab, browser: Browser
) -> None:
    url = await address(sidecar.client)
    await opened.page.goto(url)
    await opened.until("() => location.hash === '#live'")
    await opened.until("() => sessionStorage.getItem('clauditor-key') !== null")
    kept = await opened.page.evaluate("JSON.stringify([sessionStorage, localStorage, document.cookie])")
    assert TOKEN not in kept
    assert await opened.context.cookies() == []
    await opened.page.reload()  # the key is kept for this tab
    await opened.page.wait_for_selector("#folded .line", timeout=WAIT_MS)
    async with tab(browser) as other:
        await other.page.goto(url)
        await other.until("() => document.getElementById('notice').innerText.includes('opened before')")


async def test_pages_that_look_at_the_same_share_their_rows(sidecar: Sidecar, browser: Browser) -> None:
    await busy(sidecar)
    async with tab(browser) as one, tab(browser) as two:
        await enter(one, sidecar.client)
        await enter(two, sidecar.client)
        label(sidecar, "wait0000", "fix the login test")
        for each in (one, two):
            await each.until("() => document.getElementById('table').innerText.includes('fix the login')")
