"""Start the stack again when a client is sent to a proxy that is not there, as after a reboot.

The client tries a refused connection again after a moment (Claude Code 2.1.330), so a start that takes a second
rescues even the prompt that found nobody. Nothing is started that was stopped on purpose, and nothing twice.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from clauditor.hooks.listener import listener
from clauditor.hooks.place import Place, uses_proxy

STOPPED: Final = "stopped"  # in run/: left by `clauditor down`, removed by the next start
STARTED: Final = "hook.lock"  # in run/: its time of change is when a hook last started the stack
LOG: Final = "hook.log"  # in run/: what that start said
PAUSE_SECONDS: Final = 10.0
_CHOICES: Final = ("upstream", "upstream_ca", "upstream_proxy", "envoy")
_SIDECAR_OPTIONS: Final = ("--config", "--api-host", "--token-file", "--allowed-host")


def heal(place: Place, environ: Mapping[str, str], now: float) -> bool:
    """Start the stack in the background if this client needs it and nobody listens; returns whether it was started.

    Does not wait for it. `now` is wall time (Unix seconds). Raises OSError if it cannot be started.
    """
    run = os.path.join(place.data_dir, "run")  # noqa: PTH118 - pathlib is slow to load
    if place.proxy_port is None or not uses_proxy(place, environ):
        return False
    if os.path.exists(os.path.join(run, STOPPED)) or listener(place.proxy_port) != "nobody":  # noqa: PTH110, PTH118
        return False
    if not is_due(os.path.join(run, STARTED), now):  # noqa: PTH118
        return False
    _start(place, run, environ)
    return True


def start_command(place: Place) -> list[str]:
    """`clauditor up` with all that the last start was told, on the port where the client looks for it."""
    command = [sys.executable, "-P", "-m", "clauditor", "up", f"--data-dir={place.data_dir}"]
    command.append(f"--port={place.proxy_port}")
    choices = place.plan.get("choices")
    if isinstance(choices, dict):
        told = ((name, choices.get(name)) for name in _CHOICES)
        command += [f"--{name.replace('_', '-')}={value}" for name, value in told if isinstance(value, str)]
    return [*command, *(f"{option}={value}" for option, value in _sidecar_options(place.plan.get("sidecar")))]


def _sidecar_options(job: Any) -> Iterator[tuple[str, str]]:
    words = job.get("command") if isinstance(job, dict) else None
    for option, value in pairwise(words if isinstance(words, list) else ()):
        if option in _SIDECAR_OPTIONS and isinstance(value, str):
            yield option, value


def is_due(path: str, now: float) -> bool:
    """Whether nobody has started it lately; then we do. Ten hooks of one moment agree on one of them."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        lock = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if (
                abs(now - os.fstat(lock).st_mtime) < PAUSE_SECONDS
            ):  # both ways: the other may be a moment ahead
                return False
            os.utime(lock, (now, now))
        except BlockingIOError:
            return False
        finally:
            os.close(lock)
    return True


def _start(place: Place, run: str, environ: Mapping[str, str]) -> None:
    import subprocess  # noqa: PLC0415 - 5 ms, and hardly ever needed

    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        output = os.open(os.path.join(run, LOG), flags, 0o600)  # noqa: PTH118
    except OSError:  # a full disk
        output = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        subprocess.Popen(
            start_command(place),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environ),
            cwd=place.data_dir,
            start_new_session=True,
        )
    finally:
        os.close(output)
