"""The terminals that sessions run in, as far as this machine has them: what they are called, and the way there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from clauditor.errors import ClauditorError
from clauditor.ui.jump import Terminal, find_spot, jump, pane_names, terminal
from clauditor.ui.views.session import SessionView


class Terminals(Protocol):
    """What the screen asks of them. Both block for a moment."""

    def names(self, sessions: Iterable[SessionView]) -> Mapping[str, str]:
        """What people call the terminals of sessions that run in tmux (`work:2.1`), by the session's key."""
        ...

    def go(self, session: SessionView) -> str:
        """Take the person to the session's terminal and say so. Raises ClauditorError when they have to go themselves."""
        ...


class LocalTerminals:
    """Those of this machine. `here` is the host whose sessions run on it, as the screen names it; None: none does."""

    def __init__(self, environ: Mapping[str, str], here: str | None = "") -> None:
        self._environ = environ
        self._here = here

    def names(self, sessions: Iterable[SessionView]) -> Mapping[str, str]:
        places = {
            session.key: place
            for session in sessions
            if session.host == self._here and (place := session.tty or session.pane)
        }
        if not places:
            return {}
        known = pane_names(self._environ)
        return {key: known[place] for key, place in places.items() if place in known}

    def go(self, session: SessionView) -> str:
        if session.host != self._here:
            where = f"on {session.host}" if session.host else "elsewhere"
            raise ClauditorError(f"It runs {where}; go there yourself, clauditor cannot.")
        place = terminal(session.pane, session.tty)
        if place == Terminal(pane=None, tty=None):
            raise ClauditorError("Its terminal is not known: Clauditor's hooks tell it, clauditor install.")
        spot = find_spot(place, self._environ)
        if spot is None:
            raise ClauditorError(f"It runs in {place.tty or place.pane}, in no tmux; go there yourself.")
        if not jump(spot):
            raise ClauditorError(f"It runs in tmux {spot.name}; tmux refuses to go there, go yourself.")
        if spot.client is None:
            return f"It is tmux {spot.name}, which no terminal shows now: tmux attach."
        return f"tmux {spot.name} is in front of you."
