"""The real Claude Code client through the real Envoy: what it did, against what Clauditor says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.claude_code import play, run

pytestmark = [pytest.mark.claude_code, pytest.mark.timeout(240)]

CLASSES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
TOOL = '[[tool:Bash {"command":"echo hi","description":"greet"}]]'
PROMPTS = [
    run("hello", "say hello"),
    run("tool", TOOL),
    run("agent", "[[agent: look around in this directory]]"),
]
A_DAY = [
    [run("hello", "say hello")],
    [run("tool", TOOL)],
    [run("failed", '[[tool:Bash {"command":"exit 3","description":"fail"}]]')],
    [run("agents", "[[agent: look here]] [[agent: look there]]")],
    [run("nested", "[[agent: ask another [[agent: go deeper]] ]]")],
    [run("resumed", "go on", after="hello")],
    [run("forked", "another way", "--fork-session", after="hello")],
    [
        run(
            "fallback",
            "say hello anyway",
            "--fallback-model",
            "claude-sonnet-5-5",
            answers=[{"failure": 529}] * 3,
        )
    ],
    [run("broken", "say it again", answers=[{"error": "api_error"}])],
    [run("broken_late", "say more", answers=[{"text": "so far", "error": "api_error"}])],
    [run("cut", "and once more", answers=[{"text": "words " * 400, "end": "fin", "cut_after_bytes": 1500}])],
    [run("cut_late", "and the last time", answers=[{"text": "so far, so", "end": "rst"}])],
    [run("compacted", "/compact", after="tool")],
    [run("after", "what now?", after="tool")],
    [run("left", "say left"), run("right", "say right")],
]


def truth(records: Iterable[dict[str, Any]]) -> dict[str, int]:
    """The vendor's own totals."""
    used = [record["usage"] for record in records if record["usage"]]
    return {name: sum(usage[name] for usage in used) for name in CLASSES}


@dataclass
class Day:
    """What was done, and what is told of it."""

    told: dict[str, Any]
    hints: bool

    def session_id(self, name: str) -> str:
        return str(self.told["runs"][name]["session_id"])

    def shot(self, name: str) -> dict[str, Any]:
        return self.told["sessions"][self.session_id(name)]  # type: ignore[no-any-return]

    def records(self, name: str) -> list[dict[str, Any]]:
        """The vendor's, in the order of arrival."""
        found = [record for record in self.told["records"] if record["session_id"] == self.session_id(name)]
        return sorted(found, key=lambda record: record["sequence"])

    def turns(self, name: str) -> list[dict[str, Any]]:
        return self.told["shown"][self.session_id(name)]["recent_turns"]  # type: ignore[no-any-return]

    def outcomes(self, name: str) -> list[list[str]]:
        """How the attempts of each turn ended."""
        return [[attempt["outcome"] for attempt in turn["attempts"]] for turn in self.turns(name)]

    def agents(self, name: str) -> dict[str, dict[str, Any]]:
        return {agent["agent_id"]: agent for agent in self.shot(name)["agents"]}


@pytest.fixture(scope="module", params=[True, False], ids=["hints", "plain"])
def day(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Day:
    hints = bool(request.param)
    return Day(play(tmp_path_factory.mktemp("day"), A_DAY, hints=hints), hints)


def test_every_session_is_told_with_its_own_tokens(day: Day) -> None:
    assert {name: done["code"] for name, done in day.told["runs"].items()} == dict.fromkeys(
        day.told["runs"], 0
    )
    ids = {day.session_id(name) for name in day.told["runs"]}
    assert set(day.told["sessions"]) == ids
    assert len(ids) == len(day.told["runs"]) - 3  # one resumed, two after another
    for name in day.told["runs"]:
        shot, records = day.shot(name), day.records(name)
        assert {kind: shot["tokens"][kind] for kind in CLASSES} == truth(records), name
        assert shot["attempts"] == sum(record["kind"] != "compaction" for record in records), name
        assert shot["failed_attempts"] == sum(not record["complete"] for record in records), name
        assert set(day.agents(name)) == {record["agent_id"] for record in records}, name
        assert (shot["identity"], shot["client"], shot["entrypoint"], shot["project"]) == (
            "header",
            "claude-cli/2.1.330",
            "sdk-cli",
            "webshop",
        )
        assert shot["side_calls"] == 0
        assert shot["tools"]["running"] == []
        assert shot["unobserved"] == {"exchanges": 0, "bytes": 0}


def test_a_tool_that_worked_and_one_that_failed(day: Day) -> None:
    assert day.shot("failed")["tools"]["by_name"] == {"Bash": {"calls": 1, "failures": 1}}
    (tool,) = day.turns("failed")[0]["tools"]
    assert (tool["name"], tool["target"], tool["outcome"]) == ("Bash", "exit", "error")
    assert day.shot("tool")["tools"]["by_name"] == {"Bash": {"calls": 1, "failures": 0}}
    (tool,) = day.turns("tool")[0]["tools"]
    assert (tool["name"], tool["target"], tool["outcome"]) == ("Bash", "echo", "ok")
    assert (tool["waited_seconds"] is not None) == day.hints


def test_two_agents_side_by_side_have_the_main_thread_as_parent(day: Day) -> None:
    shot = day.shot("agents")
    (main, *others) = sorted(day.agents("agents").values(), key=lambda agent: agent["type"] != "main")
    called = {tool["tool_use_id"] for turn in day.turns("agents") for tool in turn["tools"]}
    assert len(others) == 2
    assert {agent["spawned_by"] for agent in others} == called
    for agent in others:
        assert agent["type"] == ("general-purpose" if day.hints else "subagent")
        assert (agent["parent_agent_id"], agent["turns"]) == ("main", 1)
        records = [each for each in day.records("agents") if each["agent_id"] == agent["agent_id"]]
        assert {kind: agent["tokens"][kind] for kind in CLASSES} == truth(records)
    assert shot["prompts"] == 1  # that the agents ended was not typed
    assert shot["turns"] == main["turns"] + 2 == len(day.records("agents"))
    assert shot["tools"]["by_name"] == {"Agent": {"calls": 2, "failures": 0}}


def test_an_agent_of_an_agent_hangs_below_it(day: Day) -> None:
    agents = day.agents("nested")
    (child,) = (agent for agent in agents.values() if agent["parent_agent_id"] == "main")
    (grandchild,) = (agent for agent in agents.values() if agent["parent_agent_id"] == child["agent_id"])
    assert set(agents) == {"main", child["agent_id"], grandchild["agent_id"]}
    tools = {tool["tool_use_id"]: turn["agent_id"] for turn in day.turns("nested") for tool in turn["tools"]}
    assert tools == {child["spawned_by"]: "main", grandchild["spawned_by"]: child["agent_id"]}
    assert (child["turns"], grandchild["turns"], day.shot("nested")["prompts"]) == (2, 1, 1)


def test_a_resumed_session_goes_on_and_a_forked_one_is_new(day: Day) -> None:
    assert day.session_id("resumed") == day.session_id("hello") != day.session_id("forked")
    resumed, forked = day.shot("resumed"), day.shot("forked")
    assert (resumed["prompts"], resumed["turns"], resumed["label"]) == (2, 2, "say hello")
    assert (forked["prompts"], forked["turns"], forked["label"]) == (1, 1, "say hello")


def test_another_model_after_three_overloads_is_one_turn(day: Day) -> None:
    shot = day.shot("fallback")
    assert day.outcomes("fallback") == [["http", "http", "http", "ok"]]
    assert [attempt["status"] for attempt in day.turns("fallback")[0]["attempts"]] == [529, 529, 529, 200]
    assert shot["model"] == {"requested": "claude-sonnet-5-5", "served": "claude-sonnet-5-5"}
    assert "model_fallback" in {signal["name"] for signal in shot["signals"]}
    assert (shot["prompts"], shot["turns"], shot["cost_complete"]) == (1, 1, True)


def test_a_broken_stream_is_asked_for_again_without_streaming_in_the_same_turn(day: Day) -> None:
    assert [record["stream"] for record in day.records("broken")] == [True, False]
    assert day.outcomes("broken") == [["stream", "ok"]]
    shot = day.shot("broken")
    assert (shot["prompts"], shot["turns"], shot["cost_complete"]) == (1, 1, False)


@pytest.mark.parametrize("name", ["broken_late", "cut_late"])
def test_what_was_said_before_the_break_is_kept_and_gone_on_from(day: Day, name: str) -> None:
    assert day.outcomes(name) == [["stream"], ["ok"]]
    shot = day.shot(name)
    assert (shot["prompts"], shot["turns"]) == (1, 2)  # that the client asks to go on was not typed


def test_a_cut_connection_is_another_attempt_of_the_turn(day: Day) -> None:
    assert [record["outcome"] for record in day.records("cut")] == ["cut", "complete"]
    assert day.outcomes("cut") == [["stream", "ok"]]
    assert day.shot("cut")["turns"] == 1


def test_a_compaction_is_neither_turn_nor_side_call(day: Day) -> None:
    assert day.session_id("compacted") == day.session_id("after") == day.session_id("tool")
    shot, records = day.shot("after"), day.records("after")
    assert [record["kind"] for record in records] == ["main", "main", "compaction", "main"]
    assert (shot["prompts"], shot["turns"], shot["context"]["compactions"]) == (2, 3, 1)
    assert shot["context"]["last_compaction"]["trigger"] == ("manual" if day.hints else None)
    (paid,) = day.told["shown"][day.session_id("after")]["side_calls_by_name"]
    assert (paid["name"], paid["calls"]) == ("compaction", 1)
    assert {kind: paid["tokens"][kind] for kind in CLASSES} == truth([records[2]])


def test_two_sessions_in_one_directory_are_two(day: Day) -> None:
    for name in ("left", "right"):
        shot = day.shot(name)
        assert (shot["label"], shot["prompts"], shot["turns"]) == (f"say {name}", 1, 1)


def test_the_clients_own_retries_are_attempts_of_one_turn(tmp_path: Path) -> None:
    failures = [{"failure": 529}, {"failure": 500}]
    told = play(tmp_path, [[run("hello", "say hello", answers=failures)]])
    (shot,) = told["sessions"].values()
    assert told["runs"]["hello"]["code"] == 0
    assert (shot["turns"], shot["attempts"], shot["failed_attempts"]) == (1, 3, 2)
    assert {name: shot["tokens"][name] for name in CLASSES} == truth(told["records"])


@pytest.mark.parametrize(
    ("env", "filled"),
    [
        ({"ENABLE_PROMPT_CACHING_1H": "1"}, {"output", "cache_read", "cache_write_1h"}),
        ({"DISABLE_PROMPT_CACHING": "1"}, {"input", "output"}),
    ],
    ids=["1h", "uncached"],
)
def test_every_class_of_tokens_is_exact(tmp_path: Path, env: dict[str, str], filled: set[str]) -> None:
    told = play(tmp_path, [PROMPTS[1:2]], env=env)
    (shot,) = told["sessions"].values()
    tokens = {name: shot["tokens"][name] for name in CLASSES}
    assert tokens == truth(told["records"])
    assert {name for name, count in tokens.items() if count} >= filled


HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "proxy-connection", "te", "upgrade"}


def heads(headers: list[list[str]], *without: str) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in {*HOP_BY_HOP, *without}]


def test_what_the_client_sends_and_gets_passes_unchanged(tmp_path: Path) -> None:
    told = play(tmp_path, [[each] for each in PROMPTS], tapped=True)
    passed = {record["request_sha256"]: record for record in told["records"]}
    assert len(told["wire"]) == len(told["records"]) == len(passed) >= 6
    for seen in told["wire"]:
        record = passed[seen["request"]]
        assert seen["response"] == record["response_sha256"]
        assert heads(record["request_headers"], "host") == heads(seen["request_headers"], "host")
        assert heads(seen["response_headers"]) == heads(record["response_headers"])
