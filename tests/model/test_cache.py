"""The cache ledger: misses, their causes and prices, by the client's own rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.model.cache import CacheEvent, CacheLedger, CacheMiss, CacheTally
from clauditor.model.call import Call
from clauditor.model.events import AttemptFinished
from clauditor.model.prices import PriceList, Rates
from clauditor.model.request_shape import MESSAGE_DIGEST_BYTES, RequestShape
from clauditor.model.unkept import Unkept
from clauditor.model.usage import Usage

OPUS, SONNET = "claude-opus-5-5", "claude-sonnet-5-5"


class OpusBook:
    """List prices of opus-5.5, for every model but `unpriced`."""

    def price_list(self, model: str, *, speed: str | None, batch: bool, at: float) -> PriceList | None:
        if model == "unpriced":
            return None
        rates = Rates(input=4, output=20, cache_read=0.2, cache_write_5m=5, cache_write_1h=8)
        return PriceList(base=rates)


def message(number: int, role: str = "u", size: int = 1000) -> bytes:
    return number.to_bytes(MESSAGE_DIGEST_BYTES, "big") + role.encode() + size.to_bytes(4, "big")


BASE = RequestShape(
    tools=(("Bash", "b1", 3000), ("Read", "r1", 1000)),
    system=(("s1", 2000), ("s2", 4000)),
    messages=message(1) + message(2, "a"),
    betas=("one", "two"),
    effort="medium",
    thinking="adaptive",
)


class Chain:
    """One agent's calls, a minute apart."""

    def __init__(self) -> None:
        self.ledger = CacheLedger()
        self.now = 1000.0

    def call(
        self,
        *,
        read: int = 0,
        write: int = 0,
        uncached: int = 0,
        after: float = 60.0,
        model: str = OPUS,
        shape: RequestShape | None = BASE,
        write_1h: int = 0,
        **end: Any,
    ) -> tuple[CacheEvent, CacheMiss | None]:
        started_at = self.now + after
        self.now = started_at + 10
        usage = Usage(
            input=uncached, output=10, cache_read=read, cache_write_5m=write, cache_write_1h=write_1h
        )
        call = Call(
            exchange_id="x", turn_id="x", attempt=1, model=model, started_at=started_at, shape=Unkept(shape)
        )
        event = AttemptFinished(at=self.now, session_id="s", exchange_id="x", model=model, usage=usage, **end)
        return self.ledger.see(call, event, usage, OpusBook())

    def miss(self, **call: Any) -> CacheMiss:
        _, miss = self.call(**call)
        assert miss is not None
        return miss


def warm(tokens: int = 100_000) -> Chain:
    chain = Chain()
    assert chain.call(write=tokens) == ("cold_start", None)
    return chain


def test_the_first_call_starts_cold_and_growth_is_no_miss() -> None:
    chain = warm()
    assert chain.call(read=100_000, write=900) == ("partial", None)
    assert chain.call(read=100_900) == ("hit", None)


def test_without_any_cache_there_is_nothing_to_miss() -> None:
    chain = Chain()
    assert chain.call(uncached=50_000) == ("none", None)
    assert chain.call(uncached=51_000) == ("none", None)
    assert chain.call(write=52_000) == ("cold_start", None)


@pytest.mark.parametrize(
    ("prompt", "read", "is_miss"),
    [
        (100_000, 95_000, False),  # 95 % were read
        (100_000, 94_999, True),
        (20_000, 18_001, False),  # fewer than 2,000 are missing
        (20_000, 18_000, True),
    ],
)
def test_a_miss_is_less_than_95_percent_and_at_least_2000_tokens(
    prompt: int, read: int, is_miss: bool
) -> None:
    chain = warm(prompt)
    event, miss = chain.call(read=read, write=prompt - read)
    assert (miss is not None) == is_miss
    assert event == ("miss_rebuild" if is_miss else "partial")


def test_a_shorter_prompt_is_compared_with_itself() -> None:
    chain = warm(100_000)
    assert chain.call(read=30_000, write=500)[1] is None  # rewound: all of the shorter prompt was read


def test_a_partly_warm_prefix_is_a_miss_of_the_rest_with_its_price() -> None:
    chain = warm(100_000)
    miss = chain.miss(read=12_000, write=88_000, shape=replace(BASE, effort="high"))
    assert (miss.lost_tokens, miss.cause) == (88_000, "effort_changed")
    assert miss.cost_usd == pytest.approx(88_000 * (5 - 0.2) / 1e6)


def test_an_hour_long_entry_is_priced_as_one() -> None:
    chain = Chain()
    chain.call(write_1h=100_000)
    miss = chain.miss(write_1h=100_000, after=3601)
    assert miss.cause == "ttl_expired_1h"
    assert miss.cost_usd == pytest.approx(100_000 * (8 - 0.2) / 1e6)


def test_without_a_price_the_tokens_are_still_told() -> None:
    chain = warm()
    chain.ledger.chains.clear()
    chain.call(write=100_000, model="unpriced")
    miss = chain.miss(write=100_000, model="unpriced", after=400)
    assert (miss.cost_usd, miss.lost_tokens) == (None, 100_000)


@pytest.mark.parametrize(
    ("shape", "cause", "detail", "stable_tokens"),
    [
        (replace(BASE, speed="fast"), "speed_changed", "standard to fast", 0),
        (
            replace(BASE, tools=(*BASE.tools, ("mcp__jira__search", "j", 500))),
            "tools_changed",
            "+mcp__jira__search",
            33_333,
        ),
        (replace(BASE, tools=BASE.tools[:1]), "tools_changed", "-Read", 25_000),
        (
            replace(BASE, tools=(("Bash", "other", 3000), BASE.tools[1])),
            "tools_changed",
            "~Bash",
            0,
        ),
        (replace(BASE, tools=BASE.tools[::-1]), "tools_changed", "their order", 0),
        (replace(BASE, system=(BASE.system[0], ("x", 4000))), "system_changed", "block 2", 50_000),
        (replace(BASE, betas=("one", "three")), "betas_changed", "+three, -two", 0),
        (replace(BASE, effort="high"), "effort_changed", "medium to high", 0),
        (replace(BASE, thinking=None), "thinking_changed", "adaptive to off", 83_333),
        (
            replace(BASE, messages=message(1) + message(9, "a") + message(3)),
            "messages_changed",
            "message 2 of 2 (assistant)",
            91_667,
        ),
    ],
)
def test_what_changed_first_is_the_cause(
    shape: RequestShape, cause: str, detail: str, stable_tokens: int
) -> None:
    # Shares of 12,000 bytes: tools 4,000, system 6,000, messages 2,000.
    miss = warm(100_000).miss(write=100_000, shape=shape)
    assert (miss.cause, miss.detail, miss.stable_tokens) == (cause, detail, stable_tokens)


def test_another_model_is_the_cause_and_going_back_in_time_is_none() -> None:
    chain = warm()
    miss = chain.miss(write=100_000, model=SONNET)
    assert (miss.cause, miss.detail) == ("model_changed", f"{OPUS} to {SONNET}")
    assert chain.call(read=100_000, write=100)[1] is None  # opus still has its own entry


def test_a_change_that_was_seen_comes_before_the_servers_word_and_that_before_time() -> None:
    seen = warm().miss(
        write=100_000, shape=replace(BASE, effort="low"), cache_miss_reason="tools_changed", after=400
    )
    assert seen.cause == "effort_changed"
    said = warm().miss(write=100_000, cache_miss_reason="system_changed", after=400)
    assert (said.cause, said.detail) == ("system_changed", "as the server says")
    assert warm().miss(write=100_000, cache_miss_reason="unavailable", after=400).cause == "ttl_expired_5m"


def test_the_lifetime_counts_from_the_end_of_the_last_answer() -> None:
    assert warm().miss(write=100_000, after=300).cause == "likely_server_side"
    assert warm().miss(write=100_000, after=301).cause == "ttl_expired_5m"


def test_after_a_restart_a_cause_is_unknown_but_time_can_still_be_told() -> None:
    chain = warm()
    chain.ledger.chains[OPUS].shape = Unkept()
    assert chain.miss(write=100_000).cause == "unknown"
    chain.ledger.chains[OPUS].shape = Unkept()
    assert chain.miss(write=100_000, after=500).cause == "ttl_expired_5m"


def test_a_rebuild_that_was_announced_is_expected_once() -> None:
    chain = warm()
    chain.ledger.announce()
    event, miss = chain.call(write=20_000, read=5_000, shape=replace(BASE, messages=message(7)))
    assert event == "expected_rebuild"
    assert miss is not None
    assert (miss.expected, miss.cause) == (True, "compaction")
    assert chain.ledger.missed is None
    assert chain.miss(write=25_000, shape=replace(BASE, messages=message(8))).expected is False


def test_clearing_old_results_explains_this_call_and_the_next() -> None:
    chain = warm()
    assert chain.miss(write=60_000, context_edited=True).expected
    assert chain.miss(write=60_000).expected
    assert not chain.miss(write=60_000).expected


def test_three_rebuilds_in_a_row_thrash_and_one_good_call_ends_it() -> None:
    chain = warm()
    shapes = [replace(BASE, effort=str(number)) for number in range(5)]
    events = [chain.call(write=100_000, shape=shape)[0] for shape in shapes[:4]]
    assert events == ["miss_rebuild", "miss_rebuild", "miss_thrash", "miss_thrash"]
    assert chain.ledger.in_a_row == 4
    chain.call(read=100_000, shape=shapes[3])
    assert chain.ledger.in_a_row == 0
    assert chain.call(write=100_000, after=900, shape=shapes[3])[0] == "miss_ttl"
    assert chain.ledger.in_a_row == 0


def test_a_tally_counts_what_was_lost_unexpectedly() -> None:
    tally, chain = CacheTally(), warm()
    tally.add(*chain.call(write=100_000, shape=replace(BASE, effort="x")))
    chain.ledger.announce()
    tally.add(*chain.call(write=50_000, shape=replace(BASE, effort="x")))
    assert tally.events == {"miss_rebuild": 1, "expected_rebuild": 1}
    assert (tally.misses, tally.lost_tokens) == (1, 100_000)
    assert tally.lost_usd == pytest.approx(0.48)
    assert tally.last_miss is not None
    assert tally.last_miss.expected


@given(
    calls=st.lists(
        st.tuples(
            st.integers(0, 200_000), st.integers(0, 200_000), st.sampled_from([OPUS, SONNET, "x", "y", "z"])
        ),
        max_size=30,
    )
)
def test_whatever_the_counters_say_the_ledger_stays_sane(calls: list[tuple[int, int, str]]) -> None:
    chain, tally = Chain(), CacheTally()
    for read, write, model in calls:
        tally.add(*chain.call(read=read, write=write, model=model))
    assert len(chain.ledger.chains) <= 4
    assert sum(tally.events.values()) == len(calls)
    assert tally.lost_tokens >= 2000 * tally.misses
    assert tally.lost_tokens <= sum(read + write for read, write, _ in calls)
