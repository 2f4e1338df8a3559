"""The `anthropic` SDK through the real Envoy: it names no session, so each conversation is one by how it began."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anthropic

from clauditor.demo import Record, Reply, Request, Simulator
from support.stack import RunningStack, watched_vendor
from support.waiting import until

CLASSES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
TALK_HEADER = "x-talk"
TOOL: Any = {"name": "weather", "description": "weather", "input_schema": {"type": "object"}}
ASK_FOR_TOOL = '[[tool:weather {"city": "Wien"}]]'
CACHED: Any = {"type": "ephemeral"}


@dataclass
class Talk:
    """One conversation of the program; both grow it in the same way."""

    name: str
    messages: list[Any] = field(default_factory=list)

    @property
    def request(self) -> dict[str, Any]:
        last = self.messages[-1]["content"][-1]
        last["cache_control"] = CACHED  # moves on with every request, as programs do it
        for message in self.messages[:-1]:
            for block in message["content"]:
                block.pop("cache_control", None)
        return {
            "model": "claude-opus-5-5",
            "max_tokens": 900,
            "system": f"You help. {'Rules. ' * 600}",
            "messages": self.messages,
            "tools": [TOOL],
            "extra_headers": {TALK_HEADER: self.name},
        }

    def say(self, text: str) -> None:
        self.messages.append({"role": "user", "content": [{"type": "text", "text": text}]})

    def hear(self, answer: Any) -> bool:
        """Keeps the answer; runs its tools, if it asks for some, and says whether it did."""
        self.messages.append(
            {"role": "assistant", "content": [block.model_dump() for block in answer.content]}
        )
        asked = [block.id for block in answer.content if block.type == "tool_use"]
        if asked:
            results = [{"type": "tool_result", "tool_use_id": one, "content": "rain"} for one in asked]
            self.messages.append({"role": "user", "content": results})
        return bool(asked)


def fail_once(told: set[str]) -> Callable[[Request], Reply | None]:
    """An overload where the prompt asks for one; the SDK tries again by itself."""

    def answer(request: Request) -> Reply | None:
        talk = request.header(TALK_HEADER) or ""
        if "overload" not in request.last_user_text or talk in told:
            return None
        told.add(talk)
        return Reply.failure(529)

    return answer


def ask(client: anthropic.Anthropic, talk: Talk, text: str, *, stream: bool = False) -> None:
    """One prompt with all the calls it takes."""
    talk.say(text)
    is_open = True
    while is_open:
        if stream:
            with client.messages.stream(**talk.request) as answer:
                is_open = talk.hear(answer.get_final_message())
        else:
            is_open = talk.hear(client.messages.create(**talk.request))


def of_talk(vendor: Simulator, name: str) -> list[Record]:
    return [record for record in vendor.ledger.records if record.header(TALK_HEADER) == name]


def told(stack: RunningStack, vendor: Simulator, name: str) -> dict[str, Any]:
    """The one session that begins as the talk does, once all that the vendor saw of it is told."""
    expected = len(of_talk(vendor, name))

    def look() -> dict[str, Any] | None:
        shots = [shot for shot in stack.sessions().values() if shot["label"] == f"talk {name}"]
        assert len(shots) <= 1, [shot["session_id"] for shot in shots]
        is_whole = bool(shots) and shots[0]["attempts"] == expected and shots[0]["state"] == "waiting"
        return shots[0] if is_whole else None

    return until(look, f"talk {name} told with {expected} attempts")


def check(stack: RunningStack, vendor: Simulator, name: str, *, prompts: int, failed: int) -> str:
    """Compares the talk's session with the vendor's books; returns its id."""
    records, shot = of_talk(vendor, name), told(stack, vendor, name)
    used = [record.usage for record in records if record.usage is not None]
    assert {kind: shot["tokens"][kind] for kind in CLASSES} == {
        kind: sum(getattr(usage, kind) for usage in used) for kind in CLASSES
    }
    assert (shot["identity"], shot["prompts"], shot["failed_attempts"]) == ("derived", prompts, failed)
    assert shot["turns"] == len(records) - failed
    assert shot["cost_complete"]
    assert [agent["agent_id"] for agent in shot["agents"]] == ["main"]
    return str(shot["session_id"])


def test_two_conversations_at_once_are_two_sessions_that_grow_and_outlive_the_sidecar(tmp_path: Path) -> None:
    with (
        watched_vendor(tmp_path, seed=5, encoding="auto") as (vendor, stack),
        anthropic.Anthropic(base_url=stack.proxy_url, api_key="sk-ant-fake", max_retries=2) as client,
        ThreadPoolExecutor(2) as threads,
    ):
        vendor.reply_with(fail_once(set()))
        talks = [Talk("lakes"), Talk("rivers")]
        side_by_side = threading.Barrier(2, timeout=20)

        def begin(talk: Talk) -> None:
            for text, stream in (
                (f"talk {talk.name}", False),
                ("overload, once", True),
                (ASK_FOR_TOOL, True),
            ):
                side_by_side.wait()
                ask(client, talk, text, stream=stream)

        for done in [threads.submit(begin, talk) for talk in talks]:
            done.result(30)
        ids = [check(stack, vendor, talk.name, prompts=3, failed=1) for talk in talks]
        assert len(set(ids)) == 2
        assert set(stack.sessions()) == set(ids)
        for session_id in ids:
            assert stack.sessions()[session_id]["tools"]["by_name"] == {
                "weather": {"calls": 1, "failures": 0}
            }
            turns = stack.json("show", session_id)["recent_turns"]
            outcomes = [[attempt["outcome"] for attempt in turn["attempts"]] for turn in turns]
            assert outcomes == [["ok"], ["http", "ok"], ["ok"], ["ok"]]

        for done in [threads.submit(ask, client, talk, "and more") for talk in talks]:
            done.result(30)
        assert [check(stack, vendor, talk.name, prompts=4, failed=1) for talk in talks] == ids

        victim = int(stack.status["sidecar"]["pid"])
        os.kill(victim, signal.SIGKILL)
        until(lambda: stack.status["sidecar"]["pid"] not in (None, victim), "a new sidecar")
        until(lambda: stack.status["sidecar"]["state"] == "running", "the new sidecar to serve")
        for done in [threads.submit(ask, client, talk, ASK_FOR_TOOL) for talk in talks]:
            done.result(30)
        after = {session_id: shot for session_id, shot in stack.sessions().items() if session_id in ids}
        assert len(after) == len(stack.sessions()) == 2
        assert [check(stack, vendor, talk.name, prompts=5, failed=1) for talk in talks] == ids


async def test_tasks_that_share_a_client_do_not_share_a_session(tmp_path: Path) -> None:
    with watched_vendor(tmp_path, seed=6) as (vendor, stack):
        vendor.reply_with(fail_once(set()))
        names = ["north", "south", "west"]

        async def talk_of(client: anthropic.AsyncAnthropic, name: str) -> None:
            talk = Talk(name)
            for text in (f"talk {name}", ASK_FOR_TOOL, "overload, once", "thank you"):
                talk.say(text)
                is_open = True
                while is_open:
                    async with client.messages.stream(**talk.request) as answer:
                        is_open = talk.hear(await answer.get_final_message())

        async with anthropic.AsyncAnthropic(
            base_url=stack.proxy_url, api_key="sk-ant-fake", max_retries=2
        ) as client:
            await asyncio.gather(*(talk_of(client, name) for name in names))
        ids = [await asyncio.to_thread(check, stack, vendor, name, prompts=4, failed=1) for name in names]
        assert len(set(ids)) == len(stack.sessions()) == 3
        clients = {shot["client"].partition("/")[0] for shot in stack.sessions().values()}
        assert clients == {"AsyncAnthropic"}
