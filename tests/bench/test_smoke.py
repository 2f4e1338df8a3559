"""Every bench still runs, small, and prints its section: a bench that nobody runs rots."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.all import PRINTERS, WRITERS  # noqa: E402

BENCH = ROOT / "bench"
SMALL = {
    "latency": ("--rounds", "3", "--streams", "1"),
    "streams": ("40", "--gap", "0.05"),
    "memory": ("--sessions", "8", "--mebibytes", "2", "--stopped", "1", "--settle", "0.1"),
    "growth": ("--rounds", "1", "--sessions", "10"),
    "live": ("--streams", "2", "--seconds", "2"),
    "slow_connections": ("--half-open", "20", "--streams", "20", "--seconds", "2"),
    "load": ("--rates", "40", "--seconds", "1", "--burst", "20"),
    "turns": ("30",),
    "scrape": ("--rounds", "3", "--scrapes", "4", "--settle", "0.1"),
    "restarts": ("--restarts", "2"),
}
"""How the benches that write docs/performance.md are run small."""


@pytest.mark.parametrize("name", SMALL)
def test_a_small_run_loses_and_alters_nothing(name: str) -> None:
    done = subprocess.run(
        [sys.executable, str(BENCH / f"{name}.py"), *SMALL[name]],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "| what | goal | measured | met |" in done.stdout
    assert "Envoy 1." in done.stdout


def test_each_has_its_place_in_the_page() -> None:
    page = (ROOT / "docs" / "performance.md").read_text()
    places = re.findall(r"<!-- (\w+): written by bench/\1\.py -->", page)
    assert {*WRITERS, *PRINTERS} == set(places)
    assert places == re.findall(r"<!-- end of (\w+) -->", page)
    assert set(WRITERS) == set(SMALL)
