"""What a scrape of the metrics costs, once hostile names have taken every place there is.

    python bench/scrape.py [--rounds 400] [--scrapes 200] [--write]     (about a minute and a half)

A stack on free ports; sessions whose models, projects, tools, servers, skills and rate-limit windows have a new name
each time, one of three a known one. Then scrapes over one kept connection, as Prometheus does it, four a second; their CPU is what
the sidecar used beyond what it used in as many seconds without them.
"""

from __future__ import annotations

import http.client
import json
import re
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.rig.figures import Figure, Result, command, cpu_seconds, percentile, table  # noqa: E402 - found on that path
from bench.rig.stacks import Watched, watched  # noqa: E402
from clauditor.demo import Reply, Request, Simulator, ToolUse  # noqa: E402
from clauditor.model.models import MODELS  # noqa: E402
from clauditor.telemetry.tools import KNOWN_TOOLS  # noqa: E402

PAUSE_SECONDS: Final = 0.25
SCRAPE_SECONDS: Final = 15.0  # how often Prometheus asks
SERIES: Final = 2_000
GOAL_MS: Final = 50.0
GOAL_PERCENT: Final = 5.0

_UNIFIED: Final = "anthropic-ratelimit-unified"


def known_or_new(number: int, known: list[str], new: str) -> str:
    return known[number // 3 % len(known)] if number % 3 == 0 else f"{new}{number}"


def reply(number: int) -> Reply:
    """Tools of every kind, and one failure of each kind among ten answers."""
    if number % 10 == 9:
        return Reply.failure(529)
    if number % 10 == 8:
        return Reply.text("a part", error="overloaded_error")
    names = (
        known_or_new(number, sorted(KNOWN_TOOLS), "evil tool "),
        f"mcp__server{number % 40}__tool{number}",
        f"mcp__jira__tool{number % 30}",
    )
    tools = tuple(ToolUse(name, {}, f"toolu_{number}_{place}") for place, name in enumerate(names))
    skill = ToolUse("Skill", {"skill": f"skill-{number}"}, f"toolu_{number}_3")
    headers = ((f"{_UNIFIED}-w{number}-utilization", "0.5"), (f"{_UNIFIED}-w{number}-reset", "4000000000"))
    served = sorted(MODELS)[number % len(MODELS)] if number % 2 else None
    return Reply(steps=(*tools, skill), model=served, headers=headers, first_token_seconds=0.002)


def requests(number: int) -> Iterator[dict[str, Any]]:
    """Two calls: the second brings the results of what the first one's answer asked for."""
    prompt = {"role": "user", "content": f"prompt {number}"}
    called = [
        {"type": "tool_use", "id": f"toolu_{number}_{place}", "name": "Bash", "input": {}}
        for place in range(4)
    ]
    results = [
        {"type": "tool_result", "tool_use_id": tool["id"], "content": "x", "is_error": bool(number % 2)}
        for tool in called
    ]
    common = {
        "model": known_or_new(number, sorted(MODELS), "evil-model-"),
        "max_tokens": 100,
        "stream": True,
        "system": f"# Environment\nPrimary working directory: /home/me/project{number}\n",
    }
    yield common | {"messages": [prompt]}
    yield common | {
        "messages": [
            prompt,
            {"role": "assistant", "content": called},
            {"role": "user", "content": results},
        ]
    }


def play(url: str, rounds: int) -> None:
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        for number in range(rounds):
            headers = {"x-claude-code-session-id": f"scrape-{number // 4}", "x-bench-number": str(number)}
            for body in requests(number):
                client.post("/v1/messages", json=body, headers=headers | {"x-api-key": "k"})


def answer(request: Request) -> Reply | None:
    number = request.header("x-bench-number")
    return None if number is None else reply(int(number))


def scrape(stack: Watched, scrapes: int) -> tuple[list[float], list[float], bytes]:
    """Seconds of each scrape, of an empty answer right before it, and what the last scrape said."""
    parts = urlsplit(stack.api_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    headers = {"authorization": f"Bearer {stack.token}", "accept-encoding": "gzip"}
    took: dict[str, list[float]] = {"/healthz": [], "/metrics": []}
    text = b""
    for _ in range(scrapes):
        for path, seconds in took.items():
            began = time.perf_counter()
            connection.request("GET", path, headers=headers)
            text = connection.getresponse().read()
            seconds.append(time.perf_counter() - began)
        time.sleep(PAUSE_SECONDS)
    connection.close()
    return took["/metrics"], took["/healthz"], text


def run(told: Namespace) -> Result:
    with (
        tempfile.TemporaryDirectory() as directory,
        Simulator() as vendor,
        watched(Path(directory), vendor.url) as stack,
    ):
        vendor.reply_with(answer)
        play(stack.url, told.rounds)
        time.sleep(told.settle)
        pid = stack.pid("sidecar")
        scrape(stack, 5)
        before = cpu_seconds(pid)
        time.sleep(told.scrapes * PAUSE_SECONDS)
        idle = cpu_seconds(pid) - before
        before = cpu_seconds(pid)
        seconds, empty, text = scrape(stack, told.scrapes)
        used = cpu_seconds(pid) - before - idle
        sessions = len(
            json.loads(stack.stack.clauditor("sessions", "--json", "--limit", "1000").stdout)["sessions"]
        )
    series = len(re.findall(rb"^clauditor_", text, re.MULTILINE))
    median, p99 = (1000 * percentile(seconds, ratio) for ratio in (0.5, 0.99))
    least, noise = (1000 * percentile(empty, ratio) for ratio in (0.5, 0.99))
    each = 1000 * used / told.scrapes
    percent = each / 10 / SCRAPE_SECONDS
    figures = [
        Figure(
            what="series, after every name has been tried",
            goal=f"<= {SERIES:,}",
            measured=f"{series:,}",
            is_met=series <= SERIES,
        ),
        Figure(what="a scrape of them, median", measured=f"{median:.1f} ms, {len(text) / 1024:.0f} KiB"),
        Figure(what="p99", goal=f"<= {GOAL_MS:.0f} ms", measured=f"{p99:.1f} ms", is_met=p99 <= GOAL_MS),
        Figure(
            what="an empty answer right before it, median and p99", measured=f"{least:.1f} ms, {noise:.1f} ms"
        ),
        Figure(
            what=f"median, in proportion for {SERIES:,} series",
            goal=f"<= {GOAL_MS:.0f} ms",
            measured=f"{median * SERIES / series:.1f} ms",
            is_met=median * SERIES / series <= GOAL_MS,
        ),
        Figure(
            what=f"CPU of a scrape, and of one every {SCRAPE_SECONDS:.0f} s",
            goal=f"<= {GOAL_PERCENT:.0f} % of a core",
            measured=f"{each:.1f} ms, {percent:.2f} %",
            is_met=percent <= GOAL_PERCENT,
        ),
    ]
    head = f"{told.rounds} rounds of new names in {sessions} sessions; then {told.scrapes} scrapes, four a second."
    wrong = [] if series <= SERIES else [f"{series} series"]
    return Result([head, "", *table(figures)], wrong)


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--scrapes", type=int, default=200)
    parser.add_argument("--settle", type=float, default=10, help="seconds, after the names")


if __name__ == "__main__":
    command("scrape", __doc__ or "", options, run)
