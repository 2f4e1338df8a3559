"""Where everything that runs keeps its files: the data directory, and `run/` in it.

Directories are 0700 and ours, files 0600, and a symlink in place of one is refused, because
prompts pass through these sockets. A Unix socket's path is short by law (unix(7): 108 bytes with the end, 104 on
macOS) and gRPC reads `%`, `?` and `#` in it as parts of a URI; a data directory that does not fit gets a short
directory under /tmp for its sockets only.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clauditor.errors import ClauditorError

SOCKET_PATH_LIMIT_BYTES: Final = 103 if sys.platform == "darwin" else 107
LONGEST_SOCKET_NAME: Final = "admin.draining.sock"
OURS: Final = frozenset({"run", "clauditor.db", "token", "stack.json"})
"""Names that show a directory to be Clauditor's own, whose mode may be set right."""
WRITTEN_BY_PEOPLE: Final = frozenset({"prices.toml", "config.toml"})
HISTORY: Final = "clauditor.db"  # in place of which a link costs the history only: `store.database` says so
LOG_LIMIT_BYTES: Final = 4 << 20  # a log past this is put aside (one generation) when its writer starts


@dataclass(frozen=True, slots=True)
class RunDir:
    """The paths of one installation; `prepare` makes the directories."""

    data_dir: Path

    @property
    def path(self) -> Path:
        return self.data_dir / "run"

    @property
    def sockets(self) -> Path:
        """The directory of the Unix sockets: `run/` where it fits, else a short one that is always the same."""
        longest = os.fsencode(self.path / LONGEST_SOCKET_NAME)
        if len(longest) <= SOCKET_PATH_LIMIT_BYTES and not set(b"%?#") & set(longest):
            return self.path
        name = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        return Path(f"/tmp/clauditor-{os.getuid()}-{name}")  # noqa: S108 - 0700 and ours, or refused: see prepare

    @property
    def extproc_socket(self) -> Path:
        return self.sockets / "extproc.sock"

    @property
    def admin_socket(self) -> Path:
        return self.sockets / "admin.sock"

    @property
    def old_admin_socket(self) -> Path:
        """Where the admin socket of an Envoy that is being replaced goes on."""
        return self.sockets / LONGEST_SOCKET_NAME

    @property
    def envoy_config(self) -> Path:
        return self.path / "envoy.yaml"

    @property
    def upstream_ca(self) -> Path:
        return self.path / "upstream-ca.pem"

    @property
    def access_log(self) -> Path:
        return self.log("access")

    @property
    def stopped(self) -> Path:
        """Is there since a person stopped the stack: no hook starts it again."""
        return self.path / "stopped"

    @property
    def access_log_position(self) -> Path:
        """How far the sidecar has read the access log."""
        return self.path / "access.position"

    @property
    def plan(self) -> Path:
        """What the supervisor keeps running, with the chosen ports; outlives a stop."""
        return self.path / "stack.json"

    @property
    def lock(self) -> Path:
        """Held by whoever starts or stops the stack."""
        return self.path / "stack.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the supervisor for its whole life."""
        return self.path / "supervisor.lock"

    @property
    def sidecar_lock(self) -> Path:
        """Held by the sidecar for its whole life."""
        return self.path / "sidecar.lock"

    def log(self, name: str) -> Path:
        return self.path / f"{name}.log"

    def pid_file(self, name: str) -> Path:
        return self.path / f"{name}.pid"

    def failure_file(self, name: str) -> Path:
        """Why starts of a program failed, a line each, until one succeeds."""
        return self.path / f"{name}.failed"

    def ended_file(self, name: str) -> Path:
        """When and how a program ended that had been ready, a line each."""
        return self.path / f"{name}.ended"

    def forget(self, name: str) -> None:
        """Remove what tells of a running program."""
        for path in (self.pid_file(name), self.failure_file(name), self.ended_file(name)):
            path.unlink(missing_ok=True)

    def prepare(self) -> None:
        """Make the directories, private to this user; raises ClauditorError if they cannot be, or hold a link."""
        try:
            for parent in reversed(self.data_dir.parents):
                if not parent.exists():  # `parents=True` would make them with the umask's mode
                    parent.mkdir(mode=0o700, exist_ok=True)
            for directory in {self.data_dir: None, self.path: None, self.sockets: None}:
                _make_private(directory)
            for directory in {self.data_dir: None, self.path: None, self.sockets: None}:
                _refuse_links(directory)
        except OSError as error:
            raise ClauditorError(
                f"Cannot write to {error.filename or self.data_dir}: {error.strerror}; "
                "make it writable or choose another place with --data-dir."
            ) from error

    def clear_sockets(self) -> None:
        """Remove the sockets of programs that have ended, and their directory if it is one of its own."""
        for socket in (self.extproc_socket, self.admin_socket):
            socket.unlink(missing_ok=True)
        if self.sockets != self.path:
            with contextlib.suppress(OSError):  # never made, or something else is in it
                self.sockets.rmdir()

    def put_aside_if_long(self, name: str) -> None:
        """Give a long log another name; only while nobody writes to it. A link in its place goes: Envoy would follow it."""
        path = self.log(name)
        with contextlib.suppress(FileNotFoundError):
            found = path.lstat()
            if stat.S_ISLNK(found.st_mode):
                path.unlink()
            elif found.st_size > LOG_LIMIT_BYTES:
                path.replace(path.with_suffix(".log.1"))

    def open_log(self, name: str) -> int:
        """A file descriptor that appends to a log; a long log is put aside first."""
        self.put_aside_if_long(name)
        path = self.log(name)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def spawn(
        self, name: str, command: Sequence[str], environ: Mapping[str, str], *, output_to: int | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program that outlives us: own session, own log, none of our descriptors, in the data directory.

        Its output goes to its log, or to the descriptor `output_to`. Raises OSError if it cannot be started. A log that
        cannot be written (a full disk) does not prevent it.
        """
        try:
            output = self.open_log(name) if output_to is None else os.dup(output_to)
        except OSError:
            output = os.open(os.devnull, os.O_WRONLY)
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(environ),
                cwd=self.data_dir,
                start_new_session=True,
                umask=0o077,
            )
        finally:
            os.close(output)

    def write(self, path: Path, content: str) -> None:
        """Replace a file whole, so that nobody reads half of it; the name beside it is ours alone (0700)."""
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
        beside.replace(path)


def _refuse_links(directory: Path) -> None:
    """Nothing of ours is a link: what stands behind one would be written to. What people write may be one, and is read."""
    for entry in directory.iterdir():
        if entry.is_symlink() and entry.name not in WRITTEN_BY_PEOPLE and not entry.name.startswith(HISTORY):
            raise ClauditorError(f"{entry} is a symbolic link, which Clauditor never makes; remove it.")


def _make_private(directory: Path) -> None:
    """One directory with mode 0700 that belongs to this user and is no symlink."""
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    found = directory.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise ClauditorError(f"{directory} is a symbolic link; give the directory itself with --data-dir.")
    if not stat.S_ISDIR(found.st_mode):
        raise ClauditorError(f"{directory} is no directory; move it away or give another --data-dir.")
    if found.st_uid != os.getuid():
        raise ClauditorError(f"{directory} belongs to another user; give a --data-dir of your own.")
    if stat.S_IMODE(found.st_mode) & 0o077:
        names = {entry.name for entry in directory.iterdir()}
        if names and not names & OURS:
            raise ClauditorError(
                f"{directory} is open to others and holds other files; give a --data-dir for Clauditor alone."
            )
        directory.chmod(0o700)
    if not os.access(directory, os.W_OK | os.X_OK):  # a read-only file system says so only here
        raise PermissionError(30, "Read-only or not writable", str(directory))
