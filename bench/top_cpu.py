"""CPU of the live screen with 200 sessions that change four times a second, against one that hears only heartbeats.

    python bench/top_cpu.py [--sessions 200] [--seconds 20] [--changes 50]

Both run `clauditor top` in tmux, on a server of its own, one after the other: first with a stream that tells nothing
new (what the screen costs by itself: its clock, its timers), then with `changes` sessions changed in each of four
messages a second. Printed: the share of one core, from the process's own CPU time. Goal: less than 15 %.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from ui import afternoon  # noqa: E402 - found by the line above
from ui.pretend_api import TOKEN, PretendApi, pretend_api  # noqa: E402

PERIOD = 0.25
WARM_SECONDS = 5.0


def cpu_seconds(pid: int) -> float:
    """User and system time of a process. proc(5): fields 14 and 15, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(api: PretendApi, pid: int, seconds: float, changes: int) -> float:
    """The share of a core that the screen takes while `changes` sessions change every `PERIOD`."""
    shots, number = api.sessions, 0
    began, before = time.monotonic(), cpu_seconds(pid)
    while (now := time.monotonic()) - began < seconds:
        if changes:
            number += 1
            chosen = [shots[(number * changes + index) % len(shots)] for index in range(changes)]
            api.say(*(changed(shot, number) for shot in chosen))
        time.sleep(max(0.0, PERIOD - (time.monotonic() - now)))
    return (cpu_seconds(pid) - before) / (time.monotonic() - began)


def changed(shot: afternoon.Snapshot, number: int) -> afternoon.Snapshot:
    """The session a moment later: another state, more spent, fuller."""
    state = ("thinking", "streaming", "tool")[number % 3]
    return shot | {
        "state": state,
        "waiting_for": None,
        "state_since": time.time(),
        "last_activity_at": time.time(),
        "cost_usd": 1.0 + number / 100,
        "turns": 12 + number,
        "attention": 300 + number % 5,
    }


def run(sessions: int, seconds: float, changes: int) -> float:
    with tempfile.TemporaryDirectory(dir="/tmp") as directory, pretend_api(afternoon.many(sessions)) as api:
        (Path(directory) / "token").write_text(TOKEN)
        tmux = ["tmux", "-S", f"{directory}/tmux", "-f", "/dev/null"]
        program = [sys.executable, "-P", "-m", "clauditor", "top", "--url", api.url, "--data-dir", directory]
        command = f"env LANG=C.UTF-8 HOME={directory} {shlex.join(program)}"
        size = ("-x", "120", "-y", "40")
        pane = [*tmux, "new-session", "-d", *size, "-P", "-F", "#{pane_pid}", f"exec {command}"]
        pid = int(subprocess.run(pane, check=True, capture_output=True, text=True, cwd=ROOT).stdout)
        try:
            time.sleep(WARM_SECONDS)
            return measure(api, pid, seconds, changes)
        finally:
            subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--changes", type=int, default=50)
    asked = parser.parse_args()
    quiet = run(asked.sessions, asked.seconds, 0)
    busy = run(asked.sessions, asked.seconds, asked.changes)
    print(
        f"{asked.sessions} sessions on 120 x 40 cells, {asked.changes} changed in each of 4 messages a second"
    )
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, Python {sys.version.split()[0]}")
    print(f"heartbeats only  {quiet:6.1%} of a core")
    print(f"busy             {busy:6.1%} of a core  (goal: < 15 %)")


if __name__ == "__main__":
    main()
