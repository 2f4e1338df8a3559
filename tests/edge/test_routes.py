"""What a POST must be before its handler sees it, over real HTTP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from clauditor.edge import openapi, routes
from clauditor.edge.auth import Guard
from clauditor.edge.endpoints import BadParameterError, Endpoint
from clauditor.edge.problems import bad_parameter, http_problem
from clauditor.edge.routes import route
from clauditor.edge.server import ApiServer
from support.life import NOW
from support.served import TOKEN
from support.waiting import eventually

TAKE = Endpoint(path="/take", text="Takes an object.", method="POST")
MAX_BODY_BYTES = TAKE.max_body_bytes
READ = Endpoint(path="/take", text="Reads it.")
JSON = {"content-type": "application/json"}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async def take(request: Request, body: dict[str, Any]) -> Response:
        return JSONResponse({"taken": body})

    async def read(request: Request, query: dict[str, Any]) -> Response:
        return JSONResponse({"read": query})

    app = Starlette(
        routes=[route(READ, read), route(TAKE, take)],
        exception_handlers={BadParameterError: bad_parameter, HTTPException: http_problem},
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = ApiServer(Guard(app, token=lambda: TOKEN), NOW)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        await eventually(lambda: server.started)
        headers = {"authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as asking:
            yield asking
        server.stop()
        await running


async def test_an_object_is_handed_over(client: httpx.AsyncClient) -> None:
    answer = await client.post("/take", json={"a": [1]})
    assert (answer.status_code, answer.json()) == (200, {"taken": {"a": [1]}})
    spelled = {"content-type": "Application/JSON; charset=utf-8"}
    assert (await client.post("/take", content=b"{}", headers=spelled)).status_code == 200
    assert (await client.get("/take")).json() == {"read": {}}


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{}", {"content-type": "text/plain"}, 415, "json_required"),
        (b"{}", {}, 415, "json_required"),
        (b"a=1", {"content-type": "application/x-www-form-urlencoded"}, 415, "json_required"),
        (b"{}", {"content-type": "application/jsonx"}, 415, "json_required"),
        (b"[]", JSON, 400, "bad_parameter"),
        (b"", JSON, 400, "bad_parameter"),
        (b"{", JSON, 400, "bad_parameter"),
        (b'{"a": "\xff"}', JSON, 400, "bad_parameter"),
        (b"[" * 50_000, JSON, 400, "bad_parameter"),
        (b'{"a": "' + b"x" * MAX_BODY_BYTES + b'"}', JSON, 413, "too_large"),
    ],
)
async def test_everything_else_is_refused_with_a_sentence(
    client: httpx.AsyncClient, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await client.post("/take", content=content, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["message"].endswith(".")


async def test_the_largest_body_is_taken(client: httpx.AsyncClient) -> None:
    whole = b'{"a": "' + b"x" * (MAX_BODY_BYTES - 9) + b'"}'
    assert len(whole) == MAX_BODY_BYTES
    assert (await client.post("/take", content=whole, headers=JSON)).status_code == 200


async def test_a_body_that_does_not_come_is_not_waited_for(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "BODY_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    head = f"POST /take HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {TOKEN}\r\n"
    writer.write(f"{head}content-type: application/json\r\ncontent-length: 10\r\n\r\n{{".encode())
    async with asyncio.timeout(10):
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
    writer.close()
    await writer.wait_closed()


async def test_a_post_passes_the_same_door(client: httpx.AsyncClient) -> None:
    for headers, status in (
        ({"authorization": "Bearer wrong-token-of-length"}, 401),
        ({"host": "evil.example"}, 421),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
    ):
        answer = await client.post("/take", json={}, headers=headers)
        assert answer.status_code == status, headers


async def test_a_post_takes_no_query_and_other_methods_are_refused(client: httpx.AsyncClient) -> None:
    assert (await client.post("/take?a=1", json={})).status_code == 400
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert (await client.request(method, "/take")).status_code == 405


def test_the_description_tells_both_methods_of_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openapi, "ENDPOINTS", (READ, TAKE))
    path = openapi.description("1")["paths"]["/take"]
    assert set(path) == {"get", "post"}
    assert path["post"]["requestBody"]["content"] == {"application/json": {"schema": {"type": "object"}}}
    assert {"413", "415"} <= set(path["post"]["responses"])
    assert "requestBody" not in path["get"]
    assert "415" not in path["get"]["responses"]
