"""`clauditor statusline`: Claude Code's status line command. One question to the sidecar, one line, never a failure.

Source: status line of Claude Code 2.1.330: a JSON object on stdin, COLUMNS in the environment, stdout is shown. It is
called after each message, so the whole process has 80 ms; modules are loaded with that in mind (see `hooks`).
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from clauditor.hooks.command import read_options
from clauditor.hooks.listener import Listener, listener
from clauditor.hooks.patience import ASK_SECONDS, WHOLE_SECONDS, TooLateError, at_most
from clauditor.hooks.place import Place, base_url_port, find_place, uses_proxy
from clauditor.hooks.post import STATUS_LINE_PATH, post, target
from clauditor.hooks.terminal import terminal
from clauditor.hooks.told import has_called, kept, read_input
from clauditor.ui.clock import local_zone, now
from clauditor.ui.views.statusline import Seen, status_line

WRAP_SECONDS: Final = 1.0  # for the command of the user's own
COLUMNS: Final = 80
_OPTIONS: Final = ("data-dir", "config", "url", "wrap")
_SESSION_CHARACTERS: Final = 256


def main(arguments: Sequence[str]) -> None:
    """Print the line. Never raises; ends in time (`hooks.patience`), with `--wrap CMD` 1 s later at most."""
    options, unknown = read_options(arguments, _OPTIONS)
    given = b""
    line = _words(Seen(answer="silent"))
    with contextlib.suppress(TooLateError), at_most(WHOLE_SECONDS):
        given = b"" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read()
        line = f"clauditor statusline: unknown {_shown(unknown[0])}" if unknown else _line(given, options)
    output = _wrapped(options["wrap"], given) if "wrap" in options else b""
    with contextlib.suppress(OSError):  # whoever asked has gone
        sys.stdout.buffer.write(output + line.encode() + b"\n")
        sys.stdout.buffer.flush()


def _line(data: bytes, options: Mapping[str, str]) -> str:
    given = read_input(data) or {}
    session_id = given.get("session_id")
    if not isinstance(session_id, str) or not 0 < len(session_id) <= _SESSION_CHARACTERS:
        return "clauditor: no session was told; Claude Code runs this command, clauditor install sets it up"
    try:
        place = find_place(options, os.environ)
        return _words(_seen(given, place, options.get("url")))
    except Exception:
        if os.environ.get("CLAUDITOR_DEBUG"):
            raise
        return _words(Seen(answer="silent"))


def _seen(given: Mapping[str, Any], place: Place, url: str | None) -> Seen:
    is_ours = uses_proxy(place, os.environ)
    # A sidecar that was named by its address, and a client that goes through a socket, cannot be seen from here.
    is_routed = is_ours or url is not None or "ANTHROPIC_UNIX_SOCKET" in os.environ
    to = target(place, url)
    body = {
        "hook": kept(given),
        "terminal": terminal(os.environ),
        "run_id": os.environ.get("CLAUDITOR_RUN_ID"),
    }
    return Seen(
        answer="away" if to is None else post(to, STATUS_LINE_PATH, body, time.monotonic() + ASK_SECONDS),
        proxy=_proxy(place) if is_ours else "ours",
        is_routed=is_routed,
        has_called=has_called(given),
    )


def _proxy(place: Place) -> Listener:
    """Who listens where this client sends its requests; whose it must be is known only with a plan."""
    port = base_url_port(os.environ)
    found = listener(port) if port is not None else "ours"
    return "ours" if found == "foreign" and place.proxy_port is None else found


def _words(seen: Seen) -> str:
    at = now()
    return status_line(seen, now=at, zone=local_zone(at), columns=_columns())


def _columns() -> int:
    given = os.environ.get("COLUMNS", "")
    is_number = given.isascii() and given.isdecimal() and len(given) < 6
    return (int(given) if is_number else 0) or COLUMNS


def _shown(word: str) -> str:
    from clauditor.text import clean  # noqa: PLC0415 - a mistyped option is rare

    return clean(word, 40)


def _wrapped(command: str, given: bytes) -> bytes:
    """What the user's own status line prints, unchanged, ended by a line feed; empty if it prints nothing in time."""
    import signal  # noqa: PLC0415 - only who wraps a command needs these
    import subprocess  # noqa: PLC0415

    try:
        process = subprocess.Popen(
            ["sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
        )
    except OSError:
        return b""
    try:
        output, _ = process.communicate(given, timeout=WRAP_SECONDS)
    except subprocess.TimeoutExpired as error:
        output = error.output or b""
        if process.poll() is None:  # else something it left behind holds its output
            os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        output = b""
    output = output.rstrip(b"\n")
    return output + b"\n" if output else b""
