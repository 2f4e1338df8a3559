"""What our hooks cost the real client for each tool call, while the sidecar is stopped and cannot answer them.

Run as a program in a network namespace (`python -m faults.claude_hooks SCENARIO.json`); `play` does that. The client
runs as the user whose hooks they are, as it does in life.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from clauditor.demo import Reply, Request
from clauditor.setup.own import Wanted, with_ours
from faults.apart import run_apart
from support.claude_code import client_or_skip
from support.stack import RunningStack, watched_vendor

TOOLS: Final = 15
ROUNDS: Final = 3


def play(directory: Path) -> dict[str, float]:
    """Seconds between an answer that asks for a tool and the next request, `without` and `with` our hooks: the lower
    quartile, because whatever else the machine does only adds.
    """
    scenario = {"client": client_or_skip(), "directory": str(directory)}
    found: dict[str, float] = run_apart("faults.claude_hooks", scenario)
    return found


def main(scenario: dict[str, Any]) -> dict[str, float]:
    with watched_vendor(Path(scenario["directory"]), seed=8) as (vendor, stack):

        def answer(request: Request) -> Reply | None:
            if request.kind != "main":
                return None
            step = sum(message.get("role") == "assistant" for message in request.messages)
            return (
                Reply.tool("Bash", {"command": f"echo {step}"}) if step < TOOLS else Reply.text("All done.")
            )

        vendor.reply_with(answer)
        found: dict[str, list[float]] = {"without": [], "with": []}
        program = f"{sys.executable} -P -m clauditor"
        place = f"--data-dir {stack.data_dir}"
        ours = Wanted(env={}, hook=f"{program} hook {place}", status_line=f"{program} statusline {place}")
        stopped = int(stack.status["sidecar"]["pid"])
        os.kill(stopped, signal.SIGSTOP)
        try:
            _run(scenario["client"], stack, "{}")  # the first one finds nothing in the machine's cache
            for _ in range(ROUNDS):
                for name, settings in (("without", "{}"), ("with", with_ours("{}", ours))):
                    session_id = _run(scenario["client"], stack, settings)
                    records = vendor.ledger.of(session_id, kinds=["main"])
                    found[name] += [after.started_at - before.ended_at for before, after in pairwise(records)]
        finally:
            os.kill(stopped, signal.SIGCONT)
        return {name: statistics.quantiles(seconds)[0] for name, seconds in found.items()}


def _run(client: str, stack: RunningStack, settings: str) -> str:
    """One prompt with all the tools; the id of its session."""
    home = Path(tempfile.mkdtemp(prefix="claude-home-", dir="/tmp"))
    (home / ".claude").mkdir()
    (home / ".claude" / "settings.json").write_text(settings)
    env = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "ANTHROPIC_BASE_URL": stack.proxy_url,
        "ANTHROPIC_API_KEY": "sk-ant-fake-test-key",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "NO_PROXY": "127.0.0.1,localhost",
    }
    try:
        ended = subprocess.run(
            [client, "-p", "do the steps", "--output-format", "json", "--allowedTools", "Bash"],
            env=env,
            cwd=home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=True,
        )
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return str(json.loads(ended.stdout)["session_id"])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))))
