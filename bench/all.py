"""Runs the benches one after the other and writes docs/performance.md.     (`make bench`, about twenty-five minutes)

    python bench/all.py [NAME ...]

One that fails does not keep the next from running; ends with 1 if one did. The million turns of `bench/history.py` and
the ten thousand of `bench/ten_thousand.py` are run by hand.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.rig.figures import load, machine, write  # noqa: E402 - found on the path that was just set

WRITERS: Final = (
    *(
        "latency",
        "streams",
        "memory",
        "growth",
        "live",
        "slow_connections",
        "load",
        "turns",
        "scrape",
        "restarts",
    ),
)
"""Those that write their section themselves."""
PRINTERS: Final = ("chunk_cpu", "idle", "startup", "top_cpu", "page")
"""Those whose words are put into the page as they are."""


def succeeds(name: str) -> bool:
    command = [sys.executable, str(ROOT / "bench" / f"{name}.py")]
    print(f"-- {name}", flush=True)
    if name in WRITERS:
        return subprocess.run([*command, "--write"], check=False).returncode == 0
    before = load()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout, flush=True)
    if done.returncode == 0:
        head = f"{machine()}; load average {before} before, {load()} after."
        write(name, f"{head}\n\n```text\n{done.stdout.rstrip()}\n```")
    return done.returncode == 0


def main() -> None:
    asked = sys.argv[1:] or [*PRINTERS, *WRITERS]
    if unknown := set(asked) - {*PRINTERS, *WRITERS}:
        raise SystemExit(f"no bench that writes the page: {', '.join(sorted(unknown))}")
    failed = [name for name in asked if not succeeds(name)]
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
