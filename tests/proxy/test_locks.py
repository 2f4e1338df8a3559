from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from clauditor.proxy import locks

HOLD = (
    "import sys; from pathlib import Path; from clauditor.proxy import locks; locks.hold(Path(sys.argv[1]))"
)


def test_a_lock_has_one_holder_whom_others_can_ask_for_until_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    assert locks.holder(path) is None
    process = subprocess.Popen(
        [sys.executable, "-c", f"{HOLD}; print('held', flush=True); sys.stdin.read()", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        found = locks.holder(path)
        assert found is not None
        assert found.pid == process.pid
        with pytest.raises(BlockingIOError):
            locks.hold(path)
    finally:
        process.kill()
        process.communicate()
    assert locks.holder(path) is None
