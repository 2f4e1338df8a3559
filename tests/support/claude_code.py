"""The real Claude Code client, offline: a network namespace that has only loopback, a throw-away home.

Run as a program inside such a namespace (`python -m support.claude_code SCENARIO.json`), it starts the pretend
vendor and a stack, runs the client as the scenario says, and prints what both sides say as JSON. The client
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
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from clauditor.demo import Reply, Request, Text
from support.stack import watched_vendor
from support.tap import Tap

NOBODY = 65534
LOOPBACK_ONLY = ["unshare", "--net", "--", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
SCRIPTED_KINDS = ("main", "compaction")

Run = dict[str, Any]
"""`name`; `prompt`; `arguments` of the command line; `after`, the run whose session it resumes; `answers` of the
vendor to its first calls: members of a `Reply`, `text` among them, or a `failure` status.
"""


def run(
    name: str, prompt: str, *arguments: str, after: str | None = None, answers: Sequence[Any] = ()
) -> Run:
    return {"name": name, "prompt": prompt, "arguments": arguments, "after": after, "answers": answers}


def client_or_skip() -> str:
    """Path of the client; skips, saying what is missing."""
    client = os.environ.get("CLAUDITOR_TEST_CLAUDE") or shutil.which("claude")
    if client is None:
        pytest.skip("the Claude Code client is not installed (CLAUDITOR_TEST_CLAUDE)")
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("only root, with unshare and ip, can make a network namespace for the client")
    return client


def play(directory: Path, steps: Sequence[Sequence[Run]], **scenario: Any) -> dict[str, Any]:
    """Run a scenario in a namespace of its own: the runs of a step at once, the steps one after the other.

    `hints`: whether hint headers are asked for; `env`: more of the client's environment; `tapped`: whether to keep
    what the client sent and got at its own side of the proxy (`wire` in the answer). The rest of the answer: `runs`
    by name, `sessions`, `shown` and `turns` by session id, and the vendor's `records`.
    """
    scenario |= {"steps": steps, "client": client_or_skip(), "directory": str(directory)}
    done = subprocess.run(
        [*LOOPBACK_ONLY, sys.executable, "-m", "support.claude_code", json.dumps(scenario)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def main(scenario: dict[str, Any]) -> dict[str, Any]:
    with watched_vendor(Path(scenario["directory"]), seed=7) as (vendor, stack):
        answers: list[Reply] = []

        def scripted(request: Request) -> Reply | None:
            return answers.pop(0) if answers and request.kind in SCRIPTED_KINDS else None

        vendor.reply_with(scripted)
        home = Path(tempfile.mkdtemp(prefix="claude-home-", dir="/tmp"))
        project = home / "webshop"
        project.mkdir()
        for path in (home, project):
            os.chown(path, NOBODY, NOBODY)
        done: dict[str, dict[str, Any]] = {}
        try:
            with Tap(urlsplit(stack.proxy_url).port or 0) as tap, ThreadPoolExecutor() as pool:
                url = tap.url if scenario.get("tapped") else stack.proxy_url
                for step in scenario["steps"]:
                    answers[:] = [reply(told) for each in step for told in each["answers"]]
                    begun = {
                        each["name"]: pool.submit(run_client, scenario, url, project, each, done)
                        for each in step
                    }
                    done |= {name: future.result() for name, future in begun.items()}
        finally:
            shutil.rmtree(home, ignore_errors=True)
        ids = {each["session_id"] for each in done.values()}
        for session_id in ids:
            stack.session_when(session_id, lambda seen: seen["state"] in {"waiting", "idle", "ended"})
        return {
            "runs": done,
            "sessions": stack.sessions(),
            "shown": {session_id: stack.json("show", session_id) for session_id in ids},
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


def reply(told: dict[str, Any]) -> Reply:
    """An answer as a run tells it."""
    if "failure" in told:
        return Reply.failure(told["failure"])
    said = told.get("text")
    return Reply(
        **{name: value for name, value in told.items() if name != "text"}, steps=(Text(said),) if said else ()
    )


def run_client(
    scenario: dict[str, Any], url: str, project: Path, run: Run, done: dict[str, dict[str, Any]]
) -> dict[str, Any]:
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
    resumed = ["--resume", done[run["after"]]["session_id"]] if run["after"] else []
    tools = ["--allowedTools", "Bash", "Read", "Agent"]
    ended = subprocess.run(
        [
            scenario["client"],
            "-p",
            run["prompt"],
            "--output-format",
            "json",
            *resumed,
            *run["arguments"],
            *tools,
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
        result = json.loads(ended.stdout)
    except json.JSONDecodeError as error:
        raise AssertionError(f"the client said: {ended.stdout}\n{ended.stderr}") from error
    return {"code": ended.returncode, "session_id": result["session_id"], "result": result}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))))
