"""Time that passes only while nobody has anything to do: an event loop whose clock jumps to the next timer.

Code that waits with `asyncio.sleep` runs in it unchanged, in the same order each time. Nothing may come from
outside: no sockets, no threads.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` begins at 0 and counts virtual seconds."""

    def __init__(self) -> None:
        self._passed_seconds = 0.0
        super().__init__(_Jump(self))

    def time(self) -> float:
        return self._passed_seconds

    def pass_time(self, seconds: float) -> None:
        self._passed_seconds += seconds


class _Jump(selectors.SelectSelector):
    """Where a loop would wait, its time passes at once."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing would ever happen again: a task waits for what nobody will do")
        if timeout > 0:
            self._loop.pass_time(timeout)
        return []


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run to the end in virtual time. Raises what `work` raises, and `RuntimeError` if it waits for nothing."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
