"""Takes the person to a session's terminal: moves a tmux client to the pane that the session runs in.

Source: tmux(1), 3.2 and later: `switch-client -t PANE` changes session, window and pane. A pane's number alone says
nothing, because each tmux server counts its own from %0; so a pane is known by its tty, on whichever of the user's
servers it is. Every argument is passed as one, no shell reads any of them.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clauditor.text import clean

SECONDS: Final = 2.0  # for one answer of a tmux server
_MOST_SERVERS: Final = 16
_SHOWN_CELLS: Final = 60
_PANE: Final = re.compile(r"%[0-9]{1,9}")
_TTY: Final = re.compile(r"/dev/(?:pts/[0-9]{1,9}|tty[A-Za-z0-9]{1,12})")
# Separated by blanks, because tmux turns tabs into underscores where the locale is no UTF-8 one; names stand last.
_PANES: Final = "#{pane_id} #{pane_tty} #{window_index}.#{pane_index} #{session_name}"
_CLIENTS: Final = "#{client_activity} #{session_id} #{pane_id} #{client_name}"

Run = Callable[[Sequence[str]], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """Where a session runs, as its hooks told (`terminal` of its snapshot); None: not known."""

    pane: str | None
    tty: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A pane of a tmux server (`socket`), called `name` by people (`work:2.1`), and the client to move there: the one
    used last, None if none is attached. `is_shown`: that client shows this very pane.
    """

    socket: str
    pane: str
    name: str
    client: str | None
    is_shown: bool


def terminal_of(snapshot: Mapping[str, object]) -> Terminal:
    """Reads a snapshot's `terminal`; anything that is no pane or tty is unknown."""
    found = snapshot.get("terminal")
    fields = found if isinstance(found, Mapping) else {}
    return terminal(fields.get("pane"), fields.get("tty"))


def terminal(pane: object, tty: object) -> Terminal:
    """What a snapshot calls `pane` and `tty`, as far as they are such."""
    return Terminal(
        pane=pane if isinstance(pane, str) and _PANE.fullmatch(pane) else None,
        tty=tty if isinstance(tty, str) and _TTY.fullmatch(tty) else None,
    )


def find_spot(terminal: Terminal, environ: Mapping[str, str], run: Run | None = None) -> Spot | None:
    """The pane that is this terminal, on the tmux server we are in, or on another one of this user's."""
    if terminal == Terminal(pane=None, tty=None):
        return None
    run = run or run_tmux
    for number, socket in enumerate(_sockets(environ)):
        if terminal.tty is None and number > 0:
            break  # the number alone has to do then, on the server that is most likely meant
        for pane, tty, name in _panes(socket, run):
            if tty == terminal.tty if terminal.tty else pane == terminal.pane:
                client, shown = _client(socket, environ, run)
                return Spot(socket=socket, pane=pane, name=name, client=client, is_shown=shown == pane)
    return None


def pane_names(environ: Mapping[str, str], run: Run | None = None) -> dict[str, str]:
    """What people call the panes of this user's tmux servers, `work:2.1`: by tty, and by number (`%3`) those of the
    server we are in, or most likely meant.
    """
    names: dict[str, str] = {}
    for number, socket in enumerate(_sockets(environ)):
        for pane, tty, name in _panes(socket, run or run_tmux):
            names[tty] = name
            if number == 0:
                names[pane] = name
    return names


def _panes(socket: str, run: Run) -> Iterator[tuple[str, str, str]]:
    """Number, tty and name of each pane of a server."""
    for pane, tty, place, name in _rows(run(panes_command(socket))):
        if _PANE.fullmatch(pane):
            yield pane, tty, f"{clean(name, _SHOWN_CELLS)}:{place}"


def jump(spot: Spot, run: Run | None = None) -> bool:
    """Bring the pane to the front; False if tmux refuses."""
    return (run or run_tmux)(jump_command(spot)) is not None


def panes_command(socket: str) -> list[str]:
    return ["tmux", "-u", "-S", socket, "list-panes", "-a", "-F", _PANES]


def clients_command(socket: str) -> list[str]:
    return ["tmux", "-u", "-S", socket, "list-clients", "-F", _CLIENTS]


def jump_command(spot: Spot) -> list[str]:
    """Make the pane the active one of its window and session, and let the client, if there is one, show them."""
    command = [
        "tmux",
        "-S",
        spot.socket,
        "select-window",
        "-t",
        spot.pane,
        ";",
        "select-pane",
        "-t",
        spot.pane,
    ]
    if spot.client is not None:
        command += [";", "switch-client", "-c", spot.client, "-t", spot.pane]
    return command


def run_tmux(command: Sequence[str]) -> str | None:
    """What a tmux command printed; None if it failed, or there is no tmux."""
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", check=False, timeout=SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None


def _sockets(environ: Mapping[str, str]) -> Iterator[str]:
    """The server we are in first, then this user's others, the default one before those with a name."""
    inside = environ.get("TMUX", "").rpartition(",")[0].rpartition(",")[0]
    directory = Path(environ.get("TMUX_TMPDIR") or "/tmp") / f"tmux-{os.getuid()}"  # noqa: S108 - where tmux itself looks
    try:
        others = sorted(directory.iterdir(), key=lambda path: (path.name != "default", path.name))
    except OSError:
        others = []
    sockets = [inside, *(str(path) for path in others if path.is_socket())]
    yield from list(dict.fromkeys(filter(None, sockets)))[:_MOST_SERVERS]


def _client(socket: str, environ: Mapping[str, str], run: Run) -> tuple[str | None, str | None]:
    """The client that was used last, and the pane it shows; of those used in the same second one in our session."""
    own = f"${environ.get('TMUX', '').rpartition(',')[2]}"
    clients = [
        (int(activity), session == own, name, pane)
        for activity, session, pane, name in _rows(run(clients_command(socket)))
        if activity.isdecimal()
    ]
    _, _, name, pane = max(clients, default=(0, False, None, None))
    return name, pane


def _rows(output: str | None) -> Iterator[list[str]]:
    """Lines of four fields, of which the last may hold blanks."""
    for line in (output or "").split("\n"):
        fields = line.split(" ", 3)
        if len(fields) == 4:
            yield fields
