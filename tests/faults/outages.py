"""What a disk does to the history when it is full, fails or may not be written; each is for a process of its own.

Reads, writes and syncs fail in a layer of SQLite's (a VFS) below its checksums: as EIO of the system would arrive there.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import apsw

NOBODY: Final = 65_534


class Outage:
    """Nothing is wrong with this one."""

    is_there_at_the_start = False  # a file that is open already would not notice

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "clauditor.db"

    def prepare(self) -> None:
        """Before SQLite is used for the first time."""

    def begin(self) -> None:
        raise NotImplementedError

    def end(self) -> None:
        raise NotImplementedError


class NoSpace(Outage):
    """The file system is full (it must be a small one)."""

    def begin(self) -> None:
        with contextlib.suppress(OSError), (self.directory / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def end(self) -> None:
        (self.directory / "filler").unlink()


class FileLimit(Outage):
    """No file of this process may grow beyond a page (`RLIMIT_FSIZE`)."""

    def prepare(self) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        self._limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def begin(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, self._limits[1]))

    def end(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._limits)


class _Failing(Outage):
    """What the system answers with EIO; `code` is what SQLite makes of it."""

    code = 0

    def prepare(self) -> None:
        self._vfs = _FailingDisk()

    def begin(self) -> None:
        _FailingFile.fails = {self.code}

    def end(self) -> None:
        _FailingFile.fails = set()


class ReadsFail(_Failing):
    code = apsw.SQLITE_IOERR_READ


class WritesFail(_Failing):
    code = apsw.SQLITE_IOERR_WRITE


class SyncsFail(_Failing):
    code = apsw.SQLITE_IOERR_FSYNC


class AllFails(_Failing):
    def begin(self) -> None:
        _FailingFile.fails = {ReadsFail.code, WritesFail.code, SyncsFail.code}


class ReadOnly(Outage):
    """Mounted read-only (EROFS), and found so at the start."""

    is_there_at_the_start = True

    def begin(self) -> None:
        place = str(self.directory)
        subprocess.run(["mount", "--bind", place, place], check=True)
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)

    def end(self) -> None:
        subprocess.run(["mount", "-o", "remount,rw,bind", str(self.directory)], check=True)


class NoPermission(Outage):
    """Somebody took the right to read and write it (EACCES), from a user who is not root."""

    is_there_at_the_start = True

    def begin(self) -> None:
        self.file.chmod(0)
        if os.geteuid() == 0:
            for each in (self.directory, *self.directory.iterdir()):
                os.chown(each, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)

    def end(self) -> None:
        self.file.chmod(0o600)


OUTAGES: Final[dict[str, Callable[[Path], Outage]]] = {
    "no space left": NoSpace,
    "a limit of the file's size": FileLimit,
    "reads fail, EIO": ReadsFail,
    "writes fail, EIO": WritesFail,
    "syncs fail, EIO": SyncsFail,
    "all of them fail, EIO": AllFails,
    "read-only at the start, EROFS": ReadOnly,
    "not permitted at the start, EACCES": NoPermission,
}
NEED_ROOT: Final = frozenset({"no space left", "read-only at the start, EROFS"})


class _FailingFile(apsw.VFSFile):
    fails: set[int] = set()  # noqa: RUF012 - of all files of this process, by design

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - SQLite's name
        self._fail(apsw.SQLITE_IOERR_READ)
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        self._fail(apsw.SQLITE_IOERR_WRITE)
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        self._fail(apsw.SQLITE_IOERR_FSYNC)
        super().xSync(flags)

    def _fail(self, code: int) -> None:
        if code in self.fails:
            error = apsw.IOError("disk I/O error")
            error.extendedresult = code  # type: ignore[attr-defined]  # missing in its stubs
            raise error


class _FailingDisk(apsw.VFS):
    """Below the checksums if it is there before they are: they take what is the default then."""

    def __init__(self) -> None:
        super().__init__("failing", "unix", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        return _FailingFile("unix", name, flags)
