"""Waiting for what happens in another thread or program."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, TypeVar

DEADLINE_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.01

T = TypeVar("T")


def until(look: Callable[[], T | None], what: str = "it happens", seconds: float = DEADLINE_SECONDS) -> T:
    """The first thing from `look` that is true; fails after a deadline."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(_LOOK_SECONDS)
    return found


async def eventually(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Return once `condition` is true; fails after a deadline."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another thread or program
            await asyncio.sleep(_LOOK_SECONDS)
