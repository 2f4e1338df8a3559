"""Keeps the window as it should be: the right sessions in its panes, in a layout that fits, with true borders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, Protocol

from clauditor.ui.clock import local_zone
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.session import SessionView
from clauditor.ui.watch import border
from clauditor.ui.watch.choice import Choice
from clauditor.ui.watch.layout import capacity, layout
from clauditor.ui.watch.plan import Place, is_live, plan
from clauditor.ui.watch.tmux import TmuxRefusedError
from clauditor.ui.watch.window import State

MAX_DISMISSED: Final = 1000

_RESTART_SECONDS: Final = 5.0
_ENDED_BY_PERSON: Final = frozenset({0, 130})  # Ctrl-C in a pane


class Panes(Protocol):
    """What is asked of the window. Raises TmuxRefusedError where it, or one of its panes, is gone."""

    overview: str

    def state(self) -> State: ...
    def open(self, beside: str, command: Sequence[str]) -> str: ...
    def reuse(self, pane: str, command: Sequence[str]) -> None: ...
    def close(self, pane: str) -> None: ...
    def arrange(self, layout: str) -> None: ...
    def show(self, borders: Mapping[str, str]) -> None: ...


class Grid:
    """Call `step` twice a second. What the person does with panes stands: one they close stays away."""

    def __init__(
        self,
        window: Panes,
        choice: Choice,
        *,
        pane_command: Callable[[str], Sequence[str]],
        max_panes: int,
        colours: bool,
    ) -> None:
        self._window, self._choice = window, choice
        self._pane_command, self._max_panes, self._colours = pane_command, max_panes, colours
        self._places: dict[str, Place] = {}
        self._names: dict[str, SessionView] = {}
        self._dismissed: dict[str, None] = {}
        self._started_at: dict[str, float] = {}
        self._arranged: tuple[int, int, int] | None = None
        self._borders: dict[str, str] = {}

    def step(self, sessions: Mapping[str, SessionView], now: float) -> bool:
        """Make the window as it should be at `now` (Unix seconds); False once the person ended the overview.

        Raises TmuxRefusedError where the window is gone.
        """
        state = self._window.state()
        overview = state.pane(self._window.overview)
        if overview is None or overview.exit_code is not None:
            return False
        # An id that no command line can carry is none that a client would have.
        watched = {
            key: view for key, view in sessions.items() if key.isprintable() and self._choice.has(key, view)
        }
        if self._notice(state, watched, now):
            state = self._window.state()
        left_out = 0
        if not state.is_zoomed:  # what opens or closes panes would end the zoom
            left_out, has_changed = self._fill(state, watched, now)
            if has_changed:
                state = self._window.state()
            self._arrange(state)
        self._write_borders(state, watched, now, left_out)
        return True

    def _notice(self, state: State, sessions: Mapping[str, SessionView], now: float) -> bool:
        """What happened to panes and sessions since the last step; True if a pane was closed over it."""
        has_closed = False
        for pane, place in list(self._places.items()):
            found = state.pane(pane)
            if found is None or found.exit_code in _ENDED_BY_PERSON:
                self._dismiss(place.session_id)
                self._forget(pane)
                if found is not None:
                    has_closed = True
                    with suppress(TmuxRefusedError):
                        self._window.close(pane)
            elif found.exit_code is not None and now - self._started_at[pane] >= _RESTART_SECONDS:
                self._show(pane, place.session_id, now)
        for pane, place in self._places.items():
            session = sessions.get(place.session_id)
            if session is not None:
                self._names[place.session_id] = session
            if is_live(session):
                self._places[pane] = replace(place, over_at=None)
            elif place.over_at is None:
                ended_at = session.ended_at if session is not None else None
                self._places[pane] = replace(place, over_at=min(now, ended_at or now))
        for session_id in [key for key in self._dismissed if not is_live(sessions.get(key))]:
            del self._dismissed[session_id]
        return has_closed

    def _fill(self, state: State, sessions: Mapping[str, SessionView], now: float) -> tuple[int, bool]:
        """Open, reuse and close panes; how many live sessions have none, and whether panes came or went."""
        foreign = sum(pane.pane not in self._places for pane in state.panes) - 1
        room = min(self._max_panes, max(1, capacity(state.width, state.height) - foreign))
        todo = plan(self._places.values(), sessions, room=room, dismissed=self._dismissed, now=now)
        for pane in todo.close:
            self._forget(pane)
            with suppress(TmuxRefusedError):  # the person was faster
                self._window.close(pane)
        for pane, session_id in todo.reuse:
            self._show(pane, session_id, now)
        for session_id in todo.open:
            state = self._window.state()
            largest = max(state.panes, key=lambda pane: pane.height)
            try:
                pane = self._window.open(largest.pane, self._pane_command(session_id))
            except TmuxRefusedError:
                break  # no room after all; the next step tries again
            self._places[pane] = Place(pane=pane, session_id=session_id)
            self._started_at[pane] = now
        return todo.left_out, bool(todo.close or todo.open)

    def _show(self, pane: str, session_id: str, now: float) -> None:
        self._places[pane] = Place(pane=pane, session_id=session_id)
        self._started_at[pane] = now
        with suppress(TmuxRefusedError):  # the next step sees that it is gone
            self._window.reuse(pane, self._pane_command(session_id))

    def _arrange(self, state: State) -> None:
        size = (state.width, state.height, len(state.panes))
        if size != self._arranged:
            self._arranged = size
            with suppress(TmuxRefusedError):  # resized meanwhile: the next step sees it
                self._window.arrange(layout(*size))

    def _write_borders(
        self, state: State, sessions: Mapping[str, SessionView], now: float, left_out: int
    ) -> None:
        scene = Scene(now=now, zone=local_zone(now))
        wanted: dict[str, str] = {}
        for pane in state.panes:
            place = self._places.get(pane.pane)
            if pane.pane == self._window.overview:
                wanted[pane.pane] = border.overview_border(left_out, pane.width)
            elif place is None:
                continue
            elif place.over_at is not None:
                known = self._names.get(place.session_id)
                wanted[pane.pane] = border.over_border(known, place.over_at, scene, pane.width)
            elif (session := sessions.get(place.session_id)) is not None:
                wanted[pane.pane] = border.session_border(session, scene, pane.width, colours=self._colours)
        changed = {pane: text for pane, text in wanted.items() if self._borders.get(pane) != text}
        with suppress(TmuxRefusedError):  # a pane went: the next step writes the others
            self._window.show(changed)
            self._borders = {pane: wanted.get(pane, "") for pane in wanted}

    def _dismiss(self, session_id: str) -> None:
        self._dismissed[session_id] = None
        if len(self._dismissed) > MAX_DISMISSED:
            del self._dismissed[next(iter(self._dismissed))]

    def _forget(self, pane: str) -> None:
        place = self._places.pop(pane)
        self._names.pop(place.session_id, None)
        self._started_at.pop(pane, None)
