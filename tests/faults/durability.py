"""What becomes of the history when its process is killed, its log is cut, or its bytes change: every row against the truth."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from clauditor.errors import HistoryError
from clauditor.hub import Hub
from clauditor.store import exporting
from clauditor.store.database import empty_log
from clauditor.store.store import Store
from support.life import Book, Life, settle
from support.sql import ask

PARTS = ("", "-wal")


# -- kill -9 ---------------------------------------------------------------------------------------


@dataclass
class Kills:
    """What came of killing the writing process so many times."""

    kills: int = 0
    acknowledged: int = 0
    found: int = 0
    while_opening: int = 0
    complaints: list[str] = field(default_factory=list)


def kill_often(directory: Path, *, times: int, seed: int = 2026) -> Kills:
    """A process writes, and is killed at a random moment; then another goes on with the same file.

    A turn is acknowledged when its batch was committed and the writing process has told us so.
    """
    rolled = random.Random(seed)  # noqa: S311 - moments
    found, told = Kills(), []
    path = directory / "clauditor.db"
    for number in range(times):
        batches = rolled.choice((0, 0, 0, *range(1, 9)))
        acknowledged = _write_until_killed(path, f"killed-{number}", batches, rolled.uniform(0.0, 0.02))
        told.append(acknowledged)
        found.kills += 1
        found.acknowledged += acknowledged
        found.while_opening += acknowledged == 0
        if number % 10 == 9 or number == times - 1:
            found.complaints += _apart(lambda: _lost(path, told))
    found.found = int(sum(1 for _ in exporting.rows(path, ("call",), exporting.Wanted())))
    return found


def _write_until_killed(path: Path, session_id: str, batches: int, seconds: float) -> int:
    """Kill it some time after it has told of so many batches (0: while it opens the file); how many it had told of."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        _write_for_ever(path, session_id, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = len(pipe.read(1 + batches))  # the first says that it is there, and about to open the file
        time.sleep(seconds)  # the moment of death is the experiment
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return told + len(pipe.read()) - 1


def _write_for_ever(path: Path, session_id: str, pipe: int) -> None:
    try:
        os.write(pipe, b"-")
        store = Store(path)
        # so that a checkpoint is under way as often as anything else
        store.writer.perform(lambda writer: writer.tables.db.execute("PRAGMA wal_autocheckpoint = 30"))
        life = Life(Hub(book=Book(), sinks=[store.sink]), session_id)
        while store.problem is None:
            life.answer(life.start(), tools=(f"toolu_{life.calls}",))
            store.sink.flush()
            while not store.writer.is_idle:
                time.sleep(0.0001)
            os.write(pipe, b".")
    finally:
        os._exit(1)


def _lost(path: Path, told: list[int]) -> list[str]:
    """What is not as it was told."""
    store = Store(path)
    complaints = (
        [] if store.problem is None and not store.writer.quarantined else [f"at the start: {store.problem}"]
    )
    for number, acknowledged in enumerate(told):
        turns = store.calls.turns(f"killed-{number}", limit=5000)
        tools = [tool["tool_use_id"] for turn in turns for tool in turn["tools"]]
        if len(turns) < acknowledged or tools != [f"toolu_{each + 1}" for each in range(len(turns))]:
            complaints.append(
                f"session {number}: told {acknowledged}, found {len(turns)} with {len(tools)} tools"
            )
    store.close()
    verdict = ask(path, "PRAGMA integrity_check")
    return complaints if verdict == [("ok",)] else [*complaints, str(verdict)]


def _apart(question: Callable[[], list[str]]) -> list[str]:
    """The answer of a process of its own: this one stays without threads, so that it can fork."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.write(writing, json.dumps(question()[:20]).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(pid, 0)
    return list(json.loads(answer)) if answer else ["the look at the file ended without an answer"]


# -- bytes that change -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """A history as files: closed (`still`), and as a killed process leaves it, with a log (`torn`). Every row that was
    ever true of it, and how many calls there are.
    """

    still: dict[str, bytes]
    torn: dict[str, bytes]
    truth: frozenset[str]
    calls: int


def write_history(directory: Path, *, turns: int = 120) -> Written:
    """Three sessions; the last third of what was written is in the log of `torn` only."""
    path = directory / "written.db"
    store = Store(path)
    hub = Hub(book=Book(), sinks=[store.sink])
    lives = [Life(hub, f"session-{name}", 1_790_000_000.0 + 7 * place) for place, name in enumerate("abc")]
    truth: set[str] = set()
    for number in range(turns):
        life = lives[number % 3]
        life.answer(life.start(project=f"project-{number % 3}"), tools=(f"toolu_{number}",))
        settle(store)
        truth |= served(store)
        if number == turns * 2 // 3:
            assert store.writer.perform(lambda writer: empty_log(writer.tables.db)).result(10)
    torn = _files(path)
    store.close()
    assert "-wal" in torn
    return Written(_files(path), torn, frozenset(truth), turns)


def served(store: Store) -> set[str]:
    """Every row that the history gives to whoever asks, as text; what it refuses is not served."""
    found: set[str] = set()
    try:
        with_kinds = exporting.rows(store.writer.path, exporting.KINDS, exporting.Wanted())
        found |= {json.dumps([kind, row], sort_keys=True) for kind, row in with_kinds}
        for session_id in store.history.ids_starting_with("", limit=99):
            session = store.history.session(session_id, 1_790_000_000.0 + 1e6)
            found.add(json.dumps(["snapshot", session], sort_keys=True))
    except (HistoryError, ValueError, LookupError, TypeError):
        return found
    return found


@dataclass
class Tried:
    """What came of damaged files."""

    fates: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    complaints: list[str] = field(default_factory=list)

    def take(
        self,
        what: str,
        directory: Path,
        files: dict[str, bytes],
        truth: frozenset[str],
    ) -> int:
        """Open damaged files, and ask for everything; how many calls were served."""
        place = directory / "tried"
        place.mkdir()
        path = place / "clauditor.db"
        for part, content in files.items():
            path.with_name(path.name + part).write_bytes(content)
        began = time.perf_counter()
        store = Store(path)
        if not store.writer.is_sound:
            self.complaints.append(f"{what}: {store.problem}")
        rows = served(store)
        self.slowest = max(self.slowest, time.perf_counter() - began)
        wrong = rows - truth
        if wrong:
            self.fates["wrong rows served"] += 1
            self.complaints.append(f"{what}: {len(wrong)} rows that never were, {min(wrong)[:160]}")
        else:
            self.fates["moved aside" if store.writer.quarantined else "served, every row true"] += 1
        asides = [each for each in place.iterdir() if "broken" in each.name and each.stat().st_mode & 0o077]
        if asides or bool(store.writer.quarantined) != (place / "clauditor.db.broken-1").exists():
            self.complaints.append(f"{what}: what was moved aside is not, or not private")
        life = Life(
            Hub(book=Book(), sinks=[store.sink], revive=store.load_session), "afterwards", 1_790_900_000.0
        )
        life.turn()
        settle(store)
        if len(store.calls.turns("afterwards", limit=9)) != 1:
            self.complaints.append(f"{what}: nothing can be recorded afterwards")
        store.close()
        shutil.rmtree(place)
        return sum(row.startswith('["call"') for row in rows)


def cut_log(directory: Path, written: Written, *, cuts: int) -> Tried:
    """The log ends somewhere, as a power cut may leave it: more of it never shows less."""
    tried, before = Tried(), -1
    size = len(written.torn["-wal"])
    for number in range(cuts):
        offset = size * number // (cuts - 1)
        files = written.torn | {"-wal": written.torn["-wal"][:offset]}
        calls = tried.take(f"cut at {offset}", directory, files, written.truth)
        if calls < before:
            tried.complaints.append(f"cut at {offset}: {calls} calls, a shorter one had {before}")
        before = calls
    if before != written.calls:
        tried.complaints.append(f"the whole log shows {before} of {written.calls} calls")
    return tried


def _pages_swapped(content: bytes) -> bytes:
    pages = [content[place : place + 4096] for place in range(0, len(content), 4096)]
    pages[-2], pages[-4] = pages[-4], pages[-2]
    return b"".join(pages)


def _noise(content: bytes, start: int, end: int) -> bytes:
    return content[:start] + random.Random(5).randbytes(end - start) + content[end:]  # noqa: S311 - noise


CLASSES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "another file in its place": ("", lambda content: b"hello, I am a text file\n" * (len(content) // 24)),
    "the head zeroed": ("", lambda content: bytes(100) + content[100:]),
    "cut in the middle of a page": ("", lambda content: content[: len(content) // 2 + 17]),
    "cut to its head": ("", lambda content: content[:100]),
    "pages zeroed": ("", lambda content: content[:8192] + bytes(8192) + content[16384:]),
    "the schema overwritten": ("", lambda content: content[:100] + b"\xff" * 100 + content[200:]),
    "two pages exchanged": ("", _pages_swapped),
    "a sector of noise": ("", lambda content: _noise(content, len(content) // 512 // 2 * 512, len(content) // 512 // 2 * 512 + 512)),
    "the log full of noise": ("-wal", lambda content: _noise(content, 32, len(content))),
    "the log of another file": ("-wal", lambda content: content[:16] + bytes(8) + content[24:]),
}  # fmt: skip
"""Kinds of corruption: which file, and what happens to it."""


def break_whole(directory: Path, written: Written) -> tuple[Tried, dict[str, str]]:
    """Every class of corruption, of a closed history and of one with a log; and the fate of each."""
    tried, fates = Tried(), {}
    for name, (part, damage) in CLASSES.items():
        before = tried.fates.copy()
        for files in (written.still, written.torn):
            if part in files:
                broken = files | {part: damage(files[part])}
                tried.take(name, directory, broken, written.truth)
        fates[name] = ", ".join(f"{count} {fate}" for fate, count in (tried.fates - before).items())
    return tried, fates


def flip(directory: Path, written: Written, *, times: int, seed: int = 2026) -> Tried:
    """One to eight bits flip, anywhere in the files of a history that is closed or has a log."""
    rolled, tried = random.Random(seed), Tried()  # noqa: S311 - places
    for number in range(times):
        files = dict(rolled.choice((written.still, written.torn)))
        for _ in range(rolled.choice((1, 1, 1, 2, 8))):
            part = rolled.choices(list(files), [len(content) for content in files.values()])[0]
            content = bytearray(files[part])
            content[rolled.randrange(len(content))] ^= 1 << rolled.randrange(8)
            files[part] = bytes(content)
        tried.take(f"flip {number}", directory, files, written.truth)
    return tried


def _files(path: Path) -> dict[str, bytes]:
    named = {part: path.with_name(path.name + part) for part in PARTS}
    return {part: file.read_bytes() for part, file in named.items() if file.exists()}
