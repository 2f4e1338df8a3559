"""A disk that is full, fails or may not be written: when the history goes on afterwards, and what it lost."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from clauditor.errors import HistoryError
from clauditor.hub import Hub
from clauditor.store.store import Store
from faults.disk import small_disk
from faults.outages import NEED_ROOT, OUTAGES
from faults.report import Section
from support.life import Book, Life, settle

SECONDS = 20.0  # longer than the longest pause between two tries
BACK_SECONDS = 10.0


@dataclass(frozen=True)
class Seen:
    """How often it was tried in vain, when everything was written after the end, and turns by what became of them;
    `not_live`: those that the live view did not show; `refused`: questions to the history.
    """

    errors: int
    back_after: float
    turns: int
    found: int
    dropped: int
    set_aside: int
    not_live: int
    refused: int
    said: str


def space(_directory: Path) -> Section:
    """Every outage in turn, while turns go on."""
    section = Section()
    rows: list[tuple[str, ...]] = []
    sentences: dict[str, None] = {}
    for name in OUTAGES:
        if name in NEED_ROOT and os.geteuid() != 0:
            section.say(f"({name}: needs root, and was left out)")
            continue
        seen = in_its_own_process(name, seconds=SECONDS)
        rows.append(
            (name, f"{SECONDS:.0f} s", *map(str, (seen.errors, seen.refused, f"{seen.back_after:.1f} s", seen.turns, seen.found, seen.dropped)))
        )  # fmt: skip
        sentences |= {seen.said: None} if seen.errors else {}
        section.complaints += complaints(name, seen)
    section.table(
        (
            "fault",
            "lasted",
            "tried in vain",
            "questions refused",
            "well again after",
            "turns",
            "found",
            "dropped",
        ),
        rows,
    )
    section.say("Said meanwhile: " + "; ".join(f"*{said}*" for said in sentences))
    return section


def complaints(name: str, seen: Seen) -> list[str]:
    is_well = (
        seen.back_after <= BACK_SECONDS
        and seen.turns == seen.found + seen.dropped
        and seen.set_aside == seen.not_live == 0
        and ("tried again" in seen.said or name == "reads fail, EIO")  # nobody but those who asked is told
    )
    return [] if is_well and seen.errors + seen.refused else [f"{name}: {seen}"]


def in_its_own_process(name: str, *, seconds: float) -> Seen:
    with tempfile.TemporaryDirectory() as given:
        place = Path(given)
        with small_disk(place, 4) if name == "no space left" else nullcontext():
            command = [sys.executable, "-m", "faults.space", name, str(place), str(seconds)]
            environ = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
            done = subprocess.run(
                command, env=environ, capture_output=True, text=True, check=True, timeout=120
            )
        subprocess.run(["umount", "--lazy", str(place)], capture_output=True, check=False)
        return Seen(**json.loads(done.stdout))


def suffer(name: str, directory: Path, seconds: float) -> Seen:
    """Turns go on twenty times a second while it lasts, and the live view with them."""
    outage = OUTAGES[name](directory)
    outage.prepare()
    path = directory / "clauditor.db"
    store = Store(path)
    Life(Hub(book=Book(), sinks=[store.sink]), "before").turn()
    settle(store)
    if outage.is_there_at_the_start:
        store.close()
        outage.begin()
        store = Store(path)
    else:
        # A log that is copied into the file, and synced, as often as anything else happens.
        store.writer.perform(lambda writer: writer.tables.db.execute("PRAGMA wal_autocheckpoint = 10"))
        settle(store)
        outage.begin()
    life, refused = Life(Hub(book=Book(), sinks=[store.sink]), "s"), 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        life.turn()
        store.sink.flush()
        refused += not _can_read(store)
        time.sleep(0.05)  # twenty turns a second, as it lasts
    said = str(store.problem).replace(str(directory), "…")
    live = life.hub.snapshot("s", life.at)
    assert live is not None
    outage.end()
    return _well(store, life, said, life.calls - live["turns"], refused)


def _can_read(store: Store) -> bool:
    try:
        store.history.sessions(now=0.0, limit=9)
    except HistoryError:
        return False
    return True


def _well(store: Store, life: Life, said: str, not_live: int, refused: int) -> Seen:
    began = time.monotonic()
    store.sink.flush()
    while not store.writer.is_idle and time.monotonic() - began < 3 * BACK_SECONDS:
        time.sleep(0.01)
    back_after = time.monotonic() - began
    found = len(store.calls.calls("s"))
    seen = Seen(
        *(store.writer.errors, back_after, life.calls, found, store.writer.rows_dropped),
        *(store.writer.quarantined, not_live, refused, said),
    )
    store.close()
    return seen


if __name__ == "__main__":
    logging.disable(logging.ERROR)
    sys.stdout.write(json.dumps(asdict(suffer(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])))))
