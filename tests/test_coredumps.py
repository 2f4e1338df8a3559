"""No program of ours leaves its memory behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from clauditor.demo import Simulator
from support.stack import RunningStack, watched_vendor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc says what is dumped")


def dumped(pid: int | str) -> tuple[str, int]:
    """The limit of core files, soft and hard, and which memory would be in one (proc(5))."""
    limits = Path(f"/proc/{pid}/limits").read_text()
    limit = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    return " ".join(limit.split()[4:6]), int(Path(f"/proc/{pid}/coredump_filter").read_text(), 16)


def test_what_a_program_starts_leaves_none_either() -> None:
    program = (
        "import subprocess, sys; from clauditor.coredumps import leave_none; leave_none(); "
        "print(subprocess.run(['cat', '/proc/self/limits', '/proc/self/coredump_filter'], capture_output=True, text=True).stdout)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "Max core file size        0                    0 " in done.stdout
    assert done.stdout.split()[-1] == "00000000"


def test_no_program_of_the_stack_leaves_one(tmp_path: Path) -> None:
    both: tuple[Simulator, RunningStack]
    with watched_vendor(tmp_path, seed=1) as both:
        run = both[1].data_dir / "run"
        for name in ("supervisor", "sidecar", "envoy"):
            assert dumped(pid := (run / f"{name}.pid").read_text().split()[0]) == ("0 0", 0), name
        # Envoy's crash handler writes the head of a request there, keys included (tests/privacy/crash.py).
        assert Path(f"/proc/{pid}/fd/2").readlink().parts[:2] == ("/", "memfd:output (deleted)")
