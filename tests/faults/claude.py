"""The real Claude Code client while what it goes through is killed under it; offline, in a network namespace.

Run as a program inside such a namespace (`python -m faults.claude SCENARIO.json`); `play` does that.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, Final

from clauditor.demo import Hold, Reply, Request, Text, ToolUse
from clauditor.proxy.envoy import Admin
from clauditor.proxy.process import Process
from clauditor.proxy.rundir import RunDir
from clauditor.proxy.running import Name, running
from faults.apart import run_apart
from faults.lab import OPEN_STREAMS
from support.claude_code import NOBODY, client_or_skip, run, run_client
from support.stack import RunningStack, watched_vendor
from support.waiting import until

SCRIPT: Final[tuple[Name, ...]] = ("envoy", "sidecar", "sidecar", "sidecar")
"""What is killed, each in the middle of an answer that asks for a tool. Envoy first: it takes the last half second of
its log along, and with it what else would tell of an answer that a killed sidecar had not seen to its end.
"""


def play(directory: Path) -> dict[str, Any]:
    """The client's own result, what was killed, and what vendor and sidecar say of the session."""
    scenario = {"client": client_or_skip(), "directory": str(directory)}
    found: dict[str, Any] = run_apart("faults.claude", scenario)
    return found


def main(scenario: dict[str, Any]) -> dict[str, Any]:
    with watched_vendor(Path(scenario["directory"]), seed=8) as (vendor, stack):
        seen: set[int] = set()
        killed: list[str] = []
        waiting = threading.Semaphore(0)

        def answer(request: Request) -> Reply | None:
            """One tool after another; each answer stops in its middle until somebody was killed."""
            if request.kind != "main":
                return None
            step = sum(message.get("role") == "assistant" for message in request.messages)
            if step >= len(SCRIPT):
                return Reply.text("All done.")
            if step not in seen:  # else the client tries again what broke off
                seen.add(step)
                waiting.release()
            tool = ToolUse("Bash", {"command": f"echo step {step}", "description": "say so"})
            return Reply(steps=(Text("Let me see. " * 50), Hold(f"step {step}"), Text("Now. " * 2000), tool))

        def kill() -> None:
            """Each time the answer goes on when what was killed is back, so that the next one is observed again."""
            for step, name in enumerate(SCRIPT):
                waiting.acquire()
                held = until(partial(_open_streams, stack), "a stream that is open")
                victim = until(partial(_ready, stack, name), f"a {name} that is ready")
                victim.signal(signal.SIGKILL)
                killed.append(f"{name} ({held} streams open)")
                until(partial(_ready, stack, name, other_than=victim), f"another {name}")
                vendor.release(f"step {step}")

        vendor.reply_with(answer)
        home = Path(tempfile.mkdtemp(prefix="claude-home-", dir="/tmp"))
        project = home / "webshop"
        project.mkdir()
        for path in (home, project):
            os.chown(path, NOBODY, NOBODY)
        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        try:
            ended = run_client(scenario, stack.proxy_url, project, run("killed", "do the steps"), {})
        finally:
            shutil.rmtree(home, ignore_errors=True)
        killer.join(5)
        records = vendor.ledger.of(ended["session_id"])
        unseen = SCRIPT.count("sidecar")  # the answers that were under way when it was killed
        shot = stack.session_when(
            ended["session_id"],
            lambda told: told["state"] in {"waiting", "idle"} and told["unobserved"]["exchanges"] >= unseen,
        )
        return {
            "version": _version(scenario["client"]),
            "code": ended["code"],
            "result": ended["result"].get("result"),
            "is_error": ended["result"].get("is_error"),
            "turns": ended["result"].get("num_turns"),
            "seconds": ended["result"].get("duration_ms", 0) / 1000,
            "killed": killed,
            "outcomes": Counter(record.outcome for record in records),
            "unobserved": shot["unobserved"]["exchanges"],
        }


def _version(client: str) -> str:
    return subprocess.run(
        [client, "--version"], capture_output=True, text=True, check=True, timeout=30
    ).stdout.strip()


def _ready(stack: RunningStack, name: Name, *, other_than: Process | None = None) -> Process | None:
    found = running(RunDir(stack.data_dir), name)
    is_up = found is not None and found.ready and found.process != other_than
    return found.process if found is not None and is_up else None


def _open_streams(stack: RunningStack) -> int:
    return Admin(RunDir(stack.data_dir).admin_socket).figures([OPEN_STREAMS]).get(OPEN_STREAMS, 0)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))))
