"""The promises that `make fuzz` tests for ten minutes, held in a short time: see fuzz/harnesses.py.

Every exchange of the corpus and everything that fuzzing ever found is replayed. Then come mutations: guided by
coverage where atheris is installed, blind ones where it is not.
"""

from __future__ import annotations

import importlib.util
import random
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[2] / "fuzz"
GUIDED_SECONDS = 20
BLIND_MUTATIONS = 6000

sys.path.append(str(FUZZ))
TARGETS: dict[str, Callable[[bytes], None]] = runpy.run_path(str(FUZZ / "harnesses.py"))["TARGETS"]
SEEDS: dict[str, list[bytes]] = runpy.run_path(str(FUZZ / "seeds.py"))["seeds"]()
FINDINGS = sorted((FUZZ / "findings").iterdir())


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_keeps_every_promise(name: str) -> None:
    assert len(SEEDS[name]) > 10
    for data in (b"", b"\0", *SEEDS[name]):
        TARGETS[name](data)


@pytest.mark.parametrize("path", FINDINGS, ids=[path.name for path in FINDINGS])
def test_what_fuzzing_found_stays_mended(path: Path) -> None:
    TARGETS[path.name.split("-")[0]](path.read_bytes())


def test_mutations_keep_every_promise() -> None:
    if importlib.util.find_spec("atheris"):
        command = [sys.executable, str(FUZZ / "run.py"), "--seconds", str(GUIDED_SECONDS)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 0, done.stdout[-4000:]
        return
    chance = random.Random(3)  # noqa: S311  # the same mutations every time
    for name, harness in TARGETS.items():
        for _ in range(BLIND_MUTATIONS // (10 if name == "exchange" else 1)):
            harness(mutated(chance.choice(SEEDS[name]), chance.choice(SEEDS[name]), chance))


def mutated(data: bytes, other: bytes, chance: random.Random) -> bytes:
    found = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at, size = chance.randrange(len(found) + 1), chance.choice((1, 2, 8, 60))
        match chance.randrange(4):
            case 0:
                del found[at : at + size]
            case 1:
                found[at : at + size] = bytes(chance.randrange(256) for _ in range(size))
            case 2:
                found[at:at] = found[at : at + size] * 3
            case _:
                start = chance.randrange(len(other) + 1)
                found[at:at] = other[start : start + size]
    return bytes(found)
