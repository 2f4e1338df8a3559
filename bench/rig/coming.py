"""Sessions that come, make some calls and end, one after the other, and somebody who listens to the live stream."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from bench.rig.asking import Line
from bench.rig.plan import Plan, request_body
from bench.rig.stacks import Watched

SIZES: Final = 20  # requests grow for so many calls, then they are as long as the last
EVENTS: Final = 20
GAP_SECONDS: Final = 0.03
PAUSE_SECONDS: Final = 1.0


@dataclass
class Traffic:
    """What the clients did."""

    calls: int = 0
    sessions: int = 0
    wrong: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    """SHA-256 by the plan's name, of those that are not compared yet."""


async def session(stack: Watched, name: str, calls: int, traffic: Traffic) -> None:
    """One that begins, makes its calls and ends."""
    line = await Line.open(stack.url)
    try:
        tools: tuple[str, ...] = ()
        for number in range(calls):
            tool = f"toolu_{name}_{number}"
            used = ((tool, "Bash", "make test"),) if number % 2 == 0 else ()
            plan = Plan(
                name=f"{name}-{number}", events=EVENTS, gap_seconds=GAP_SECONDS, tools=used, cache_read=5000
            )
            heard = await line.ask(name, plan, request_body(2000 * (min(number, SIZES) + 1), tools=tools))
            traffic.answers[plan.name] = heard.response_sha256
            traffic.calls += 1
            tools = tuple(one[0] for one in used)
            await asyncio.sleep(PAUSE_SECONDS)
        said = json.dumps({"session_id": name, "hook_event_name": "SessionEnd", "reason": "other"})
        status, _ = await asyncio.to_thread(_ask, stack, "POST", "/api/v1/hooks/claude-code", said)
        if status >= http.HTTPStatus.BAD_REQUEST:
            traffic.wrong.append(f"the end of {name} was answered with {status}")
        traffic.sessions += 1
    except (OSError, RuntimeError, asyncio.IncompleteReadError) as error:
        traffic.wrong.append(f"{name}: {type(error).__name__} {error}")
    finally:
        line.close()


def _ask(stack: Watched, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
    parts = urlsplit(stack.api_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    headers = {"authorization": f"Bearer {stack.token}", "content-type": "application/json"}
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


async def clients(stack: Watched, seconds: float, a_second: float, calls: int, traffic: Traffic) -> None:
    """Sessions that begin one after the other, so many a second, until the time is over."""
    began, running = time.monotonic(), set[asyncio.Task[None]]()
    for number in itertools.count():
        wait = began + number / a_second - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        if time.monotonic() - began > seconds:
            break
        task = asyncio.create_task(session(stack, f"soak-{number:06}", calls, traffic))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)


def listen(stack: Watched) -> Callable[[], None]:
    """A subscriber that reads whatever comes; what is returned ends it."""
    parts = urlsplit(stack.api_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    connection.request("GET", "/api/v1/stream", headers={"authorization": f"Bearer {stack.token}"})
    line = connection.sock
    answer = connection.getresponse()

    def read() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            while answer.read1(1 << 18):
                pass

    reading = threading.Thread(target=read, daemon=True)
    reading.start()

    def end() -> None:
        line.shutdown(socket.SHUT_RDWR)
        reading.join(10)

    return end
