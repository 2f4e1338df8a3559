"""Faults of the history: its file, and the file system below it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

from faults.faults import Fault, Unseen
from faults.lab import Lab


class DatabaseLocked(Fault):
    name = "database locked"
    seconds = 3.0

    def strike(self, lab: Lab) -> None:
        self._holder = sqlite3.connect(lab.data_dir / "clauditor.db", isolation_level=None)
        self._holder.execute("PRAGMA busy_timeout = 5000")
        self._holder.execute("BEGIN IMMEDIATE")

    def heal(self, lab: Lab) -> None:
        self._holder.execute("ROLLBACK")
        self._holder.close()


class DatabaseCorrupt(Fault):
    """Its pages are overwritten under its feet; healed by a restart, which moves the file aside."""

    name = "database corrupt"
    harms_history = True
    unseen: Unseen = "spanning"

    def strike(self, lab: Lab) -> None:
        with (lab.data_dir / "clauditor.db").open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            file.write(os.urandom(size))

    def heal(self, lab: Lab) -> None:
        victim = lab.process("sidecar")
        victim.signal(signal.SIGTERM)
        lab.until_ready("sidecar", other_than=victim)


class DatabaseReadOnly(Fault):
    """Mounted read-only, and found so by a sidecar that starts."""

    name = "database read-only"
    harms_history = True
    unseen: Unseen = "spanning"
    needs_root = True

    def strike(self, lab: Lab) -> None:
        file = str(lab.data_dir / "clauditor.db")
        subprocess.run(["mount", "--bind", file, file], check=True)
        subprocess.run(["mount", "-o", "remount,ro,bind", file], check=True)
        self._restart(lab)

    def heal(self, lab: Lab) -> None:
        subprocess.run(["umount", "--lazy", str(lab.data_dir / "clauditor.db")], check=True)
        self._restart(lab)

    def _restart(self, lab: Lab) -> None:
        victim = lab.process("sidecar")
        victim.signal(signal.SIGTERM)
        lab.until_ready("sidecar", other_than=victim)


class DiskFull(Fault):
    """No block is left where the data directory is."""

    name = "disk full"
    harms_history = True
    unseen: Unseen = "some"
    needs_root = True
    seconds = 3.0

    def strike(self, lab: Lab) -> None:
        self._filler = lab.data_dir / "filler"
        with contextlib.suppress(OSError), self._filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        assert shutil.disk_usage(lab.data_dir).free == 0

    def heal(self, lab: Lab) -> None:
        self._filler.unlink()


@contextlib.contextmanager
def small_disk(place: Path, mebibytes: int = 24) -> Iterator[None]:
    """A file system of its own, so small that it can be filled."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
