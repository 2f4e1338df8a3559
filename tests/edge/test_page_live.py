"""The live table's stream: whole first, then what changed, rows made once, nothing at rest, bounded."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from clauditor.edge import page_live
from clauditor.edge.feed import SLICE
from clauditor.edge.page_live import LivePage, PagesFullError
from clauditor.ui.views.empty import Around
from clauditor.ui.views.find import parse_query
from clauditor.ui.views.web import Choices
from ui import afternoon

PLAIN = Choices(view="attention", sort="attention", query=parse_query(""), unfold=True)


class Hub:
    """Canned sessions; counts what it is asked."""

    def __init__(self, number: int) -> None:
        self.shots = {shot["session_id"]: shot for shot in afternoon.many(number)}
        self.asked = 0

    @property
    def sessions(self) -> Any:
        return self.shots

    def snapshot(self, session_id: str, now: float) -> dict[str, Any] | None:
        self.asked += 1
        return self.shots.get(session_id)

    def totals(self, now: float) -> dict[str, Any]:
        return {"incident": None}


def live(hub: Hub) -> LivePage:
    return LivePage(hub, now=lambda: afternoon.NOW, spent=lambda: {"today": {"cost_usd": 1.0}})


async def told(frames: AsyncIterator[bytes], wanted: str) -> dict[str, Any]:
    """The next frame that tells this."""
    async for frame in frames:
        name, data = frame.decode().rstrip("\n").split("\n")
        assert name == "event: page"
        body: dict[str, Any] = json.loads(data.removeprefix("data: "))
        if wanted in body:
            return body
    raise AssertionError("the stream ended")


async def test_the_first_frame_is_whole_and_the_next_tells_what_changed() -> None:
    hub = Hub(30)
    page = live(hub)
    frames = page.stream(PLAIN, 0)
    first = await told(frames, "rows")
    assert len(first["rows"]) == len(hub.shots)
    assert {"columns", "header", "order"} <= set(first)
    key = next(iter(hub.shots))
    hub.shots[key] = hub.shots[key] | {"label": "another label"}
    page.changed([key])
    second = await told(frames, "rows")
    assert [row["id"] for row in second["rows"]] == [key]
    assert "order" not in second
    del hub.shots[key]
    page.changed([key])
    assert (await told(frames, "removed"))["removed"] == [key]


async def test_a_second_page_that_looks_at_the_same_asks_the_hub_nothing() -> None:
    hub = Hub(20)
    page = live(hub)
    one, two = page.stream(PLAIN, 0), page.stream(PLAIN, 0)
    await told(one, "rows")
    asked = hub.asked
    assert len((await told(two, "rows"))["rows"]) == len(hub.shots)
    assert hub.asked == asked


async def test_without_a_page_nothing_is_kept_and_nothing_is_made() -> None:
    hub = Hub(5)
    page = live(hub)
    page.changed(hub.shots)
    assert hub.asked == 0
    frames = page.stream(PLAIN, 0)
    await told(frames, "rows")
    await frames.aclose()  # type: ignore[attr-defined]  # a generator
    assert page.pages == 0
    assert page.views == {}


async def test_sums_come_with_a_later_frame_and_hold_nothing_up() -> None:
    frames = live(Hub(3)).stream(PLAIN, 0)
    first = await told(frames, "header")
    assert first["header"]["today"] == ""
    assert (await told(frames, "header"))["header"]["today"] == "today ~$1.00"


async def test_a_history_in_trouble_is_told_with_the_sums() -> None:
    page = LivePage(Hub(3), now=lambda: afternoon.NOW, spent=lambda: {"history_problem": "It is broken."})
    frames = page.stream(PLAIN, 0)
    assert (await told(frames, "header"))["header"]["trouble"] == ""
    assert (await told(frames, "header"))["header"]["trouble"] == "It is broken."


async def test_a_page_without_sessions_says_what_goes_on_around_it() -> None:
    asked: list[float] = []

    def around() -> Around:
        asked.append(0.0)
        return Around(proxy_url="http://127.0.0.1:10000", requests=3, unwatched=((4121, "~/src/webshop"),))

    hub = Hub(1)
    hub.shots.clear()
    page = LivePage(hub, now=lambda: afternoon.NOW, spent=dict, around=around)
    frames = page.stream(PLAIN, 0)
    assert "Listening" not in str((await told(frames, "header"))["header"]["empty"])
    words = str((await told(frames, "header"))["header"]["empty"])
    assert "Listening on http://127.0.0.1:10000, 3 requests so far." in words
    assert "4121" in words
    assert len(asked) == 1


async def test_nobody_looks_around_for_a_page_with_sessions() -> None:
    def around() -> Around:
        raise AssertionError("asked")

    sums = {"today": {"cost_usd": 1.0}}
    frames = LivePage(Hub(2), now=lambda: afternoon.NOW, spent=lambda: sums, around=around).stream(PLAIN, 0)
    for _ in range(2):  # without, and with the sums
        assert (await told(frames, "header"))["header"]["empty"] == []


async def test_pages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_live, "MAX_PAGES", 1)
    page = live(Hub(1))
    await told(page.stream(PLAIN, 0), "rows")
    with pytest.raises(PagesFullError):
        page.stream(PLAIN, 0)


async def test_streams_asked_for_together_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_live, "MAX_PAGES", 1)
    page = live(Hub(1))
    one, two = page.stream(PLAIN, 0), page.stream(PLAIN, 0)
    await told(one, "rows")
    assert [frame async for frame in two] == []
    assert page.pages == 1


async def test_a_page_that_leaves_while_rows_are_made_takes_no_change_with_it() -> None:
    hub = Hub(SLICE * 3)
    page = live(hub)
    stays = page.stream(PLAIN, 0)
    await told(stays, "rows")
    asked = hub.asked
    for key in list(hub.shots):
        hub.shots[key] = hub.shots[key] | {"label": "another label"}
    page.changed(hub.shots)
    goes = asyncio.ensure_future(anext(page.stream(PLAIN, 0)))
    while hub.asked == asked:  # noqa: ASYNC110 - one step of the loop after the other
        await asyncio.sleep(0)
    assert hub.asked < asked + len(hub.shots)
    goes.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await goes
    seen: set[str] = set()
    while len(seen) < len(hub.shots):
        seen |= {row["id"] for row in (await told(stays, "rows"))["rows"]}
    assert all(view.label == "another label" for view in page.views.values())


async def test_rows_are_made_only_for_those_who_look() -> None:
    page = live(Hub(3))
    stays, goes = page.stream(PLAIN, 0), page.stream(PLAIN, 60)
    await told(stays, "rows")
    await told(goes, "rows")
    assert set(page._renderings) == {("attention", 0), ("attention", 60)}
    await goes.aclose()  # type: ignore[attr-defined]  # a generator
    assert set(page._renderings) == {("attention", 0)}


async def test_closing_ends_every_stream() -> None:
    page = live(Hub(1))
    frames = page.stream(PLAIN, 0)
    await told(frames, "rows")
    page.close()
    assert [frame async for frame in frames if b'"rows"' in frame] == []
