"""Asking the history from the event loop: on a thread, for a bounded time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, TypeVar

from starlette.exceptions import HTTPException

from clauditor.edge.sources import Kept, Live
from clauditor.errors import HistoryError

log = logging.getLogger(__name__)

HISTORY_SECONDS: Final = 4.0
MIN_PREFIX: Final = 4

T = TypeVar("T")


async def on_thread(question: Callable[[], T]) -> T:
    """The answer to a question that blocks. Raises what it raises, and TimeoutError."""
    async with asyncio.timeout(HISTORY_SECONDS):
        return await asyncio.to_thread(question)


async def resolve(given: str, hub: Live, store: Kept) -> str:
    """The session id meant by an id or by its unique beginning. Raises HTTPException 400 or 404."""
    if given in hub.sessions:
        return given
    try:
        past = await on_thread(lambda: store.history.ids_starting_with(given))
    except (HistoryError, TimeoutError) as error:
        log.warning("past sessions could not be read: %s", error)
        past = []
    if given in past:
        return given
    if len(given) < MIN_PREFIX:
        raise HTTPException(400, f"Give a whole session id, or at least its first {MIN_PREFIX} characters.")
    matches = {*past, *(key for key in hub.sessions if key.startswith(given))}
    if len(matches) > 1:
        raise HTTPException(400, f"More than one session begins with {given!r}; give more of the id.")
    if not matches:
        raise HTTPException(404, f"There is no session {given!r}; clauditor sessions lists them.")
    return matches.pop()
