"""Every story puts into the books what it promises, and the same seed tells the same story."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from clauditor.demo import Record, Simulator
from clauditor.demo.act import Act
from clauditor.demo.play import play
from clauditor.demo.seeded import stable_uuid
from clauditor.demo.stories import STORIES

SPEED = 60.0
SEED = 5

Books = dict[str, tuple[Record, ...]]


@pytest.fixture(scope="module")
def books() -> Books:
    return told()


def told(seed: int = SEED) -> Books:
    """The records of each story after one round."""
    with Simulator(seed=seed, speed=SPEED, billing="plan", encoding="gzip") as vendor:
        vendor.submit(play(vendor, vendor.url, seed=seed, speed=SPEED, once=True)).result(60)
        assert vendor.ledger.wait(1)
        return {
            story.name: vendor.ledger.of(stable_uuid(seed, "story", story.profile.cwd)) for story in STORIES
        }


def essence(record: Record) -> tuple[object, ...]:
    return (
        record.agent_id, record.kind, record.model, record.status, record.outcome, record.usage,
        record.stop_reason, record.tool_uses, record.request_sha256, record.response_sha256,
    )  # fmt: skip


def prompt_tokens(record: Record) -> int:
    return record.usage.prompt if record.usage is not None else 0


def test_eight_different_sessions_appear(books: Books) -> None:
    assert len(books) == len({story.profile.cwd for story in STORIES}) == 8
    assert all(records for records in books.values())


def test_they_begin_within_a_second() -> None:
    assert max(story.begins_after_seconds for story in STORIES) <= 1


def test_the_same_seed_tells_the_same_story(books: Books) -> None:
    again = told()
    for name, records in books.items():
        assert sorted(map(essence, records), key=repr) == sorted(map(essence, again[name]), key=repr), name


def test_another_seed_tells_another_one(books: Books) -> None:
    other = told(SEED + 1)
    assert [essence(r) for r in books["healthy"]] != [essence(r) for r in other["healthy"]]


def test_the_healthy_one_uses_tools_and_never_fails(books: Books) -> None:
    records = books["healthy"]
    assert all(record.complete for record in records)
    assert {name for record in records for _, name in record.tool_uses} == {"Read", "Edit", "Bash"}
    assert records[-1].kind == "suggestion"


def test_the_full_one_is_near_compaction_and_grows_steadily(books: Books) -> None:
    sizes = [prompt_tokens(record) for record in books["near_compaction"]]
    assert all(0.9 < size / 1_000_000 < 0.967 for size in sizes)
    assert sizes == sorted(sizes)


def test_the_cache_is_rebuilt_when_the_tools_change(books: Books) -> None:
    (rebuild,) = [
        record
        for record in books["cache_rebuild"][1:]
        if record.usage and record.usage.cache_write_5m > 400_000
    ]
    assert rebuild.usage is not None
    assert rebuild.usage.cache_read == 0


def test_another_model_answers_than_was_asked(books: Books) -> None:
    assert {(record.requested_model, record.model) for record in books["other_model"]} == {
        ("claude-opus-5-5", "claude-sonnet-5-5")
    }


def test_the_loop_calls_the_same_tool_many_times(books: Books) -> None:
    calls = [record.tool_uses[0][1] for record in books["tool_loop"] if record.tool_uses]
    assert calls == ["Bash"] * 7


def test_the_stalled_one_is_left_in_the_middle_of_an_answer(books: Books) -> None:
    (left,) = [record for record in books["stalled"] if record.outcome == "aborted"]
    assert left.usage is not None
    assert left.stop_reason is None
    assert (left.ended_at - left.started_at) * SPEED > 180


def test_agents_run_beside_each_other_and_one_is_nested(books: Books) -> None:
    agents = {record.agent_id for record in books["agents"] if record.kind == "subagent"}
    parents = {record.header("x-claude-code-parent-agent-id") for record in books["agents"]} - {None}
    assert len(agents) == 5
    assert len(parents & agents) == 1


def test_the_overloaded_one_fails_in_every_way_and_gets_its_answers(books: Books) -> None:
    outcomes = [(record.status, record.outcome) for record in books["overloaded"]]
    assert outcomes == [
        (529, "error"), (529, "error"), (200, "complete"), (429, "error"), (200, "complete"),
        (200, "stream_error"), (200, "complete"),
    ]  # fmt: skip


async def test_a_story_goes_on_differently_and_stays_bounded() -> None:
    story = next(story for story in STORIES if story.name == "near_compaction")
    async with Simulator(seed=SEED, speed=500) as vendor:
        act = Act(vendor, vendor.url, story.profile, seed=SEED, speed=500, hook=None)
        kinds: list[str] = []
        while "compaction" not in kinds:
            await story.play(act)
            act.round += 1
            kinds = [record.kind for record in vendor.ledger.of(act.client.session_id)]
            assert act.round < 10
        await story.play(act)
        await act.close()
    last = vendor.ledger.of(act.client.session_id)[-1]
    assert prompt_tokens(last) < 900_000


async def test_the_clients_hooks_tell_who_waits() -> None:
    told_hooks: list[dict[str, Any]] = []

    async def hook(event: dict[str, Any]) -> None:
        told_hooks.append(event)

    healthy = tuple(story for story in STORIES if story.name == "healthy")
    async with Simulator(seed=SEED, speed=SPEED) as vendor:
        await play(vendor, vendor.url, seed=SEED, speed=SPEED, once=True, hook=hook, stories=healthy)
    names = [event["hook_event_name"] for event in told_hooks]
    assert names == [
        "SessionStart", "UserPromptSubmit", *["PostToolUse"] * 4,
        "PermissionRequest", "Notification", "PostToolUse", "Stop",
    ]  # fmt: skip
    assert len({event["session_id"] for event in told_hooks}) == 1


async def test_an_accident_in_one_story_does_not_end_the_others() -> None:
    broken = STORIES[0]
    calls: list[str] = []

    def accident(name: str) -> Callable[[Act], Any]:
        async def story(_act: Act) -> None:
            calls.append(name)
            if name == "bad":
                raise RuntimeError("an accident")

        return story

    stories = (replace(broken, play=accident("bad")), replace(broken, play=accident("good")))
    async with Simulator() as vendor:
        await play(vendor, vendor.url, seed=1, speed=1000, once=True, stories=stories)
    assert sorted(calls) == ["bad", "good"]
