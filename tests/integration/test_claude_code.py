"""The real Claude Code client through the real Envoy: what it did, against what Clauditor says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.claude_code import play

pytestmark = [pytest.mark.claude_code, pytest.mark.timeout(180)]

CLASSES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
PROMPTS = [
    "say hello",
    '[[tool:Bash {"command":"echo hi","description":"greet"}]]',
    "[[agent: look around in this directory]]",
]


def truth(records: list[dict[str, Any]]) -> dict[str, int]:
    return {name: sum(record["usage"][name] for record in records if record["usage"]) for name in CLASSES}


@pytest.mark.parametrize("hints", [True, False], ids=["hints", "plain"])
def test_answer_tool_and_subagent_are_told_exactly(tmp_path: Path, hints: bool) -> None:
    told = play(tmp_path, prompts=PROMPTS, hints=hints)
    assert [run["code"] for run in told["runs"]] == [0, 0, 0]
    ids = [run["session_id"] for run in told["runs"]]
    assert set(told["sessions"]) == set(ids)
    for session_id in ids:
        shot = told["sessions"][session_id]
        records = [record for record in told["records"] if record["session_id"] == session_id]
        assert {name: shot["tokens"][name] for name in CLASSES} == truth(records)
        assert shot["turns"] == shot["attempts"] == len(records)
        assert shot["failed_attempts"] == 0
        assert shot["identity"] == "header"
        assert shot["client"] == "claude-cli/2.1.330"
        assert shot["entrypoint"] == "sdk-cli"
        assert shot["project"] == "webshop"
        assert shot["prompts"] == 1
        assert shot["cost_complete"]
        agents = {agent["agent_id"]: agent for agent in shot["agents"]}
        assert set(agents) == {record["agent_id"] for record in records}
    hello, tool, agent = (told["sessions"][session_id] for session_id in ids)
    assert hello["label"] == "say hello"
    assert hello["tools"]["calls"] == 0
    assert tool["tools"]["by_name"] == {"Bash": {"calls": 1, "failures": 0}}
    assert agent["tools"]["by_name"] == {"Agent": {"calls": 1, "failures": 0}}
    (sub,) = (each for each in agent["agents"] if each["agent_id"] != "main")
    assert sub["parent_agent_id"] == "main"
    assert sub["turns"] == 1
    if hints:
        assert sub["type"] == "general-purpose"


def test_the_clients_own_retries_are_attempts_of_one_turn(tmp_path: Path) -> None:
    told = play(tmp_path, prompts=["say hello"], failures=[529, 500])
    (shot,) = told["sessions"].values()
    assert told["runs"][0]["code"] == 0
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
    told = play(tmp_path, prompts=PROMPTS[1:2], env=env)
    (shot,) = told["sessions"].values()
    tokens = {name: shot["tokens"][name] for name in CLASSES}
    assert tokens == truth(told["records"])
    assert {name for name, count in tokens.items() if count} >= filled


HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "proxy-connection", "te", "upgrade"}


def heads(headers: list[list[str]], *without: str) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in {*HOP_BY_HOP, *without}]


def test_what_the_client_sends_and_gets_passes_unchanged(tmp_path: Path) -> None:
    told = play(tmp_path, prompts=PROMPTS)
    passed = {record["request_sha256"]: record for record in told["records"]}
    assert len(told["wire"]) == len(told["records"]) == len(passed) >= 6
    for seen in told["wire"]:
        record = passed[seen["request"]]
        assert seen["response"] == record["response_sha256"]
        assert heads(record["request_headers"], "host") == heads(seen["request_headers"], "host")
        assert heads(seen["response_headers"]) == heads(record["response_headers"])
