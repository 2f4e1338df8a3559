"""The real Claude Code client, offline: a network namespace that has only loopback, a throw-away home.

Run as a program inside such a namespace (`python -m support.claude_code SCENARIO.json`), it starts the pretend
vendor and a stack, runs the client once for each prompt, and prints what both sides say as JSON. The client
is started as an ordinary user, because it refuses some things to root.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from clauditor.demo import Reply
from support.stack import watched_vendor
from support.tap import Tap

NOBODY = 65534
LOOPBACK_ONLY = ["unshare", "--net", "--", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


def client_or_skip() -> str:
    """Path of the client; skips, saying what is missing."""
    client = os.environ.get("CLAUDITOR_TEST_CLAUDE") or shutil.which("claude")
    if client is None:
        pytest.skip("the Claude Code client is not installed (CLAUDITOR_TEST_CLAUDE)")
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("only root, with unshare and ip, can make a network namespace for the client")
    return client


def play(tmp_path: Path, **scenario: Any) -> dict[str, Any]:
    """Run a scenario in a namespace of its own; see `main` for its keys."""
    scenario |= {"client": client_or_skip(), "directory": str(tmp_path)}
    done = subprocess.run(
        [*LOOPBACK_ONLY, sys.executable, "-m", "support.claude_code", json.dumps(scenario)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def main(scenario: dict[str, Any]) -> dict[str, Any]:
    """`prompts`: one client run each; `failures`: statuses answered before the first reply; `hints`: whether hint
    headers are asked for; `env`: more of the client's environment.

    `wire` in the answer is what the client sent and got at its own side of the proxy.
    """
    directory = Path(scenario["directory"])
    failures = list(scenario.get("failures", ()))
    with watched_vendor(directory, seed=7) as (vendor, stack):
        vendor.reply_with(lambda _: Reply.failure(failures.pop(0)) if failures else None)
        home = Path(tempfile.mkdtemp(prefix="claude-home-", dir="/tmp"))
        project = home / "webshop"
        project.mkdir()
        for path in (home, project):
            os.chown(path, NOBODY, NOBODY)
        try:
            with Tap(urlsplit(stack.proxy_url).port or 0) as tap:
                runs = [run_client(scenario, tap.url, project, prompt) for prompt in scenario["prompts"]]
        finally:
            shutil.rmtree(home, ignore_errors=True)
        for run in runs:
            stack.session_when(run["session_id"], lambda seen: not seen["tools"]["running"])
        return {
            "runs": runs,
            "sessions": stack.sessions(),
            "shown": {run["session_id"]: stack.json("show", run["session_id"]) for run in runs},
            "records": [dataclasses.asdict(record) for record in vendor.ledger.records],
            "wire": [
                {
                    "request": hashlib.sha256(request.body).hexdigest(),
                    "request_headers": request.headers,
                    "response": hashlib.sha256(response.body).hexdigest(),
                    "response_headers": response.headers,
                }
                for request, response in tap.exchanges()
            ],
        }


def run_client(scenario: dict[str, Any], url: str, project: Path, prompt: str) -> dict[str, Any]:
    """One `claude -p` run: its exit code, its own JSON result and its session id."""
    env = {
        "HOME": str(project.parent),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "sk-ant-fake-test-key",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "NO_PROXY": "127.0.0.1,localhost",
    }
    if scenario.get("hints", True):
        env["CLAUDE_CODE_GATEWAY_HINT_HEADERS"] = "1"
    env |= scenario.get("env", {})
    done = subprocess.run(
        [
            scenario["client"],
            "-p",
            prompt,
            "--output-format",
            "json",
            "--allowedTools",
            "Bash",
            "Read",
            "Agent",
        ],
        env=env,
        cwd=project,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    try:
        result = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise AssertionError(f"the client said: {done.stdout}\n{done.stderr}") from error
    return {"code": done.returncode, "session_id": result["session_id"], "result": result}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))))
