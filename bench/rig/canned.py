"""The real API and web page over canned sessions, in a process of its own, told over a pipe what is to change."""

from __future__ import annotations

import asyncio
import socket
import time
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any, Final

import uvicorn

from clauditor.edge.api import build_app
from clauditor.edge.feed import Feed
from ui import afternoon

_TOKEN: Final = "a-token-for-one-bench"  # noqa: S105 - of a server that nobody else knows
_PERIOD: Final = 0.25


def serve(pipe: Connection, count: int) -> None:
    """Send the page's address; then obey: `label` one session, `changes` so many four times a second, `stop`."""
    asyncio.run(_serve(pipe, count))


async def _serve(pipe: Connection, count: int) -> None:
    shift = time.time() - afternoon.NOW
    shots = {shot["session_id"]: _moved(shot, shift) for shot in afternoon.many(count)}
    money = {"cost_usd": 38.4, "cost_complete": True, "estimated": True}
    hub: Any = SimpleNamespace(
        sessions=shots,
        snapshot=lambda key, _now: shots.get(key),
        totals=lambda _now: {"incident": None},
        limits=dict,
    )
    store: Any = SimpleNamespace(
        problem=None,
        history=SimpleNamespace(
            limits=dict, unobserved=lambda _since: {"exchanges": 0, "bytes": 0}, session=lambda *_: None
        ),
        calls=SimpleNamespace(
            turns=lambda _key, limit: afternoon.turns()[:limit], side_calls=lambda _key: []
        ),
        spending=SimpleNamespace(since=lambda _day: money, ended_since=lambda _since: money),
    )
    feed = Feed()
    beside: Any = SimpleNamespace()  # no metrics and no hooks are asked
    app = build_app(
        hub=hub,
        store=store,
        feed=feed,
        metrics=beside,
        hooks=beside,
        token=lambda: _TOKEN,
        allowed_hosts=(),
        now=time.time,
        version="1",
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", access_log=False))
        tasks = [
            asyncio.create_task(server._serve(sockets=[listener])),
            asyncio.create_task(feed.run(hub, time.time)),
        ]
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        pipe.send(f"{base}/#code={await _code(base)}")
        number, changes = 0, 0
        while True:
            if await asyncio.to_thread(pipe.poll, _PERIOD if changes else 5.0):
                what, value = pipe.recv()
                if what == "stop":
                    break
                if what == "changes":
                    changes = value
                else:
                    key = next(iter(shots))
                    shots[key] = shots[key] | {"label": value}
                    pipe.send(time.time())
                    feed.mark([key])
            keys = list(shots)
            for _ in range(changes):
                number += 1
                key = keys[number % len(keys)]
                shots[key] = shots[key] | {
                    "cost_usd": number / 100,
                    "turns": number,
                    "state_since": time.time(),
                }
                feed.mark([key])
        server.should_exit = True
        feed.close()
        for task in tasks:
            task.cancel()


def _moved(shot: dict[str, Any], shift: float) -> dict[str, Any]:
    """The session as if the afternoon were now."""
    times = {key: shot[key] + shift for key in ("state_since", "started_at", "last_activity_at") if shot[key]}
    cache = shot["cache"] | {"expires_at": (shot["cache"]["expires_at"] or afternoon.NOW) + shift + 3600}
    return shot | times | {"cache": cache}


async def _code(base: str) -> str:
    import httpx  # noqa: PLC0415 - once

    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(100):
            try:
                headers = {"authorization": f"Bearer {_TOKEN}"}
                answer = await client.post(f"{base}/api/v1/page/code", json={}, headers=headers)
                return str(answer.json()["code"])
            except httpx.TransportError:
                await asyncio.sleep(0.05)
    raise RuntimeError("the page is not served")
