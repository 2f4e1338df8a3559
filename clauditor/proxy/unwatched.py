"""Claude Code processes of this user that do not go through the proxy, so that nobody takes silence for calm.

Source: proc(5), proc_pid_environ(5), proc_net_tcp(5); only on Linux. How Claude Code shows in the process table: as
`claude` (its own program, or Node with that title), or as Node with its script. What a process does later cannot be
seen: it goes through the proxy if its settings or environment say so, or if it is connected to it now.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from clauditor.proxy.client_env import BASE_URL, settings_base_url
from clauditor.proxy.ports import connected_sockets, open_files

PROGRAM: Final = "claude"
SCRIPT: Final = "claude-code/cli.js"
INTERPRETERS: Final = ("node", "bun")
READ_LIMIT_BYTES: Final = 1 << 20  # arguments and environment; the system's own limit is two


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwatched:
    """One Claude Code process that is not seen."""

    pid: int
    directory: Path | None
    """Where it works; None if that cannot be read."""


def unwatched(proxy_url: str | None, proc: Path = Path("/proc")) -> list[Unwatched]:
    """Those that do not go through the proxy, by pid; None means that there is no proxy. Empty where unknown.

    One pass over the process table, a few milliseconds; what Claude Code starts for its own use is not counted.
    """
    found = {pid: process for pid, process in _own_processes(proc) if _is_claude_code(process)}
    port = None if proxy_url is None else urlsplit(proxy_url).port
    sockets = connected_sockets(port, proc) if port else frozenset()
    return [
        Unwatched(pid=pid, directory=_directory(process))
        for pid, process in sorted(found.items())
        if _parent(process) not in found and not _is_sent_to(proxy_url, process, sockets)
    ]


def _own_processes(proc: Path) -> Iterator[tuple[int, Path]]:
    with contextlib.suppress(OSError):
        for entry in proc.iterdir():
            with contextlib.suppress(OSError):  # it may end at any moment
                if entry.name.isdecimal() and entry.stat().st_uid == os.getuid():
                    yield int(entry.name), entry


def _is_claude_code(process: Path) -> bool:
    words = _strings(process / "cmdline")
    if not words:  # the kernel's own, or it has ended
        return False
    program, script = Path(words[0]).name, words[1] if len(words) > 1 else ""
    if PROGRAM in (program, _text(process / "comm")):
        return True
    return program in INTERPRETERS and (Path(script).name == PROGRAM or script.endswith(SCRIPT))


def _is_sent_to(proxy_url: str | None, process: Path, sockets: frozenset[str]) -> bool:
    if proxy_url is None:
        return False
    environ = dict(word.split("=", 1) for word in _strings(process / "environ") if "=" in word)
    directory = _directory(process)
    address = settings_base_url(environ, directory) if directory else None
    if (address or environ.get(BASE_URL, "")).rstrip("/") == proxy_url:
        return True
    return any(target in sockets for target in open_files(process))


def _parent(process: Path) -> int | None:
    with contextlib.suppress(ValueError, IndexError):
        return int(_text(process / "stat").rpartition(")")[2].split()[1])
    return None


def _directory(process: Path) -> Path | None:
    with contextlib.suppress(OSError):
        return (process / "cwd").readlink()
    return None


def _strings(path: Path) -> list[str]:
    return [word for word in _text(path).split("\0") if word]


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return os.fsdecode(file.read(READ_LIMIT_BYTES)).rstrip("\n")
    except OSError:
        return ""
