"""The live stream: whole first, then changes; resumable; nobody waits for a slow reader."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from clauditor.edge import feed as feed_module
from clauditor.edge import subscription
from clauditor.model.events import LabelFound, Malformed, Progress
from support.life import NOW
from support.served import TOKEN, Sidecar
from support.waiting import eventually

pytestmark = pytest.mark.timeout(60)


@dataclass
class Frame:
    event: str
    id: int | None
    data: dict[str, Any]

    @property
    def ids(self) -> list[str]:
        return [shot["session_id"] for shot in self.data["sessions"]]


class Reader:
    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self, *wanted: str) -> Frame:
        """The next frame; of the wanted kinds, if any are named."""
        async with asyncio.timeout(10):
            while True:
                fields: dict[str, str] = {}
                while line := await anext(self._lines):
                    name, _, value = line.partition(": ")
                    fields[name] = value
                if wanted and fields["event"] not in wanted:
                    continue
                id_ = fields.get("id")
                return Frame(fields["event"], None if id_ is None else int(id_), json.loads(fields["data"]))

    async def ends(self) -> bool:
        """Whether the stream comes to its end, whatever is still in it."""
        async with asyncio.timeout(10):
            async for _ in self._lines:
                pass
        return True


@asynccontextmanager
async def reading(sidecar: Sidecar, query: str = "", last_id: object = None) -> AsyncIterator[Reader]:
    headers = {} if last_id is None else {"last-event-id": str(last_id)}
    async with sidecar.client.stream("GET", f"/api/v1/stream{query}", headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Reader(response.aiter_lines())


async def test_the_first_snapshot_is_whole(sidecar: Sidecar) -> None:
    sidecar.life("a").turn()
    sidecar.life("b").turn()
    async with reading(sidecar) as reader:
        first = await reader.next()
        assert first.event == "snapshot"
        assert first.data["full"] is True
        assert sorted(first.ids) == ["a", "b"]
        assert first.data["removed"] == []
        assert first.data["totals"]["sessions"] == 2


async def test_only_what_changed_follows_with_growing_ids(sidecar: Sidecar) -> None:
    sidecar.life("a").turn()
    sidecar.life("b").turn()
    await sidecar.feed.flush()
    async with reading(sidecar) as reader:
        seen = [await reader.next("snapshot")]
        for number in range(3):
            sidecar.life("a").turn()
            seen.append(await reader.next("snapshot"))
            assert seen[-1].ids == ["a"]
            assert seen[-1].data["full"] is False
            assert seen[-1].data["sessions"][0]["turns"] == number + 2
    ids = [frame.id for frame in seen]
    assert None not in ids
    assert ids == sorted(set(ids))  # type: ignore[type-var]  # no None, as asserted


async def test_milestones_come_as_events_without_text_or_digests(sidecar: Sidecar) -> None:
    life = sidecar.life("a")
    async with reading(sidecar) as reader:
        await reader.next("snapshot")
        life.start(digest="CANARY-digest")
        sidecar.hub.publish(LabelFound(at=NOW, session_id="a", label="CANARY-label"))
        sidecar.hub.publish(Progress(at=NOW, session_id="a"))
        sidecar.hub.publish(Malformed(at=NOW, session_id="a", where="sse", reason="CANARY-reason"))
        life.fail(f"1-{int(life.at * 1_000_000)}")
        frames = [await reader.next("event"), await reader.next("event")]
        assert [frame.data["type"] for frame in frames] == ["AttemptStarted", "AttemptFailed"]
        assert frames[0].data["session_id"] == "a"
        assert frames[1].data["status"] == 529
        assert "CANARY" not in json.dumps([frame.data for frame in frames])


async def test_progress_is_told_as_a_snapshot_and_no_event(sidecar: Sidecar) -> None:
    sidecar.life("a").start()
    await eventually(lambda: not sidecar.feed._events)
    async with reading(sidecar) as reader:
        await reader.next("snapshot")
        sidecar.hub.publish(Progress(at=NOW, session_id="a", output_bytes=10))
        frame = await reader.next()
        assert (frame.event, frame.ids) == ("snapshot", ["a"])


async def test_heartbeats_come_without_an_id(sidecar: Sidecar) -> None:
    async with reading(sidecar) as reader:
        frame = await reader.next("heartbeat")
        assert frame.id is None
        assert frame.data == {"at": sidecar.now}


async def test_heartbeats_come_also_while_much_happens(sidecar: Sidecar) -> None:
    async def busy() -> None:
        while True:
            sidecar.life("a").turn()
            await asyncio.sleep(0.02)

    task = asyncio.create_task(busy())
    async with reading(sidecar) as reader:
        await reader.next("heartbeat")
    task.cancel()


async def test_a_filtered_stream_tells_of_one_session_only(sidecar: Sidecar) -> None:
    for name in ("aaaa-1", "bbbb-1"):
        sidecar.life(name).turn()
    await sidecar.feed.flush()
    async with reading(sidecar, "?session=aaaa") as reader:
        assert (await reader.next("snapshot")).ids == ["aaaa-1"]
        sidecar.life("bbbb-1").turn()
        sidecar.life("aaaa-1").turn()
        frames = [await reader.next("event", "snapshot") for _ in range(5)]
        assert all(frame.data["session_id"] == "aaaa-1" for frame in frames if frame.event == "event")
        assert [frame.ids for frame in frames if frame.event == "snapshot"] == [["aaaa-1"]]


async def test_a_filter_may_name_a_session_that_does_not_exist_yet(sidecar: Sidecar) -> None:
    async with reading(sidecar, "?session=later") as reader:
        assert (await reader.next("snapshot")).ids == []
        sidecar.life("later").turn()
        assert (await reader.next("snapshot")).ids == ["later"]


async def test_a_session_that_leaves_memory_is_removed(sidecar: Sidecar) -> None:
    sidecar.life("a").turn()
    async with reading(sidecar) as reader:
        await reader.next("snapshot")
        del sidecar.hub.sessions["a"]
        sidecar.feed.mark(["a"])
        frame = await reader.next("snapshot")
        while frame.ids:
            frame = await reader.next("snapshot")
        assert frame.data["removed"] == ["a"]


async def test_a_reader_who_comes_back_gets_what_was_missed_and_nothing_else(sidecar: Sidecar) -> None:
    for name in "abc":
        sidecar.life(name).turn()
    await sidecar.feed.flush()
    async with reading(sidecar) as reader:
        await reader.next("snapshot")
        sidecar.life("a").turn()
        last = await reader.next("snapshot")
    sidecar.life("b").turn()
    del sidecar.hub.sessions["c"]
    sidecar.feed.mark(["c"])
    await sidecar.feed.flush()
    async with reading(sidecar, last_id=last.id) as reader:
        missed = [await reader.next() for _ in range(5)]
        assert [frame.event for frame in missed] == ["event"] * 4 + ["snapshot"]
        assert {frame.data["session_id"] for frame in missed[:4]} == {"b"}
        assert missed[-1].ids == ["b"]
        assert missed[-1].data["removed"] == ["c"]
        assert missed[-1].data["full"] is False
        ids = [frame.id or 0 for frame in missed]
        assert ids == sorted(ids)
        assert ids[0] > (last.id or 0)


@pytest.mark.parametrize("last_id", ["1", "99999999999999999", "nonsense", "-4", "9" * 400])
async def test_an_id_from_another_life_gets_the_whole_picture(sidecar: Sidecar, last_id: str) -> None:
    sidecar.life("a").turn()
    async with reading(sidecar, last_id=last_id) as reader:
        frame = await reader.next()
        assert frame.event == "snapshot"
        assert frame.data["full"] is True


async def test_an_id_from_too_long_ago_gets_the_whole_picture(
    sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "MAX_KEPT", 8)
    async with reading(sidecar) as reader:
        first = await reader.next("snapshot")
    for _ in range(5):
        sidecar.life("a").turn()
    await eventually(lambda: len(sidecar.feed._kept) == 8)
    async with reading(sidecar, last_id=first.id) as reader:
        assert (await reader.next()).data["full"] is True


async def test_a_reader_who_does_not_read_is_bounded_and_starts_anew(
    sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "MAX_QUEUED_BYTES", 200_000)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, ("127.0.0.1", sidecar.port))
        request = f"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        await loop.sock_sendall(slow, request.encode())
        await eventually(lambda: sidecar.feed.subscribers == 1)
        async with reading(sidecar) as quick:
            await quick.next("snapshot")
            async with asyncio.timeout(40):
                while not sidecar.feed.overflows:
                    for number in range(40):
                        sidecar.life(f"session-{number}").turn()
                    await quick.next("snapshot")
                    for reader in sidecar.feed._subscribers:
                        assert reader._bytes <= 200_000
            sidecar.life("after").turn()
            assert sidecar.feed.subscribers == 2
            received = b""
            async with asyncio.timeout(20):
                while (
                    b'"full":true' not in received[received.find(b"\n\n", 1000) :]
                    or b'"after"' not in received
                ):
                    received += await loop.sock_recv(slow, 1 << 20)
                    await asyncio.sleep(0)
            assert received.count(b'"full":true') >= 2


async def test_places_for_readers_are_limited_and_the_newest_has_one(
    sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "MAX_SUBSCRIBERS", 2)
    monkeypatch.setattr(feed_module, "CROWDED_SECONDS", 0.01)
    async with reading(sidecar) as oldest, reading(sidecar) as older:
        await oldest.next("snapshot")
        await older.next("snapshot")
        async with reading(sidecar) as newest:
            assert (await newest.next("snapshot")).data["full"] is True
            assert await oldest.ends()
            assert (sidecar.feed.subscribers, sidecar.feed.readers_replaced) == (2, 1)
            sidecar.life("a").turn()
            for reader in (older, newest):
                assert (await reader.next("snapshot")).ids == ["a"]


async def test_many_events_at_once_are_dropped_and_counted_but_the_snapshot_is_right(
    sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "MAX_UNSENT", 10)
    async with reading(sidecar) as reader:
        await reader.next("snapshot")
        for _ in range(20):
            sidecar.life("a").turn()
        frame = await reader.next("snapshot")
        assert frame.data["sessions"][0]["turns"] == 20
        assert sidecar.feed.events_dropped == 70


async def test_closing_the_feed_ends_every_stream(sidecar: Sidecar) -> None:
    async with reading(sidecar) as reader:
        await reader.next("snapshot")
        sidecar.feed.close()
        assert await reader.ends()
