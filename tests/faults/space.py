"""A disk on which there is no more space, or which fails: when the history goes on afterwards, and what it lost."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from clauditor.hub import Hub
from clauditor.store.store import Store
from faults.disk import small_disk
from faults.report import Section
from support.life import Book, Life

FULL_SECONDS = 20.0  # longer than the longest pause between two tries
BACK_SECONDS = 10.0


@dataclass(frozen=True)
class Outage:
    """How often it was tried in vain, when everything was written after the end, and rows by what became of them."""

    errors: int
    back_after: float
    turns: int
    found: int
    dropped: int
    said: str


def space(directory: Path) -> Section:
    """No space left on a file system of its own, and writes that fail at a file's limit."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    section = Section()
    rows = []
    with small_disk(directory, 4):
        rows.append(("no space left", full_disk(directory, seconds=FULL_SECONDS)))
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "faults.space", place]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        rows.append(("writes fail", Outage(**json.loads(done.stdout))))
    section.table(
        ("fault", "lasted", "tried in vain", "well again after", "turns", "found", "dropped"),
        [
            (name, f"{FULL_SECONDS:.0f} s", *map(str, (each.errors, f"{each.back_after:.1f} s", each.turns, each.found, each.dropped)))
            for name, each in rows
        ],
    )  # fmt: skip
    section.say("Said meanwhile: " + "; ".join(f"*{each.said}*" for _, each in rows))
    for name, each in rows:
        if each.back_after > BACK_SECONDS or each.turns != each.found + each.dropped or not each.errors:
            section.complaints.append(f"{name}: {each}")
    return section


def full_disk(directory: Path, *, seconds: float) -> Outage:
    """Fill the file system, and free it again."""
    with _writing(directory) as (store, life):
        filler = directory / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        _go_on(store, life, seconds)
        said = str(store.problem).replace(str(directory), "…")
        filler.unlink()
        return _well(store, life, said)


def failing_writes(directory: Path, *, seconds: float) -> Outage:
    """Writes fail from now on, in this whole process, and succeed again."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with _writing(directory) as (store, life):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        _go_on(store, life, seconds)
        said = str(store.problem).replace(str(directory), "…")
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        return _well(store, life, said)


@contextlib.contextmanager
def _writing(directory: Path) -> Iterator[tuple[Store, Life]]:
    store = Store(directory / "clauditor.db")
    life = Life(Hub(book=Book(), sinks=[store.sink]), "s")
    life.turn()
    try:
        yield store, life
    finally:
        store.close()


def _go_on(store: Store, life: Life, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        life.turn()
        store.sink.flush()
        time.sleep(0.05)  # twenty turns a second, as it lasts


def _well(store: Store, life: Life, said: str) -> Outage:
    began = time.monotonic()
    store.sink.flush()
    while not store.writer.is_idle and time.monotonic() - began < 3 * BACK_SECONDS:
        time.sleep(0.01)
    found = len(store.calls.calls("s"))
    return Outage(
        store.writer.errors, time.monotonic() - began, life.calls, found, store.writer.rows_dropped, said
    )


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(failing_writes(Path(sys.argv[1]), seconds=FULL_SECONDS))))
