"""`clauditor watch --tmux`: a window with the overview above and one pane a session, kept up while it is there.

This process keeps the window: it follows the live stream, opens, reuses and closes panes, and writes their borders.
In each pane a `clauditor watch --session ID` shows what happens.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Final

from clauditor.client import RESTART_SECONDS, connect
from clauditor.config import Settings
from clauditor.errors import ClauditorError
from clauditor.ui.clock import now
from clauditor.ui.watch.choice import choose
from clauditor.ui.watch.follow import Follower, Frame
from clauditor.ui.watch.grid import Grid
from clauditor.ui.watch.moments import Moments
from clauditor.ui.watch.paint import has_colours
from clauditor.ui.watch.tmux import Tmux, TmuxRefusedError, require_tmux
from clauditor.ui.watch.window import Window, attach_command, inside, window_inside, window_of_our_own

STEP_SECONDS: Final = 0.5

_END_SECONDS: Final = 5.0
_ENDINGS: Final = (signal.SIGTERM, signal.SIGHUP)
# What a program in a pane needs to find the same sidecar and to look the same; tmux hands on its own environment.
_HANDED_ON: Final = frozenset(
    {"NO_COLOR", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "PYTHONPATH"}
)


def run_tmux_watch(
    settings: Settings,
    url: str | None = None,
    *,
    session: str | None = None,
    signals_only: bool = False,
    rings: bool = True,
    max_panes: int,
) -> None:
    """Show the window until the person ends it (`q` in the overview, Ctrl-C here, or closing it).

    Raises ClauditorError where there is no tmux that can do it, no terminal, or no sidecar.
    """
    require_tmux()
    here = inside(os.environ)
    if here is None and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ClauditorError("watch --tmux needs a terminal; without one: clauditor watch.")
    choice = choose(connect(settings, url, retry_seconds=RESTART_SECONDS), session)
    base = _program(settings, url)
    environ = _environment(os.environ)
    overview = [*base("top"), *(() if rings else ("--no-bell",))]

    def pane(session_id: str) -> list[str]:
        return [
            *base("watch"),
            "--no-bell",
            *(("--signals-only",) if signals_only else ()),
            f"--session={session_id}",
        ]

    stop = _Stop()
    with stop.on_signals(), TemporaryDirectory(prefix="clauditor-tmux-") as directory:
        try:
            window, attached = _open(here, overview, environ, Path(directory))
        except TmuxRefusedError as error:
            raise ClauditorError(f"tmux does not open a window ({error}); see: tmux info") from error
        try:
            grid = Grid(
                window,
                choice,
                pane_command=pane,
                max_panes=max_panes,
                colours=has_colours(os.environ, is_terminal=True),
            )
            follower = Follower(connect(settings, url), choice.session_id)
            follower.start()
            _keep(
                grid, follower, lambda: stop.asked or (attached is not None and attached.poll() is not None)
            )
            follower.stop()
        finally:
            window.end()
            if attached is not None:
                _wait(attached)


def _open(
    here: tuple[Tmux, str, str] | None, overview: list[str], environ: list[str], directory: Path
) -> tuple[Window, subprocess.Popen[bytes] | None]:
    """Our window, and the tmux client that shows it where we are in none; its server's socket is in `directory`."""
    if here is not None:
        window = window_inside(*here, overview, environ)
        print("Watching in the tmux window clauditor; q there, or Ctrl-C here, ends it.", flush=True)  # noqa: T201
        return window, None
    tmux = Tmux(server=("-S", str(directory / "socket"), "-f", os.devnull))
    size = shutil.get_terminal_size()
    window = window_of_our_own(tmux, size.columns, size.lines, overview, environ)
    outside = {name: value for name, value in os.environ.items() if name not in {"TMUX", "TMUX_PANE"}}
    return window, subprocess.Popen(attach_command(tmux), env=outside)


def _keep(grid: Grid, follower: Follower, is_over: Callable[[], bool]) -> None:
    """Take what comes, and twice a second make the window as it should be."""
    moments = Moments()
    step_at = time.monotonic()
    while not is_over():
        item = follower.next(max(0.0, step_at - time.monotonic()))
        if isinstance(item, Frame):
            moments.take(item.name, item.data)
        if time.monotonic() >= step_at:
            step_at = time.monotonic() + STEP_SECONDS
            try:
                if not grid.step(moments.sessions, now()):
                    return
            except TmuxRefusedError:
                return  # the window was closed


def _program(settings: Settings, url: str | None) -> Callable[[str], list[str]]:
    """The command line of one of our commands, for the same sidecar."""
    options = ["--data-dir", str(settings.data_dir)]
    if settings.asked_for("config") and settings.config_file is not None:
        options += ["--config", str(settings.config_file)]
    if settings.token_file is not None:
        options += ["--token-file", str(settings.token_file)]
    if url is not None:
        options += ["--url", url]
    # A size that the shell which started tmux had exported is not that of a pane.
    clean = ["env", "-u", "COLUMNS", "-u", "LINES"]
    return lambda command: [*clean, sys.executable, "-P", "-m", "clauditor", command, *options]


def _environment(environ: Mapping[str, str]) -> list[str]:
    """The option `-e` of tmux for each variable that a pane needs."""
    wanted = {
        name: value for name, value in environ.items() if name in _HANDED_ON or name.startswith("CLAUDITOR_")
    }
    return [part for name, value in sorted(wanted.items()) for part in ("-e", f"{name}={value}")]


class _Stop:
    """Set by a signal that asks us to end; the window is cleared away first."""

    def __init__(self) -> None:
        self.asked = False

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        def ask(_number: int, _frame: FrameType | None) -> None:
            self.asked = True

        before = {number: signal.signal(number, ask) for number in _ENDINGS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _wait(attached: subprocess.Popen[bytes]) -> None:
    """The client ends with its server; it gives the terminal back as it was."""
    try:
        attached.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        attached.terminate()
        attached.wait()
