"""The HTTP side for real: hub, store, feed and metrics behind uvicorn on a free port."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from clauditor.edge.api import build_app
from clauditor.edge.auth import Guard
from clauditor.edge.feed import Feed
from clauditor.edge.hooks import Hooks
from clauditor.edge.server import ApiServer
from clauditor.hub import Hub
from clauditor.store.store import Store
from clauditor.telemetry.metrics import Metrics
from support.life import NOW, Book, Life
from support.waiting import eventually

TOKEN = "a-token-of-some-length"


@dataclass
class Sidecar:
    """Everything behind one port. `now` stands still unless a test moves it."""

    store: Store
    metrics: Metrics
    feed: Feed
    hub: Hub
    hooks: Hooks
    port: int
    client: httpx.AsyncClient
    now: float = NOW + 100
    token: str = TOKEN
    lives: dict[str, Life] = field(default_factory=dict)
    server: ApiServer = field(init=False)
    app: Guard = field(init=False)

    def life(self, session_id: str = "5f0c1e9a-7d1f-4c57-9d55-4b1f1f6b2a10", at: float = NOW) -> Life:
        return self.lives.setdefault(session_id, Life(self.hub, session_id, at))

    async def settle(self) -> None:
        """Wait until what happened is in the database."""
        self.store.sink.flush()
        await eventually(lambda: self.store.writer.is_idle)

    async def get(self, path: str, status: int = 200) -> dict[str, Any]:
        answer = await self.client.get(path)
        assert answer.status_code == status, answer.text
        body = answer.json()
        assert isinstance(body, dict)
        return body


@contextlib.asynccontextmanager
async def serving(data_dir: Path, *, port: int = 0) -> AsyncIterator[Sidecar]:
    """Serve from `data_dir` until the end of the block."""
    store = Store(data_dir / "clauditor.db")
    metrics, feed = Metrics(version="1.2.3"), Feed(heartbeat_seconds=0.3)
    hub = Hub(book=Book(), sinks=[store.sink, metrics, feed], revive=store.load_session)
    with socket.create_server(("127.0.0.1", port)) as listener:
        port = listener.getsockname()[1]
        base = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(
            base_url=base, headers={"authorization": f"Bearer {TOKEN}"}, trust_env=False
        ) as client:
            hooks = Hooks(publish=hub.publish, live=hub.sessions)
            running = Sidecar(store, metrics, feed, hub, hooks, port, client)
            running.app = build_app(
                hub=hub,
                store=store,
                feed=feed,
                metrics=metrics,
                hooks=hooks,
                token=lambda: running.token,
                allowed_hosts=("sidecar.internal",),
                now=lambda: running.now,
                version="1.2.3",
            )
            running.server = server = ApiServer(running.app, running.now)
            tasks = [
                asyncio.create_task(server.serve(sockets=[listener])),
                asyncio.create_task(feed.run(hub, lambda: running.now)),
            ]
            await eventually(lambda: server.started)
            try:
                yield running
            finally:
                feed.close()
                server.stop()
                await tasks[0]
                tasks[1].cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await tasks[1]
                store.close()
