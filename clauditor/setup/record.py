"""What `install` has written into whose settings file, kept in the data directory so that it can be undone.

One file a settings file, mode 0600: the settings it keeps a copy of may hold keys.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from clauditor.setup.json_text import get, parse
from clauditor.setup.own import BASE_URL, Known

DIRECTORY: Final = "installed"  # in the data directory
_LOCK: Final = "lock"

State = Literal["on", "off", "down"]
"""Where the settings send the client: to the proxy, or to the upstream since `clauditor off` or `clauditor down`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One installation. `original` is the file's content without anything of ours (None: there was no file)."""

    path: Path
    original: bytes | None
    made_directory: bool
    written_sha256: str
    """Of the file as we last wrote it: another digest now means that somebody else has written since."""
    env: dict[str, str]
    proxy_url: str
    direct_url: str
    state: State = "on"

    def known(self) -> Known:
        """What of the settings is ours by this record."""
        original = (self.original or b"").decode("utf-8").removeprefix("\ufeff")
        return Known(env=self.env, urls=frozenset({self.proxy_url, self.direct_url}), original=original)

    def holds(self, content: bytes | None) -> bool:
        """Whether a file has the bytes that we last wrote."""
        return content is not None and digest(content) == self.written_sha256

    @property
    def current_url(self) -> str:
        return self.proxy_url if self.state == "on" else self.direct_url

    @property
    def own_gateway(self) -> str | None:
        """The base URL that the user's settings named before: keys are meant for it, and for nowhere else."""
        found = get(parse(self.known().original), BASE_URL)
        return found if isinstance(found, str) and found else None


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def records(data_dir: Path) -> tuple[Record, ...]:
    """Every installation of a data directory, by path; what cannot be read counts as none."""
    found = []
    for path in sorted((data_dir / DIRECTORY).glob("*.json")):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            found.append(msgspec.json.decode(path.read_bytes(), type=Record, dec_hook=_path))
    return tuple(found)


def record_of(data_dir: Path, settings: Path) -> Record | None:
    """The installation in one settings file."""
    return next((record for record in records(data_dir) if record.path == settings), None)


def keep(data_dir: Path, record: Record) -> None:
    """Write a record down, whole or not at all. Raises OSError."""
    directory = data_dir / DIRECTORY
    directory.mkdir(mode=0o700, exist_ok=True)
    descriptor, beside = tempfile.mkstemp(dir=directory)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(record, enc_hook=str))
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(_file(data_dir, record.path))
    except OSError:
        Path(beside).unlink(missing_ok=True)
        raise


def forget(data_dir: Path, record: Record) -> None:
    """Remove a record."""
    _file(data_dir, record.path).unlink(missing_ok=True)


@contextlib.contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Nobody else changes settings for this data directory meanwhile; waits for whoever does. Raises OSError."""
    directory = data_dir / DIRECTORY
    for made in (data_dir, directory):  # `parents` would not make them private
        made.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _file(data_dir: Path, settings: Path) -> Path:
    name = hashlib.sha256(os.fsencode(settings)).hexdigest()[:16]
    return data_dir / DIRECTORY / f"{name}.json"


def _path(_kind: type, value: str) -> Path:
    return Path(value)
