"""The newest calls of the selected session, which the pane's last line tells; read again when the session changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from clauditor.errors import ClauditorError
from clauditor.ui.top.live import Sidecar
from clauditor.ui.views.recent import TURNS
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.turns import TurnView, turn_views

LOOK_SECONDS: Final = 0.25
READ_SECONDS: Final = 1.0

Mark = tuple[str, int | None, str, float | None]


class Recent:
    """Holds the calls of one session at a time."""

    def __init__(self) -> None:
        self._key: str | None = None
        self._turns: tuple[TurnView, ...] = ()

    def of(self, session: SessionView | None) -> tuple[TurnView, ...]:
        """Its newest calls, oldest first; empty while they are not known."""
        return self._turns if session is not None and session.key == self._key else ()

    async def follow(
        self, wanted: Callable[[], tuple[SessionView, Sidecar] | None], changed: Callable[[], None]
    ) -> None:
        """Read those of the session that `wanted` names, until cancelled; one that did not change is not asked about."""
        known: Mark | None = None
        while True:
            asked = wanted()
            if asked is None or (mark := _mark(asked[0])) == known:
                await asyncio.sleep(LOOK_SECONDS)
                continue
            session, sidecar = asked
            try:
                turns = await asyncio.to_thread(sidecar.turns, session.session_id, limit=TURNS)
            except ClauditorError:
                turns = []  # the headline says when nothing is heard
            known = mark
            self._key, self._turns = session.key, turn_views(turns)
            changed()
            await asyncio.sleep(READ_SECONDS)


def _mark(session: SessionView) -> Mark:
    """What changes whenever its calls do."""
    return session.key, session.turns, session.state, session.state_since
