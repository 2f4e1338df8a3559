"""Pictures of the live screen, drawn without a terminal: as SVG, or as the text that stands on it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Final

from clauditor.errors import ClauditorError
from clauditor.ui.top.app import PAINT_SECONDS, TopApp
from clauditor.ui.top.live import Sidecar

_DEADLINE_SECONDS: Final = 10.0
_SETTLING_SECONDS: Final = 0.6  # what is asked for beside the stream: spending, the calls of a session
_FONT_FACES: Final = re.compile(r"@font-face\s*\{[^}]*\}\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What to draw: the screen of `size` (cells, lines) after `keys`, into `file`: SVG, or by its name text."""

    file: Path
    size: tuple[int, int]
    keys: tuple[str, ...] = ()


def draw_pictures(
    sidecar: Sidecar,
    pictures: Iterable[Picture],
    *,
    clock: Callable[[], float],
    zone: Callable[[float], tzinfo],
) -> None:
    """Draw each on a screen of its own, once there are sessions on it. An SVG names no font of another host.

    Raises ClauditorError when no session appears within 10 s.
    """
    for picture in pictures:
        app = TopApp({"": sidecar}, clock=clock, zone=zone)
        picture.file.write_text(asyncio.run(_drawn(app, picture)), encoding="utf-8")


async def _drawn(app: TopApp, picture: Picture) -> str:
    async with app.run_test(size=picture.size) as pilot:
        for _ in range(int(_DEADLINE_SECONDS / PAINT_SECONDS)):
            if app.board.rows:
                break
            await pilot.pause(PAINT_SECONDS)
        else:
            raise ClauditorError("There is no session to draw; start some, or: clauditor demo")
        await pilot.press(*picture.keys)
        await pilot.pause(_SETTLING_SECONDS)
        if picture.file.suffix == ".txt":
            return _text(app)
        svg = app.export_screenshot(title="clauditor top")
    # Blanks at the ends of a run are part of the picture; not every viewer keeps them unasked.
    return _FONT_FACES.sub("", svg).replace("<text ", '<text xml:space="preserve" ')


def _text(app: TopApp) -> str:
    """What stands on the screen, line by line."""
    width, height = app.size
    strips = app.screen._compositor.render_strips()  # noqa: SLF001 - Textual has no other way to it
    return "".join(f"{strip.crop(0, width).text.rstrip()}\n" for strip in strips[:height])
