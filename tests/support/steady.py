"""Clients that ask one call after another through a stack, each in a session of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx

BODY = {
    "model": "claude-opus-5-5",
    "max_tokens": 9,
    "stream": True,
    "messages": [{"role": "user", "content": "hello"}],
}


@dataclass
class Traffic:
    """Clients that ask one after another until told to stop; each exchange has a session of its own."""

    url: str
    clients: int = 4
    errors: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def running(self, name: str) -> Iterator[None]:
        thread = threading.Thread(target=lambda: asyncio.run(self._run(name)))
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(30)
            assert not thread.is_alive()
        assert self.errors == []

    async def _run(self, name: str) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            await asyncio.gather(*(self._ask(client, f"{name}-{number}") for number in range(self.clients)))

    async def _ask(self, client: httpx.AsyncClient, name: str) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            headers = {"x-claude-code-session-id": f"{name}-{number}", "x-api-key": "k"}
            answer = await client.post(f"{self.url}/v1/messages", json=BODY, headers=headers)
            if answer.status_code != 200:
                self.errors.append(f"{name}-{number}: {answer.status_code}")
            await asyncio.sleep(0.02)
