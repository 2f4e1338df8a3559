from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from clauditor.proxy import locks
from clauditor.proxy.process import Process

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


def test_whoever_has_waited_for_a_killed_holder_with_threads_gets_its_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    code = (
        "import sys, threading, time; from pathlib import Path; from clauditor.proxy import locks\n"
        "for _ in range(50): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "locks.hold(Path(sys.argv[1])); print(flush=True); time.sleep(60)"
    )
    for _ in range(10):
        holder = subprocess.Popen([sys.executable, "-c", code, lock], stdout=subprocess.PIPE)
        assert holder.stdout is not None
        assert holder.stdout.readline()
        process = Process.of(holder.pid)
        assert process is not None
        process.signal(signal.SIGKILL)
        assert process.wait(10)
        os.close(locks.hold(lock))
        holder.communicate()
