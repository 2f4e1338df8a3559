"""The real API over a hub and a history in which every text of every field tries to become more than text."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx
import uvicorn

from clauditor.edge.api import build_app
from clauditor.edge.feed import Feed
from page.strings import STRINGS
from support.served import TOKEN
from support.waiting import eventually
from ui import afternoon

_KEPT = {"session_id", "attempt"}


def poisoned(value: Any, strings: itertools.cycle[str], key: str = "") -> Any:
    """The same with every text, and every key of a table of names, replaced."""
    match value:
        case str() if key not in _KEPT:
            return next(strings)
        case list():
            return [poisoned(one, strings) for one in value]
        case dict():
            names = key in {"by_name", "limits", "events", "windows"}
            return {
                (next(strings) if names else name): poisoned(one, strings, name)
                for name, one in value.items()
            }
        case _:
            return value


def sessions(ids: list[str]) -> dict[str, dict[str, Any]]:
    """Whole sessions; of any field, each text stands in one of them."""
    found = {}
    ordinary = afternoon.with_signals()
    for number, session_id in enumerate(ids):
        shot = ordinary[number % len(ordinary)]
        # Once with a state that is known, so that its own words are made of the texts, and once without.
        strings = itertools.cycle(STRINGS[number % len(STRINGS) :] + STRINGS[: number % len(STRINGS)])
        bad = poisoned(shot, strings) | {"session_id": session_id, "ended_at": None}
        if number % 2:
            bad |= {"state": shot["state"], "waiting_for": shot["waiting_for"], "entrypoint": "cli"}
            if bad["verdict"]:
                bad["verdict"] |= {"level": "act"}
        found[session_id] = bad
    return found


def turns() -> list[dict[str, Any]]:
    strings = itertools.cycle(STRINGS)
    return [poisoned(turn, strings) for _ in range(40) for turn in afternoon.turns()]


@contextlib.asynccontextmanager
async def hostile_sidecar(ids: list[str]) -> AsyncIterator[httpx.AsyncClient]:
    shots, strings = sessions(ids), itertools.cycle(STRINGS)
    incident = {"status": None, "failing": 2, "active": 3, "since": afternoon.NOW}
    money = {"cost_usd": 1.0, "cost_complete": False, "estimated": True, "turns": 3, "calls": 3}
    windows = poisoned(afternoon.limits(projected=(0.9, 0.5)), strings, "windows")
    signals = [
        {
            "name": text,
            "severity": "act",
            "evidence": text,
            "summary": text,
            "raised_at": 1.0,
            "cleared_at": None,
        }
        for text in STRINGS
    ]
    hub: Any = SimpleNamespace(
        sessions={
            key: SimpleNamespace(session_id=key, last_activity_at=afternoon.NOW, signals={}, project=None)
            for key in shots
        },
        snapshot=lambda key, now: shots.get(key),
        totals=lambda now: {"incident": incident},
        limits=dict,
    )
    store: Any = SimpleNamespace(
        problem=STRINGS[0],
        history=SimpleNamespace(
            session=lambda key, now: shots.get(key),
            sessions=lambda **asked: list(shots.values()),
            ids_starting_with=lambda prefix, limit=2: [key for key in shots if key.startswith(prefix)][
                :limit
            ],
            limits=lambda: {text: {"billing": "plan", "windows": windows} for text in STRINGS[:6]},
            unobserved=lambda since: {"exchanges": 1, "bytes": 9},
            gaps=lambda **asked: [],
        ),
        calls=SimpleNamespace(
            turns=lambda key, limit: turns(),
            side_calls=lambda key: [{"name": text, "calls": 1, "cost_usd": 0.1} for text in STRINGS],
        ),
        signals=SimpleNamespace(signals=lambda **asked: signals, had_since=lambda since: {}),
        spending=SimpleNamespace(
            since=lambda first: money,
            ended_since=lambda since: money,
            table=lambda by, first: {"rows": [money | {"key": text} for text in STRINGS], "total": money},
        ),
    )
    feed = Feed()
    beside: Any = SimpleNamespace(internal_error=lambda part: None)
    app = build_app(
        hub=hub,
        store=store,
        feed=feed,
        metrics=beside,
        hooks=beside,
        token=lambda: TOKEN,
        allowed_hosts=(),
        now=lambda: afternoon.NOW,
        version="1",
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        )
        running = asyncio.create_task(server._serve(sockets=[listener]))
        await eventually(lambda: server.started)
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with httpx.AsyncClient(
            base_url=base, headers={"authorization": f"Bearer {TOKEN}"}, trust_env=False
        ) as client:
            yield client
        feed.close()
        server.should_exit = True
        await running
