"""Knocking at the API's door byte by byte, at every route there is, and whether anything behind it changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route

from support.served import Sidecar

Header = tuple[bytes, bytes]
JSON: Header = (b"content-type", b"application/json")
SESSION = "5f0c1e9a-7d1f-4c57-9d55-4b1f1f6b2a10"
UNKNOWN = (
    "/nothing",
    "/api/v1/",
    "/api/v1/page/nothing",
    "/static/",
    "/static/nothing.js",
    "/METRICS",
    "//metrics",
)
BODIES: dict[str, dict[str, Any]] = {
    "/api/v1/sessions/{id}/mute": {"muted": True},
    "/api/v1/page/sessions/{id}/mute": {"muted": True},
    "/api/v1/purge": {"all": True},
    "/api/v1/hooks/claude-code": {
        "hook": {"session_id": SESSION, "hook_event_name": "PermissionRequest", "tool_name": "Bash"}
    },
    "/api/v1/statusline": {
        "hook": {"session_id": SESSION, "model": {"id": "x"}, "cost": {"total_cost_usd": 1}}
    },
}
"""By route: a body that would change something."""


@dataclass(frozen=True)
class Target:
    """What is asked for: as the route has it, and as it is written."""

    route: str
    path: str
    method: str

    def body(self, code: str) -> bytes:
        if self.method != "POST":
            return b""
        own = {"code": code} if self.route == "/api/v1/page/key" else {}
        return json.dumps(BODIES.get(self.route, own)).encode()

    @property
    def is_public(self) -> bool:
        """Without data, and served to whoever stands at the right door."""
        return self.path in {"/", "/healthz", "/api/v1/page/key"} or self.path.startswith("/static/")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> str | None:
        """The code of a refusal."""
        try:
            return str(json.loads(self.body)["error"]["code"])
        except (ValueError, KeyError, TypeError):
            return None


def targets(sidecar: Sidecar) -> list[Target]:
    """Every method of every route of the running app, each file of the page, and paths that lead nowhere."""
    app = sidecar.app.app
    assert isinstance(app, Starlette)
    found = []
    for route in app.routes:
        assert isinstance(route, Route), "only plain routes: a mount would hide its own"
        for path in _paths(route.path):
            found += [Target(route.path, path, method) for method in sorted(route.methods or ())]
    return found + [Target(path, path, method) for path in UNKNOWN for method in ("GET", "POST")]


def _paths(route: str) -> Iterator[str]:
    if "{name}" in route:
        names = [
            file.name for file in files("clauditor.ui.web").iterdir() if file.name.endswith((".js", ".css"))
        ]
        yield from (route.replace("{name}", name) for name in sorted(names)[:3])
    else:
        yield route.replace("{id}", SESSION)


class Wire:
    """A connection on which exactly these bytes are sent; opened again where the server closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writer: asyncio.StreamWriter | None = None

    async def ask(
        self, method: str, target: str, headers: Sequence[Header], body: bytes = b"", *, version: str = "1.1"
    ) -> Answer:
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        length = b"content-length: %d\r\n" % len(body) if body or method == "POST" else b""
        return await self.send(
            f"{method} {target} HTTP/{version}\r\n".encode() + lines + length + b"\r\n" + body, method
        )

    async def send(self, data: bytes, method: str = "GET") -> Answer:
        """The first answer to these bytes; the connection is closed if it said so, or streams."""
        async with asyncio.timeout(10):
            if self._writer is None:
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            self._writer.write(data)
            answer = await self.next(method)
        if answer.headers.get("connection") == "close" or "content-length" not in answer.headers:
            self.close()
        return answer

    async def next(self, method: str = "GET") -> Answer:
        head = await self._reader.readuntil(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").strip().split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
        length = 0 if method == "HEAD" else int(fields.get("content-length", 0))
        if "content-length" not in fields and fields.get("connection") == "close":
            return Answer(int(first.split()[1]), fields, await self._reader.read())
        return Answer(int(first.split()[1]), fields, await self._reader.readexactly(length))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def held(sidecar: Sidecar) -> dict[str, Any]:
    """Everything that a request could have changed."""
    hub = sidecar.hub
    return {
        "sessions": {key: hub.snapshot(key, sidecar.now) for key in hub.sessions},
        "totals": hub.totals(sidecar.now),
        "rows": sidecar.store.writer.rows_written,
        "hooks": (sidecar.hooks.counters.taken, sidecar.hooks.waiting),
        "readers": sidecar.feed.subscribers,
    }
