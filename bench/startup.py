"""How long commands take to start, against `python -c pass` in the same run.

    python bench/startup.py [--rounds 15]

A pretend API with thirty sessions answers; what `(silent)` asks takes connections and never answers. Commands and the bare
interpreter take turns, so that all of them meet the same load. Printed: the median and the quickest of each whole process,
what it takes more than the bare interpreter, and its CPU time, which other work on the machine touches least. Then how long
`up` takes, from nothing running to the first byte that came through the proxy from upstream.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.rig.vendor import vendor  # noqa: E402 - found by the line above
from support.stack import RunningStack  # noqa: E402
from ui import afternoon  # noqa: E402
from ui.pretend_api import TOKEN, pretend_api  # noqa: E402

UPS = 5
PATIENCE_SECONDS = 20.0
UP_GOAL = 1000
GOALS = {"top --once": 500, "statusline": 80, "hook (silent)": 200, "statusline (silent)": 200}


def took(command: list[str], environ: dict[str, str], given: bytes) -> tuple[float, float]:
    """Milliseconds that passed, and those of CPU time (user and system)."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=environ, input=given, capture_output=True, check=True, timeout=30)
    passed, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return passed * 1000, cpu * 1000


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def first_byte(port: int, began: float) -> float:
    """Milliseconds since `began` until an answer came through the proxy."""
    while time.perf_counter() - began < PATIENCE_SECONDS:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            line.sendall(b"GET /held HTTP/1.1\r\nhost: bench\r\n\r\n")
            if line.recv(12) == b"HTTP/1.1 200":
                return (time.perf_counter() - began) * 1000
        time.sleep(0.005)
    raise RuntimeError("the proxy does not answer")


def ups(directory: Path, upstream: str) -> tuple[list[float], list[float]]:
    """Milliseconds from `up` to the first byte, and of the whole command; each time nothing ran before."""
    bytes_at, whole = [], []
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CLAUDITOR_")}
    for _ in range(UPS):
        with tempfile.TemporaryDirectory(dir=directory) as place, ThreadPoolExecutor(1) as pool:
            stack, port = RunningStack(Path(place) / "data", environ | {"HOME": place}), free_port()
            began = time.perf_counter()
            flags = ("--port", str(port), "--api-port", "0", "--upstream", upstream)
            starting = pool.submit(stack.clauditor, "up", *flags)
            try:
                bytes_at.append(first_byte(port, began))
                starting.result()
                whole.append((time.perf_counter() - began) * 1000)
            finally:
                stack.clauditor("down", "--yes")
    return bytes_at, whole


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with (
        tempfile.TemporaryDirectory() as directory,
        pretend_api(afternoon.with_signals()) as api,
        socket.create_server(("127.0.0.1", 0), backlog=128) as silent,
    ):
        nobody = f"http://127.0.0.1:{silent.getsockname()[1]}"
        (Path(directory) / "token").write_text(TOKEN)
        environ = {**os.environ, "CLAUDITOR_DATA_DIR": directory, "HOME": directory}
        program = [sys.executable, "-P", "-m", "clauditor"]
        given = json.dumps({"session_id": "5f0c2a11-aaaa", "hook_event_name": "Stop"}).encode()
        commands = {
            "python -c pass": [sys.executable, "-P", "-c", "pass"],
            "top --once": [*program, "top", "--once", "--url", api.url],
            "top --compact": [*program, "top", "--compact", "--url", api.url],
            "sessions": [*program, "sessions", "--url", api.url],
            "statusline": [*program, "statusline", "--url", api.url],
            "statusline (silent)": [*program, "statusline", "--url", nobody],
            "hook": [*program, "hook", "--url", api.url],
            "hook (silent)": [*program, "hook", "--url", nobody],
            "--version": [*program, "--version"],
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for number in range(rounds + 1):
            for name, command in commands.items():
                spent = took(command, environ, given)
                if number:  # the first one fills the caches
                    times[name].append(spent)
    bare = statistics.median(passed for passed, _ in times["python -c pass"])
    load = os.getloadavg()[0]
    print(
        f"{rounds} rounds, load average {load:.1f}, {os.cpu_count()} cores, Python {sys.version.split()[0]}"
    )
    print(f"{'':<20} {'median':>8} {'quickest':>9} {'over bare':>10} {'CPU':>8}  goal")
    for name, taken in times.items():
        median = statistics.median(passed for passed, _ in taken)
        quickest = min(passed for passed, _ in taken)
        cpu = statistics.median(cpu for _, cpu in taken)
        goal = f"<= {GOALS[name]} ms" if name in GOALS else ""
        print(
            f"{name:<20} {median:>5.0f} ms {quickest:>6.0f} ms {median - bare:>7.0f} ms {cpu:>5.0f} ms  {goal}"
        )
    with tempfile.TemporaryDirectory() as directory, vendor() as upstream:
        found = ups(Path(directory), upstream.url)
    print(f"\n{UPS} times, nothing running before")
    for name, these, goal in (
        ("up, to the first byte", found[0], f"<= {UP_GOAL} ms"),
        ("up, the whole command", found[1], ""),
    ):
        print(f"{name:<22} {statistics.median(these):>5.0f} ms  longest {max(these):>5.0f} ms  {goal}")


if __name__ == "__main__":
    main()
