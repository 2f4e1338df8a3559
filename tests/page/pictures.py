"""The pictures of the page in docs/img, after some minutes of the demo.     (`make page-pictures`; needs Chromium)

python -m page.pictures docs/img
"""

from __future__ import annotations

import asyncio
import socket
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import httpx
import uvicorn

from clauditor.demo.picture import Played
from clauditor.edge.api import build_app
from clauditor.edge.feed import Feed
from page.browsing import WAIT_MS, browsing, enter, tab
from support.served import TOKEN
from support.waiting import eventually

PICTURES: Final = (
    ("page-dark", 1440, 860, "dark", ""),
    ("page-light", 1440, 860, "light", ""),
    ("page-800", 800, 860, "light", ""),
    ("page-360", 360, 760, "dark", ""),
    ("page-session", 1440, 760, "dark", "Enter"),
)
"""Name, size, theme, and the key that is pressed first."""


async def draw(played: Played, directory: Path) -> None:
    shots = played._shots
    hub: Any = SimpleNamespace(
        sessions=shots,
        snapshot=lambda key, _now: shots.get(key),
        totals=lambda _now: played._totals,
        limits=dict,
    )
    feed = Feed()
    beside: Any = SimpleNamespace()  # nobody asks it
    app = build_app(
        hub=hub,
        store=played._store,
        feed=feed,
        metrics=beside,
        hooks=beside,
        token=lambda: TOKEN,
        allowed_hosts=(),
        now=lambda: played.now,
        version="1",
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        running = asyncio.create_task(server._serve(sockets=[listener]))
        await eventually(lambda: server.started)
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        headers = {"authorization": f"Bearer {TOKEN}"}
        async with (
            httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as client,
            browsing() as browser,
        ):
            for name, width, height, theme, key in PICTURES:
                size = {"width": width, "height": height}
                async with tab(browser, viewport=size, color_scheme=theme, timezone_id="UTC") as opened:
                    await enter(opened, client)
                    await opened.page.wait_for_selector("#detail canvas", timeout=WAIT_MS)
                    await opened.until("() => document.getElementById('spend').innerText !== ''")
                    if key:
                        await opened.page.keyboard.press(key)
                        await opened.page.wait_for_selector("#session canvas", timeout=WAIT_MS)
                    await opened.page.screenshot(path=directory / f"{name}.png")
        feed.close()
        server.should_exit = True
        await running


def main(directory: Path) -> None:
    with tempfile.TemporaryDirectory() as data:
        played = Played(Path(data))
        try:
            asyncio.run(draw(played, directory))
        finally:
            played.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
