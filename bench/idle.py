"""What Clauditor costs while nothing happens: no traffic, no viewer, Envoy and the sidecar together.

    python bench/idle.py [--seconds 60] [--settle 35] [--calls 0]

Starts a stack on free ports, lets it settle, and reads what the kernel counted for both processes (user and system
time of all threads, and how often they were woken) over some seconds. `--calls`: calls of as many sessions before that,
so that there are sessions in memory and open connections. Printed: CPU seconds, share of a core and wake-ups a second.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import httpx

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from clauditor.demo import Simulator  # noqa: E402
from clauditor.proxy.process import PidRecord  # noqa: E402
from clauditor.proxy.rundir import RunDir  # noqa: E402
from support.stack import running_stack  # noqa: E402 - found on the path that was just set

GOAL_PERCENT: Final = 0.2


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all threads (proc(5), schedstat: nanoseconds on a core)."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def wake_ups(pid: int) -> dict[str, int]:
    """Voluntary context switches by thread name."""
    found: dict[str, int] = {}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        lines = (thread / "status").read_text().splitlines()
        fields = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        name = fields["Name"] if int(thread.name) != pid else "main"
        found[name] = found.get(name, 0) + int(fields["voluntary_ctxt_switches"])
    return found


def measure(pids: dict[str, int], seconds: float) -> None:
    before = {name: (cpu_seconds(pid), wake_ups(pid)) for name, pid in pids.items()}
    began = time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - began
    total = 0.0
    for name, pid in pids.items():
        used = cpu_seconds(pid) - before[name][0]
        total += used if name != "supervisor" else 0.0  # it waits; shown to be sure
        woken = {key: count - before[name][1].get(key, 0) for key, count in wake_ups(pid).items()}
        most = sorted(((count, key) for key, count in woken.items() if count), reverse=True)[:6]
        words = ", ".join(f"{key} {count / passed:.1f}" for count, key in most)
        print(
            f"{name:8} {used:.3f} s of CPU in {passed:.0f} s = {100 * used / passed:.3f} % of a core;"
            f" {sum(woken.values()) / passed:.1f} wake-ups a second ({words})"
        )
    print(f"together {100 * total / passed:.3f} % of a core (goal {GOAL_PERCENT} %)")


def call(url: str, number: int) -> None:
    body = {
        "model": "claude-opus-5-5",
        "max_tokens": 9,
        "stream": True,
        "messages": [{"role": "user", "content": "hello"}],
    }
    headers = {"x-claude-code-session-id": f"idle-{number}", "x-api-key": "k"}
    httpx.post(
        f"{url}/v1/messages", json=body, headers=headers, trust_env=False, timeout=30
    ).raise_for_status()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument(
        "--settle", type=float, default=35, help="the sidecar is at rest half a minute after its start"
    )
    parser.add_argument("--calls", type=int, default=0)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as directory,
        Simulator() as vendor,
        running_stack(Path(directory), vendor.url) as stack,
    ):
        for number in range(asked.calls):
            call(stack.proxy_url, number)
        time.sleep(asked.settle)
        run = RunDir(stack.data_dir)
        records = {name: PidRecord.read(run.pid_file(name)) for name in ("sidecar", "envoy", "supervisor")}
        measure(
            {name: record.process.pid for name, record in records.items() if record is not None},
            asked.seconds,
        )


if __name__ == "__main__":
    main()
