"""What the screen knows from elsewhere than a sidecar: what tmux calls its panes; with no session, what goes on here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from clauditor.ui.top.terminals import Terminals
from clauditor.ui.views.empty import Around
from clauditor.ui.views.session import SessionView

PANES_SECONDS: Final = 5.0  # tmux is a program to start each time
AROUND_SECONDS: Final = 3.0


class Outside:
    """`panes`: names of tmux panes by session, as for a `Scene`."""

    def __init__(self, terminals: Terminals | None, look_around: Callable[[], Around]) -> None:
        self.panes: Mapping[str, str] = {}
        self.around = Around()
        self._terminals = terminals
        self._look_around = look_around

    async def follow(
        self, sessions: Callable[[], Sequence[SessionView]], changed: Callable[[], None]
    ) -> None:
        """Look again and again, until cancelled."""
        while True:
            shown = sessions()
            before = self.panes, self.around
            if not shown:
                self.around = await asyncio.to_thread(self._look_around)
            elif self._terminals is not None:
                self.panes = await asyncio.to_thread(self._terminals.names, shown)
            if (self.panes, self.around) != before:
                changed()
            await asyncio.sleep(PANES_SECONDS if shown else AROUND_SECONDS)
