"""A picture of the live screen, drawn without a terminal: the one in the README."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import tzinfo
from pathlib import Path
from typing import Final

from clauditor.errors import ClauditorError
from clauditor.ui.clock import local_zone, now
from clauditor.ui.top.app import PAINT_SECONDS, TopApp
from clauditor.ui.top.live import Sidecar

_DEADLINE_SECONDS: Final = 10.0
_FONT_FACES: Final = re.compile(r"@font-face\s*\{[^}]*\}\s*")


def write_picture(
    sidecar: Sidecar,
    path: Path,
    *,
    width: int = 100,
    height: int = 30,
    clock: Callable[[], float] = now,
    zone: Callable[[float], tzinfo] = local_zone,
) -> None:
    """Write the screen as it is once the first sessions are on it, as SVG.

    `width` and `height` are cells and lines. The SVG names no font of another host. Raises ClauditorError
    when no session appears within 10 s.
    """
    app = TopApp(sidecar, clock=clock, zone=zone)
    path.write_text(asyncio.run(_drawn(app, width, height)), encoding="utf-8")


async def _drawn(app: TopApp, width: int, height: int) -> str:
    async with app.run_test(size=(width, height)) as pilot:
        for _ in range(int(_DEADLINE_SECONDS / PAINT_SECONDS)):
            if app.board.rows:
                break
            await pilot.pause(PAINT_SECONDS)
        else:
            raise ClauditorError("There is no session to draw; start some, or: clauditor demo")
        await pilot.pause(2 * PAINT_SECONDS)  # spending is asked for beside the stream
        picture = app.export_screenshot(title="clauditor top")
    # Blanks at the ends of a run are part of the picture; not every viewer keeps them unasked.
    return _FONT_FACES.sub("", picture).replace("<text ", '<text xml:space="preserve" ')
