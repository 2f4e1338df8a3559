"""After some minutes of demo, every query of every dashboard answers, from a real Prometheus and a real sidecar.

The play has what the dashboards are for: a sidecar that is killed, a cache that is written again, a compaction, tools
that fail, sessions that end. Only then is a figure of zero known to be able to be another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from clauditor.demo import Profile, Simulator, ToolOutcome, ToolUse
from clauditor.demo.act import FAKE_PLAN_TOKEN, Act
from clauditor.demo.hooks import HookPost
from clauditor.demo.play import play
from clauditor.demo.stories import STORIES, Story
from support.dashboards import A_DAY_SECONDS, DASHBOARDS, Question, fill, load, questions
from support.prometheus import NO_PROMETHEUS, SCRAPE_SECONDS, Prometheus, Series, scraping
from support.stack import RunningStack, running_stack
from support.waiting import until

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None, reason=NO_PROMETHEUS)

SPEED = 40.0
STEP_SECONDS = 1.0
RATE_SECONDS = 4 * SCRAPE_SECONDS  # as Grafana: four scrapes, or the step and one, whichever is longer
DEADLINE_SECONDS = 40.0
ENOUGH_USD = 14
JSON = {"content-type": "application/json"}

# Panels that a quiet stack shows as zero, and that this play must lift: what is 0 here could be a broken query.
LIFTED = {
    "clauditor-overview": {
        "Not recorded", "Need you now", "Worth a look", "Price not known", "Signals raised", "Signals that hold now",
        "Attempts without an answer", "Answered by another model",
    },
    "clauditor-cache": {
        "Caches written again", "What that cost", "Tokens written again", "Contexts nearly full", "Compactions",
        "Written again, by cause", "Lost by writing again", "When conversations are compacted", "Size before and after a compaction",
    },
    "clauditor-tools": {
        "Failed", "Agents started", "Sessions started", "Failed most", "MCP tools that failed", "Skills",
        "Began and ended",
    },
    "clauditor-proxy": {"Went on without a copy", "Not recorded", "Bytes that passed unseen, per second", "What Envoy counts", "Errors and nonsense"},
}  # fmt: skip


async def odds_and_ends(act: Act) -> None:
    """What no story has: a skill, a server's tool that fails, and the end of a session."""
    act.continues("look it up", 30_000)
    act.outcomes["mcp__jira__search"] = ToolOutcome(content="no such project", is_error=True, seconds=0.5)
    act.will_answer(
        act.reply(ToolUse("Skill", {"skill": "release-notes"})),
        act.reply(ToolUse("mcp__jira__search", {"query": "release"})),
        act.says(120),
    )
    await act.prompt("write the release notes")
    await act.tell("SessionEnd", reason="prompt_input_exit")


EXTRA = Story(
    name="odds_and_ends",
    profile=Profile(
        cwd="/home/demo/src/notes", branch="main", model="claude-opus-5-5", oauth_token=FAKE_PLAN_TOKEN
    ),
    play=odds_and_ends,
    begins_after_seconds=0.0,
    rest_seconds=20,
)


@dataclass
class Shown:
    """What each query answered, once it answered; and money as Prometheus and as the API told it."""

    answers: dict[Question, list[Series]] = field(default_factory=dict)
    restarts: list[Series] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=dict)
    spend: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """By the API, then by the panel, then by the API again: the play goes on meanwhile."""


@pytest.fixture(scope="module")
def shown() -> Shown:
    found = Shown()
    with (
        tempfile.TemporaryDirectory(
            prefix="panels-", ignore_cleanup_errors=True
        ) as path,  # short, for sockets
        Simulator(seed=3, speed=SPEED, billing="plan", encoding="gzip", ledger_limit=200) as vendor,
        running_stack(Path(path), vendor.url) as stack,
    ):
        status = stack.status
        sidecar = status["sidecar"]["url"]
        token = stack.data_dir / "token"
        with scraping(Path(path) / "prometheus", sidecar, token) as prometheus:
            began = prometheus.now()
            playing = vendor.submit(_play(vendor, status["proxy"]["url"], sidecar, token))
            try:
                _watch(found, prometheus, stack, began)
            finally:
                playing.cancel()
    return found


async def _play(vendor: Simulator, proxy_url: str, sidecar_url: str, token: Path) -> None:
    hook = HookPost(sidecar_url, token)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(
                play(vendor, proxy_url, seed=3, speed=SPEED, hook=hook, stories=(*STORIES, EXTRA))
            )
            group.create_task(_nonsense(proxy_url))
    finally:
        await hook.close()


async def _nonsense(proxy_url: str) -> None:
    """A client whose requests nobody understands."""
    async with httpx.AsyncClient(base_url=proxy_url, trust_env=False) as client:
        while True:
            with contextlib.suppress(httpx.TransportError):
                await client.post("/v1/messages", content=b'{"model": 7, "messages"', headers=JSON)
            await asyncio.sleep(1)


def _watch(found: Shown, prometheus: Prometheus, stack: RunningStack, began: float) -> None:
    """Looks at every panel until each has shown what it is for, with an accident in the middle."""
    spent = f"sum(clauditor_cost_usd_total) > {ENOUGH_USD}"
    until(lambda: prometheus.instant(spent), "some spend")

    def agreed() -> bool:
        before, panel, after = found.spend = _spend(prometheus, stack)
        return before * 0.9 <= panel <= after * 1.1

    with contextlib.suppress(AssertionError):
        until(agreed, "the same spend in both places")
    pid = int((stack.data_dir / "run" / "sidecar.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    waiting = [question for path in DASHBOARDS for question in questions(path)]
    lifted: set[tuple[str, str]] = set()

    def all_answered() -> bool:
        for question in list(waiting):
            series = _ask(prometheus, question, began)
            if not series:
                continue
            found.answers[question] = series
            panel = (question.dashboard, question.panel)
            if _highest(series) > 0:
                lifted.add(panel)
            if panel in lifted or not _is_lifted(question):
                waiting.remove(question)
        return not waiting

    with contextlib.suppress(AssertionError):  # each test says what is missing
        until(all_answered, "every query of every dashboard answers", DEADLINE_SECONDS)
    (mark,) = {
        annotation["target"]["expr"]
        for path in DASHBOARDS
        for annotation in load(path)["annotations"]["list"]
    }
    now = prometheus.now()
    expr = fill(mark, now - began, RATE_SECONDS)
    found.restarts = prometheus.over(expr, began, now, STEP_SECONDS)
    for name in ("model", "project"):
        found.names[name] = prometheus.values(name, "clauditor_turns_total")


def _ask(prometheus: Prometheus, question: Question, began: float) -> list[Series]:
    now = prometheus.now()
    expr = question.filled(now - began, RATE_SECONDS)
    return prometheus.instant(expr) if question.instant else prometheus.over(expr, began, now, STEP_SECONDS)


def _spend(prometheus: Prometheus, stack: RunningStack) -> tuple[float, float, float]:
    (panel,) = (
        question for path in DASHBOARDS for question in questions(path) if question.panel == "Spend today"
    )

    def told() -> float:
        headers = {"Authorization": f"Bearer {(stack.data_dir / 'token').read_text().strip()}"}
        url = f"{stack.status['sidecar']['url']}/api/v1/summary"
        # All of this history is of today; "week" says so at midnight as well.
        return httpx.get(url, headers=headers, trust_env=False).json()["week"]["cost_usd"] or 0.0  # none yet

    before = told()
    shown = sum(series.last for series in prometheus.instant(panel.filled(A_DAY_SECONDS, RATE_SECONDS)))
    return before, shown, told()


def _is_lifted(question: Question) -> bool:
    return question.panel in LIFTED[question.dashboard]


def _highest(series: list[Series]) -> float:
    return max(value for one in series for _, value in one.samples)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_query_of_a_dashboard_answers(shown: Shown, path: Path) -> None:
    silent = [f"{it.panel} {it.ref}: {it.expr}" for it in questions(path) if it not in shown.answers]
    assert not silent


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_trouble_shows_as_more_than_zero(shown: Shown, path: Path) -> None:
    asked = [question for question in questions(path) if _is_lifted(question)]
    assert {question.panel for question in asked} == LIFTED[path.stem]
    risen = {it.panel for it in asked if it in shown.answers and _highest(shown.answers[it]) > 0}
    assert risen == LIFTED[path.stem]


def test_shares_are_shares_and_nothing_is_negative(shown: Shown) -> None:
    for question, series in shown.answers.items():
        values = [value for one in series for _, value in one.samples]
        assert min(values) >= 0, question
        if question.unit == "percentunit" and "projected" not in question.expr:
            assert max(values) <= (2 if question.panel == "Processor" else 1.0001), question


def test_every_series_has_a_name_where_a_panel_shows_several(shown: Shown) -> None:
    for question, series in shown.answers.items():
        wanted = question.legend.replace("{{", "\0").split("\0")[1:]
        for part in wanted:
            label = part.partition("}}")[0]
            named = [one for one in series if one.labels.get(label)]
            assert named, (question.panel, label)


def test_a_restart_is_marked(shown: Shown) -> None:
    assert shown.restarts


def test_models_and_projects_can_be_chosen(shown: Shown) -> None:
    assert {"claude-opus-5-5", "claude-sonnet-5-5"} <= set(shown.names["model"])
    assert {"webshop", "docs", "notes"} <= set(shown.names["project"])


def test_spend_today_is_what_the_api_says(
    shown: Shown, record_property: Callable[[str, object], None]
) -> None:
    # At some moment, within a tenth: the last scrape is up to half a second old, of a play forty times as fast as life,
    # and Prometheus guesses what happened in the half seconds around the first and the last one.
    before, panel, after = shown.spend
    record_property("api_usd", after)
    record_property("panel_usd", panel)
    assert before * 0.9 <= panel <= after * 1.1
