"""The tmux window of the watch: made in the user's tmux or in one of our own, and gone at the end without a trace.

Everything is set on our window and its panes only, never globally, except on a server of our own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from clauditor.ui.watch.tmux import Tmux, TmuxRefusedError

NAME: Final = "clauditor"

_BORDER: Final = "@clauditor"  # an option of our own: tmux shows its value without expanding it
_OPTIONS: Final = (
    ("pane-border-status", "top"),
    ("pane-border-format", f"#{{?pane_active,#[bold],}}#{{{_BORDER}}}#[default]"),
    ("remain-on-exit", "on"),  # how a pane ended can be asked then
    ("automatic-rename", "off"),
    ("synchronize-panes", "off"),
)
# Of a server of our own. The last one is set after a client came: it would end the session at once.
_OWN_OPTIONS: Final = (
    ("-g", "mouse", "on"),
    ("-g", "default-terminal", "screen-256color"),
    ("-s", "escape-time", "20"),
    ("-g", "status-left", " clauditor "),
    ("-g", "status-left-length", "20"),
    ("-g", "window-status-format", ""),
    ("-g", "window-status-current-format", ""),
    ("-g", "status-right-length", "80"),
    ("-g", "status-right", " q in the upper pane ends; C-b o next pane, C-b z zoom, mouse works "),
)
_MADE: Final = ("-d", "-P", "-F", "#{window_id} #{pane_id}")
_NEW_WINDOW: Final = ("new-window", *_MADE)
_NEW_SESSION: Final = ("new-session", *_MADE, "-s", NAME, "-n", NAME)
_STATE: Final = (
    "#{pane_id} #{pane_dead} #{pane_dead_status} #{pane_width} #{pane_height} "
    "#{window_width} #{window_height} #{window_zoomed_flag}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """A pane as tmux tells it; `exit_code` is None while its program runs."""

    pane: str
    width: int
    height: int
    exit_code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The window's size in cells, and its panes in order."""

    width: int
    height: int
    is_zoomed: bool
    panes: tuple[Pane, ...]

    def pane(self, pane: str) -> Pane | None:
        return next((one for one in self.panes if one.pane == pane), None)


@dataclass(slots=True, kw_only=True)
class Window:
    """`home` is the session and the window that the person came from; None on a server of our own."""

    tmux: Tmux
    window: str
    overview: str
    environ: Sequence[str]
    home: tuple[str, str] | None
    own: set[str] = field(default_factory=set)

    def state(self) -> State:
        """Raises TmuxRefusedError where the window is gone."""
        rows = [
            row.split(" ")
            for row in self.tmux.run(["list-panes", "-t", self.window, "-F", _STATE]).splitlines()
        ]
        # How a pane ended is empty while it lives, and after a signal.
        numbers = [[int(field or -1) for field in row[1:]] for row in rows if len(row) == 8]
        if not numbers:
            raise TmuxRefusedError("no panes")
        panes = tuple(
            Pane(pane=row[0], width=width, height=height, exit_code=status if dead else None)
            for row, (dead, status, width, height, *_) in zip(rows, numbers, strict=True)
        )
        _, _, _, _, width, height, zoomed = numbers[0]
        return State(width=width, height=height, is_zoomed=bool(zoomed), panes=panes)

    def open(self, beside: str, command: Sequence[str]) -> str:
        """A new pane cut off `beside`; its id. Raises TmuxRefusedError where there is no room."""
        pane = self.tmux.run(
            ["split-window", "-d", "-P", "-F", "#{pane_id}", "-t", beside, *self.environ, *command]
        ).strip()
        self.own.add(pane)
        return pane

    def reuse(self, pane: str, command: Sequence[str]) -> None:
        """Another program in a pane, on an empty screen."""
        self.tmux.run(
            ["respawn-pane", "-k", "-t", pane, *self.environ, *command], ["clear-history", "-t", pane]
        )

    def close(self, pane: str) -> None:
        self.tmux.run(["kill-pane", "-t", pane])

    def arrange(self, layout: str) -> None:
        self.tmux.run(["select-layout", "-t", self.window, layout])

    def show(self, borders: Mapping[str, str]) -> None:
        """The text in the border of each pane; a value of `border.shown_by_tmux`."""
        if borders:
            self.tmux.run(
                *(["set-option", "-p", "-t", pane, _BORDER, text] for pane, text in borders.items())
            )

    def end(self) -> None:
        """Close what is ours and go back; a pane that the person made in our window stays, as an ordinary one."""
        with contextlib.suppress(TmuxRefusedError):
            if self.home is None:
                self.tmux.run(["kill-server"])
                return
            session, window = self.home
            panes = self.tmux.run(["list-panes", "-t", self.window, "-F", "#{pane_id}"]).split()
            if foreign := [pane for pane in panes if pane not in self.own]:
                ours = [pane for pane in panes if pane not in foreign]
                self.tmux.run(
                    *(["set-option", "-w", "-u", "-t", self.window, name] for name, _ in _OPTIONS),
                    *(["kill-pane", "-t", pane] for pane in ours),
                )
                return
            if (
                self.tmux.run(["display-message", "-p", "-t", f"{session}:", "#{window_id}"]).strip()
                == self.window
            ):
                with contextlib.suppress(TmuxRefusedError):  # it may be gone
                    self.tmux.run(["select-window", "-t", window])
            self.tmux.run(["kill-window", "-t", self.window])


def inside(environ: Mapping[str, str]) -> tuple[Tmux, str, str] | None:
    """The tmux that we run in, with our session and window there; None outside of any, or where it is gone."""
    socket = environ.get("TMUX", "").rpartition(",")[0].rpartition(",")[0]
    pane = environ.get("TMUX_PANE", "")
    if not socket or not pane:
        return None
    tmux = Tmux(server=("-S", socket))
    try:
        told = tmux.run(["display-message", "-p", "-t", pane, "#{session_id} #{window_id}"]).split()
    except TmuxRefusedError:
        return None
    return (tmux, told[0], told[1]) if len(told) == 2 else None


def window_inside(
    tmux: Tmux, session: str, window: str, command: Sequence[str], environ: Sequence[str]
) -> Window:
    """A new window of the person's session, shown once it is ready."""
    made = tmux.run(
        [*_NEW_WINDOW, "-t", f"{session}:", "-n", NAME, *environ, *command],
    ).split()
    ours = _ready(tmux, made, environ, home=(session, window))
    tmux.run(["select-window", "-t", ours.window])
    return ours


def window_of_our_own(
    tmux: Tmux, width: int, height: int, command: Sequence[str], environ: Sequence[str]
) -> Window:
    """A server with one session, started without the person's settings: a plug-in of theirs may restore sessions."""
    made = tmux.run(
        [*_NEW_SESSION, "-x", str(width), "-y", str(height), *environ, *command],
        *(["set-option", *option] for option in _OWN_OPTIONS),
    ).split()
    return _ready(tmux, made, environ, home=None)


def attach_command(tmux: Tmux) -> list[str]:
    """Shows a server of our own in this terminal; when that ends, so does the server."""
    return tmux.command("attach-session", "-t", NAME, ";", "set-option", "-g", "destroy-unattached", "on")


def _ready(
    tmux: Tmux, made: Sequence[str], environ: Sequence[str], *, home: tuple[str, str] | None
) -> Window:
    window, overview = made
    tmux.run(*(["set-option", "-w", "-t", window, name, value] for name, value in _OPTIONS))
    return Window(tmux=tmux, window=window, overview=overview, environ=environ, home=home, own={overview})
