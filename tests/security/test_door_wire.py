"""HTTP as it may be written, and what must never be said: no spelling gets around the token, no answer or log tells it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clauditor.edge import auth
from clauditor.edge.page_key import page_key
from clauditor.errors import HistoryError
from security.door import JSON, SESSION, Wire, targets
from support.served import TOKEN, Sidecar, serving
from support.waiting import eventually

HERE = (b"host", b"127.0.0.1")
BEARER = (b"authorization", f"Bearer {TOKEN}".encode())
PATHS = [
    "/static/../metrics", "/static/..%2fmetrics", "/static/%2e%2e/metrics", "/static/%2e%2e%2fapi/v1/sessions",
    "/static/..;/metrics", "/static/.../metrics", "/static//metrics", "/static/\\..\\metrics", "/static/%5c..%5cmetrics",
    "//metrics", "/./metrics", "/healthz/../metrics", "/healthz/", "/healthz%00", "/healthz;x", "/healthz%2f..%2fmetrics",
    "/%2fmetrics", "/%6detrics", "/METRICS", "/metrics/", "/metrics%20", "/metrics%0a", "/api/v1/page/../sessions",
    "/api/v1/page/key/../../sessions", "/api/v1/page/%2e%2e/sessions", "/api//v1/sessions", "/api/v1//sessions",
    "/api/v1/sessions/", "/api/v1/sessions;a=b", "/api/v1/sessions%3Flimit=1", "/api/v1/page/stream", "/api/v1/page/key/",
    "/?/metrics", "/#/metrics", "/index.html", "/static/index.html/..", "/static/%00", "/static/.git/config",
    "/static/key.js/../../metrics", "/static/__init__.py", "/static/../../auth.py", "*", "metrics", "?", "/%", "/%zz", "/%c0%ae",
]  # fmt: skip
"""None of them is a path of its own, or all are those of data."""


@pytest.fixture
async def sidecar(tmp_path: Path) -> AsyncIterator[Sidecar]:
    async with serving(tmp_path) as running:
        running.life(SESSION).turn()
        await running.settle()
        yield running


@pytest.fixture
async def wire(sidecar: Sidecar) -> AsyncIterator[Wire]:
    wire = Wire(sidecar.port)
    yield wire
    wire.close()


async def test_no_spelling_of_a_path_reads_data_without_the_token(sidecar: Sidecar, wire: Wire) -> None:
    page = [HERE, (b"authorization", f"Bearer {page_key(TOKEN)}".encode())]
    for path in PATHS:
        answer = await wire.ask("GET", path, [HERE])
        is_page = path.partition("?")[0] in {"/", "/static/index.html"}
        assert answer.status in ({200} if is_page else {400, 401, 404}), path
        for told in (answer, await wire.ask("GET", path.replace("/stream", ""), page)):
            assert SESSION.encode() not in told.body, path
            assert b"clauditor_" not in told.body, path


async def test_head_tells_what_get_would_and_nothing_more(sidecar: Sidecar, wire: Wire) -> None:
    for target in targets(sidecar):
        if target.method != "HEAD":
            continue
        answer = await wire.ask("HEAD", target.path, [HERE, BEARER])
        assert (answer.status, answer.body) == (200, b""), target
        if not target.path.endswith("/stream"):
            full = await wire.ask("GET", target.path, [HERE, BEARER])
            assert full.headers["content-type"] == answer.headers["content-type"]
    await eventually(lambda: not sidecar.feed.subscribers)


async def test_requests_one_after_the_other_are_answered_in_their_order(sidecar: Sidecar) -> None:
    """Each passes the door by itself: nothing is smuggled behind one that was let in."""
    reader, writer = await asyncio.open_connection("127.0.0.1", sidecar.port)
    good = f"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {TOKEN}\r\n\r\n"
    bad = "GET /api/v1/sessions HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    rebound = good.replace("127.0.0.1", "attacker.example").replace("/healthz", "/metrics")
    hidden = f"POST /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(bad)}\r\n\r\n{bad}"
    writer.write((good + bad + rebound + hidden + good).encode())
    wire = Wire(sidecar.port)
    wire._reader, wire._writer = reader, writer
    async with asyncio.timeout(10):
        assert [(await wire.next()).status for _ in range(5)] == [200, 401, 421, 405, 200]
    wire.close()


@pytest.mark.parametrize(
    "framing",
    [
        b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
        b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        b"content-length: 1, 2\r\n\r\nab", b"content-length: +2\r\n\r\nab", b"content-length: -1\r\n\r\n",
        b"content-length: 0x2\r\n\r\nab", b"content-length: 99999999999999999999\r\n\r\n",
    ],
)  # fmt: skip
async def test_a_body_of_two_lengths_is_not_taken(sidecar: Sidecar, framing: bytes) -> None:
    wire = Wire(sidecar.port)
    head = f"POST /api/v1/purge HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {TOKEN}\r\n".encode()
    answer = await wire.send(head + b"content-type: application/json\r\n" + framing)
    assert answer.status in {400, 413, 501}
    assert SESSION in sidecar.hub.sessions
    wire.close()


async def test_large_and_many_headers_and_parameters_are_bounded(sidecar: Sidecar, wire: Wire) -> None:
    fits = [HERE, BEARER, *((f"x-{number}".encode(), b"a") for number in range(300))]
    assert (await wire.ask("GET", "/api/v1/sessions", fits)).status == 200
    for headers in ([(b"x", b"a" * 400_000)], [(f"x-{number}".encode(), b"a") for number in range(20_000)]):
        assert (await wire.ask("GET", "/api/v1/sessions", [HERE, BEARER, *headers])).status == 400
        wire.close()
    assert (await wire.ask("GET", "/api/v1/sessions?" + "limit=1&" * 1500, [HERE, BEARER])).status == 200
    assert (await wire.ask("GET", "/api/v1/sessions?" + "a=1&" * 2500, [HERE, BEARER])).status == 400
    assert (await wire.ask("GET", "/api/v1/sessions?" + "a" * 400_000, [HERE, BEARER])).status == 400
    assert sidecar.server.crowd.dropped["malformed"] == 3


async def test_an_error_of_ours_tells_no_detail_and_no_log_the_token(
    sidecar: Sidecar, wire: Wire, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    key = page_key(TOKEN)

    def fail(*_: object, **__: object) -> Any:
        raise RuntimeError("DETAIL /home/me/DETAIL")

    def broken(*_: object, **__: object) -> Any:
        raise HistoryError("DETAIL: no such column: DETAIL")

    monkeypatch.setattr(sidecar.hub, "totals", fail)
    monkeypatch.setattr(type(sidecar.store.signals), "signals", broken)
    told = set()
    for path in (
        "/api/v1/summary",
        "/api/v1/signals",
        "/api/v1/sessions/abcd%00",
        f"/api/v1/sessions/{'x' * 5000}",
    ):
        for credential in (TOKEN, key, TOKEN + "x", f"{TOKEN} {TOKEN}"):
            answer = await wire.ask("GET", path, [HERE, (b"authorization", f"Bearer {credential}".encode())])
            told.add((path[:16], answer.status))
            assert b"DETAIL" not in answer.body
            assert set(json.loads(answer.body)["error"]) == {"code", "message"}
            assert TOKEN.encode() not in answer.body
            wire.close()
    assert {status for _, status in told} == {401, 404, 500, 503}, told
    for request in (
        f"GET / HTTP/1.1\r\nhost: {TOKEN}\r\n\r\n",
        f"{TOKEN}\r\n\r\n",
        f"GET /{TOKEN} HTTP/1.1\r\n\r\n",
    ):
        await wire.send(request.encode())
        wire.close()
    await wire.ask("POST", "/api/v1/page/key", [HERE, JSON], json.dumps({"code": TOKEN}).encode())
    assert TOKEN not in caplog.text
    assert key not in caplog.text


async def test_a_token_is_compared_in_constant_time(
    sidecar: Sidecar, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is offered is held against both secrets whole, by the standard library's comparison (hmac)."""
    compared: list[tuple[bytes, bytes]] = []

    class Recorder:
        @staticmethod
        def compare_digest(one: bytes, other: bytes) -> bool:
            compared.append((one, other))
            return one == other

    monkeypatch.setattr(auth, "hmac", Recorder)
    for offered in ("", "x", TOKEN[:-1], TOKEN, TOKEN + "x", page_key(TOKEN)):
        for path in ("/api/v1/sessions", "/api/v1/page/limits"):
            compared.clear()
            await wire.ask("GET", path, [HERE, (b"authorization", f"Bearer {offered}".encode())])
            assert set(compared) == {
                (offered.encode(), secret.encode()) for secret in (TOKEN, page_key(TOKEN))
            }
