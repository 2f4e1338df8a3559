"""The pretend prompt cache keeps the vendor's rules."""

from __future__ import annotations

from typing import Any

import pytest

from clauditor.demo.counting import prefixes
from clauditor.demo.ledger import Tokens
from clauditor.demo.prompt_cache import PromptCache

FIVE: Any = {"type": "ephemeral"}
HOUR: Any = {"type": "ephemeral", "ttl": "1h"}
OPUS = "claude-opus-5-5"


def text(content: str, control: Any = None) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": content}
    return block if control is None else {**block, "cache_control": control}


def body(*, system: list[dict[str, Any]], messages: list[dict[str, Any]], **rest: Any) -> dict[str, Any]:
    tools = [{"name": "Bash", "description": "[[tokens:1000]]"}]
    return {"tools": tools, "system": system, "messages": [{"role": "user", "content": messages}], **rest}


def ask(cache: PromptCache, request: dict[str, Any], now: float, model: str = OPUS) -> Tokens:
    plan = cache.plan(model, prefixes(request, seed=1), now)
    cache.commit(plan, now)
    return plan.prompt


BASE = body(system=[text("s" * 400, FIVE)], messages=[text("m" * 400, FIVE), text("tail" * 10)])


def total(request: dict[str, Any]) -> int:
    return prefixes(request, seed=1)[-1].tokens


def test_a_prefix_is_written_then_read_and_the_tail_stays_input() -> None:
    cache = PromptCache()
    first, second = ask(cache, BASE, 0), ask(cache, BASE, 1)
    assert first.cache_read == 0
    assert first.cache_write_5m == second.cache_read > 1000
    assert second.cache_write_5m == 0
    assert first.input == second.input > 0
    assert first.prompt == second.prompt == total(BASE)


def test_five_minutes_are_counted_from_the_last_use() -> None:
    cache = PromptCache()
    ask(cache, BASE, 0)
    assert ask(cache, BASE, 299).cache_read > 0
    assert ask(cache, BASE, 299 + 299).cache_read > 0
    assert ask(cache, BASE, 299 + 299 + 300).cache_read == 0


def test_an_hour_lives_an_hour_and_mixed_lifetimes_are_split_at_the_last_hour_mark() -> None:
    mixed = body(system=[text("s" * 400, HOUR)], messages=[text("m" * 400, FIVE)])
    cache = PromptCache()
    first = ask(cache, mixed, 0)
    assert first.cache_write_1h > 1000
    assert 0 < first.cache_write_5m < 200
    later = ask(cache, mixed, 3599)
    assert (later.cache_read, later.cache_write_1h) == (first.cache_write_1h, 0)
    assert later.cache_write_5m == first.cache_write_5m


def test_a_growing_conversation_reads_what_it_wrote_before() -> None:
    cache = PromptCache()
    first = ask(cache, body(system=[text("s", FIVE)], messages=[text("one" * 50, FIVE)]), 0)
    grown = body(system=[text("s", FIVE)], messages=[text("one" * 50), text("two" * 50, FIVE)])
    second = ask(cache, grown, 1)
    assert second.cache_read == first.cache_write_5m
    assert second.cache_write_5m == second.prompt - second.cache_read


@pytest.mark.parametrize(
    ("change", "keeps"),
    [
        ({"tools": [{"name": "Other", "description": "[[tokens:1000]]"}]}, "nothing"),
        ({"speed": "fast"}, "nothing"),
        ({"thinking": {"type": "disabled"}}, "system"),
        ({"tool_choice": {"type": "any"}}, "system"),
        ({"metadata": {"user_id": "x"}}, "all"),
    ],
)
def test_each_level_invalidates_what_follows_it(change: dict[str, Any], keeps: str) -> None:
    cache = PromptCache()
    first = ask(cache, BASE, 0)
    system_end = prefixes(BASE, seed=1)[1].tokens
    read = ask(cache, {**BASE, **change}, 1).cache_read
    assert read == {"nothing": 0, "system": system_end, "all": first.cache_write_5m}[keeps]


def test_models_do_not_share_and_small_prompts_are_not_cached() -> None:
    cache = PromptCache()
    ask(cache, BASE, 0)
    assert ask(cache, BASE, 1, model="claude-sonnet-5-5").cache_read == 0
    assert ask(cache, BASE, 2, model="claude-haiku-4-5-20251001") == Tokens(input=total(BASE))


def test_a_prefix_more_than_twenty_blocks_back_is_not_found() -> None:
    def long(count: int) -> dict[str, Any]:
        blocks = [text(f"block {i}" * 100) for i in range(count)]
        return body(system=[], messages=[*blocks[:-1], {**blocks[-1], "cache_control": FIVE}])

    cache = PromptCache()
    first = ask(cache, long(5), 0)
    assert ask(cache, long(5 + 20), 1).cache_read == first.cache_write_5m
    assert ask(cache, long(5 + 20 + 21), 2).cache_read == 0


def test_the_oldest_entries_go_when_it_is_full() -> None:
    cache = PromptCache(limit=2)
    ask(cache, BASE, 0)
    ask(cache, body(system=[text("other" * 100, FIVE)], messages=[text("x")]), 1)
    assert cache.evicted == 1
    assert ask(cache, BASE, 2).cache_read > 0


def test_counts_follow_from_content_and_seed_alone() -> None:
    assert prefixes(BASE, seed=1) == prefixes(BASE, seed=1)
    assert [p.key for p in prefixes(BASE, seed=1)] != [p.key for p in prefixes(BASE, seed=2)]
