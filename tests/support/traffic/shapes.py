"""The answers of the pretend vendor that the traffic is dealt from: every shape that the API documents, and every
price that `genai-prices` does not know, with its US dollars worked out by hand.

Source: Anthropic Messages API (python SDK 2.12.0) and the vendor's price list (2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from clauditor.demo import Reply, ServerToolUse, Text, Thinking, Tokens, ToolUse, Whole
from clauditor.demo.reply import Restates

OPUS, SONNET, HAIKU = "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One kind of answer. `usd` is worked out by hand (None: `genai-prices` knows); `is_priced` False: nobody
    does. `has_random_usage`: its counts are rolled when it is dealt. `speed` and `batch` choose the price.
    """

    name: str
    reply: Reply
    model: str = OPUS
    usd: Decimal | None = None
    is_priced: bool = True
    has_random_usage: bool = False
    speed: str | None = None
    is_batch: bool = False
    web_searches: int = 0
    request: Mapping[str, Any] = field(default_factory=dict)


def said(name: str, *steps: Any, **fields: Any) -> Shape:
    return Shape(name=name, reply=Reply(steps=steps or (Text(f"{name}. " * 20),), **fields))


def priced_by_hand(
    name: str,
    usd: str,
    model: str,
    usage: Tokens,
    *,
    runs: tuple[Mapping[str, Any], ...] = (),
    served: str | None = None,
    request: Mapping[str, Any] | None = None,
    searches: int = 0,
    **told: Any,
) -> Shape:
    """`told` are members of the answer's `usage` beside the counts."""
    if searches:
        told["server_tool_use"] = {"web_search_requests": searches, "web_fetch_requests": 0}
    reply = Reply(
        steps=(Text(f"{name}. " * 12),), usage=usage, iterations=runs, extra_usage=told, model=served
    )
    return Shape(name=name, reply=reply, model=model, usd=Decimal(usd), request=request or {})


def run(kind: str, model: str | None = None, **counts: int) -> dict[str, Any]:
    """An entry of `usage.iterations`; `write_1h` is a part of `write`."""
    write, hour = counts.get("write", 0), counts.get("write_1h", 0)
    entry: dict[str, Any] = {
        "type": kind,
        "input_tokens": counts.get("input", 0),
        "output_tokens": counts.get("output", 0),
        "cache_read_input_tokens": counts.get("read", 0),
        "cache_creation_input_tokens": write,
        "cache_creation": {"ephemeral_5m_input_tokens": write - hour, "ephemeral_1h_input_tokens": hour},
    }
    return entry if model is None else {**entry, "model": model}


FAST = {"speed": "fast"}

# Rates in USD a million tokens stand in each comment: input, output, cache read, 5-minute and 1-hour write.
BY_HAND = (
    # opus-5.5 4, 20, 0.2, 5: 4000 + 10000 + 4000 + 15000 = 33000 millionths, a tenth more in the US
    priced_by_hand("us", "0.0363", OPUS,
                   Tokens(input=1000, output=500, cache_read=20_000, cache_write_5m=3000), inference_geo="us"),
    # sonnet-4.6 3, 15: 6000 + 15000 = 21000, x 1.1 = 23100; two searches at a cent each have no geography
    priced_by_hand("us_search", "0.0431", "claude-sonnet-4-6",
                   Tokens(input=2000, output=1000), inference_geo="us", searches=2),
    # opus-5.5 at half price 2, 10: 20000 + 10000 = 30000, x 1.1
    priced_by_hand("us_batch", "0.033", OPUS,
                   Tokens(input=10_000, output=1000), inference_geo="us", service_tier="batch"),
    # opus-5.5 fast 8, 40: 8000 + 4000 = 12000, x 1.1
    priced_by_hand("us_fast", "0.0132", OPUS,
                   Tokens(input=1000, output=100), inference_geo="us", speed="fast", request=FAST),
    # haiku-5.5 over 100,000 tokens of prompt 0.5, 2.5, 0.05, -, 1: 500 + 750 + 7500 + 2000 = 10750, x 1.1
    priced_by_hand("us_long", "0.011825", HAIKU,
                   Tokens(input=1000, output=300, cache_read=150_000, cache_write_1h=2000), inference_geo="us"),
    # sonnet-5.5 2, 10, 0.1: 3000 + 4000 + 1000; its advisor opus-5.5 4, 20: 8000 + 2000
    priced_by_hand("advisor", "0.018", SONNET, Tokens(input=1500, output=400, cache_read=10_000),
                   runs=(run("message", input=1500, output=400, read=10_000),
                         run("advisor_message", OPUS, input=2000, output=100))),
    # opus-5.5: 40 + 200; its advisor fable-5.2 8, 40, 0.2, 10, 16: 800 + 2000 + 200 + 1000 + 3200
    priced_by_hand("advisor_1h", "0.00744", OPUS, Tokens(input=10, output=10),
                   runs=(run("message", input=10, output=10),
                         run("advisor_message", "claude-fable-5-2", input=100, output=50, read=1000,
                             write=300, write_1h=200))),
    # opus-5.5: 800 + 6000 + 1000; compacting 150,000 at the same rates: 600000 + 40000
    priced_by_hand("api_compaction", "0.6478", OPUS, Tokens(input=200, output=300, cache_read=5000),
                   runs=(run("compaction", input=150_000, output=2000),
                         run("message", input=200, output=300, read=5000))),
    # fable-5.2 declined, which is not charged; opus-5.5 served: 12000 + 16000 + 200
    priced_by_hand("fallback", "0.0282", "claude-fable-5-2", Tokens(input=3000, output=800, cache_read=1000),
                   served=OPUS,
                   runs=(run("message", "claude-fable-5-2", input=3000, output=40),
                         run("fallback_message", OPUS, input=3000, output=800, read=1000))),
    # haiku-5.5: two runs of 60,000 tokens each stay below the long-prompt tier 0.1, 0.5: 12000 + 100
    priced_by_hand("two_runs", "0.0121", HAIKU, Tokens(input=120_000, output=200),
                   runs=(run("message", input=60_000, output=100), run("message", input=60_000, output=100))),
    # opus-4.7 and 4.6 fast 30, 150, 3, 37.5, 60: 3000 + 15000 + 3000 + 7500 + 6000
    priced_by_hand("fast_opus_4_7", "0.0345", "claude-opus-4-7",
                   Tokens(input=100, output=100, cache_read=1000, cache_write_5m=200, cache_write_1h=100),
                   speed="fast", request=FAST),
    # 30000 + 1500
    priced_by_hand("fast_opus_4_6", "0.0315", "claude-opus-4-6",
                   Tokens(input=1000, output=10), speed="fast", request=FAST),
    # mythos-5.1 10, 50, 0.25, 12.5, 20: 10000 + 5000 + 2500 + 5000 + 2000
    priced_by_hand("mythos_5_1", "0.0245", "claude-mythos-5-1",
                   Tokens(input=1000, output=100, cache_read=10_000, cache_write_5m=400, cache_write_1h=100)),
    # mythos-5 and its preview read at 1: 10000 + 5000 + 10000 + 5000 + 2000
    priced_by_hand("mythos_5", "0.032", "claude-mythos-5",
                   Tokens(input=1000, output=100, cache_read=10_000, cache_write_5m=400, cache_write_1h=100)),
    priced_by_hand("mythos_preview", "0.032", "claude-mythos-preview",
                   Tokens(input=1000, output=100, cache_read=10_000, cache_write_5m=400, cache_write_1h=100)),
    # opus-5.5: the hour's part never exceeds the total of 1,000, at 8: 400 + 1000 + 8000
    priced_by_hand("clamped_1h", "0.0094", OPUS, Tokens(input=100, output=50, cache_write_1h=1000),
                   cache_creation={"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 1500}),
    # opus-5 5, 25, -, 6.25: without a split all is for five minutes: 50 + 2500 + 12500
    priced_by_hand("no_split", "0.01505", "claude-opus-5",
                   Tokens(input=10, output=100, cache_write_5m=2000), cache_creation=None),
    # sonnet-5.5: 1000 + 1000; fetching is free
    priced_by_hand("web_fetch", "0.002", SONNET, Tokens(input=500, output=100),
                   server_tool_use={"web_search_requests": 0, "web_fetch_requests": 3}),
)  # fmt: skip

_SEARCHED = Whole(
    {
        "type": "web_search_tool_result",
        "tool_use_id": "srvtoolu_01Search",
        "content": [{"type": "web_search_result", "url": "https://docs.invalid/", "title": "A page"}],
    }
)
_SEARCHES: tuple[tuple[int, Restates, str], ...] = (
    (1, "all", SONNET),
    (3, "totals", OPUS),
    (7, "output", HAIKU),
)
_DATED = {
    "claude-opus-4-5": "claude-opus-4-5-20251101",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
}
MODELS = (
    "claude-fable-5-2", "claude-mythos-5-2", "claude-fable-5-1", "claude-fable-5", OPUS, "claude-opus-5",
    "claude-opus-4-8", "claude-opus-4-7", "claude-opus-4-6", "claude-opus-4-5-20251101",
    "claude-opus-4-1-20250805", SONNET, "claude-sonnet-5", "claude-sonnet-4-6", "claude-sonnet-4-5-20250929",
    "claude-sonnet-4-20250514", HAIKU, "claude-haiku-4-5-20251001", "claude-3-7-sonnet-20250219",
    "claude-3-5-haiku-20241022", "claude-3-haiku-20240307",
)  # fmt: skip


def _told(name: str, told: Mapping[str, Any], model: str = OPUS, **fields: Any) -> Shape:
    reply = Reply(steps=(Text(f"{name}. " * 10),), extra_usage=told)
    return Shape(name=name, reply=reply, model=model, has_random_usage=True, **fields)


def _sized(name: str, model: str, usage: Tokens) -> Shape:
    return Shape(name=name, reply=Reply(steps=(Text("sized"),), usage=usage), model=model)


ANSWERS = (
    said("text"),
    said("thinking", Thinking("hm, " * 60), Text("so be it. " * 30)),
    said("tool", Text("Look."), ToolUse("Bash", {"command": "make test", "description": 'é ✓ \\" \n'})),
    said("tools", ToolUse("Read", {"file_path": "/home/demo/a.py"}), ToolUse("Bash", {"command": "ls"}),
         ToolUse("mcp__jira__search", {"query": "x" * 900}), message_deltas=2),
    said("deltas", message_deltas=4),
    said("totals_restated", message_deltas=2, restates="totals"),
    said("output_restated", Thinking("once more"), Text("fine"), message_deltas=3, restates="output"),
    said("zeros_restated", message_deltas=2, restates="zeros"),
    said("small_chunks", Thinking("a " * 40), Text("☃ naïve " * 30), chunk_bytes=7, piece_characters=3),
    said("redacted", Whole({"type": "redacted_thinking", "data": "Zm9v" * 50}), Text("and so on")),
    said("unknown_block", Whole({"type": "hologram", "depth": 3}), Text("seen")),
    said("mcp", Whole({"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "q", "server_name": "s", "input": {}}),
         Whole({"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": False, "content": []}),
         Text("asked")),
    said("refusal", stop_reason="refusal", stop_details={"type": "refusal", "category": "cyber"}),
    said("max_tokens", stop_reason="max_tokens"),
    said("pause_turn", ServerToolUse("web_fetch", {"url": "https://docs.invalid/"}), stop_reason="pause_turn"),
    said("window_full", stop_reason="model_context_window_exceeded"),
    *(
        Shape(
            name=f"web_search_{count}",
            reply=Reply(
                steps=(ServerToolUse("web_search", {"query": "rivers"}), _SEARCHED, Text("The Danube. " * 9)),
                extra_usage={"server_tool_use": {"web_search_requests": count, "web_fetch_requests": 0}},
                restates=restates,
            ),
            model=model,
            web_searches=count,
        )
        for count, restates, model in _SEARCHES
    ),
    *(
        _told(f"fast_{model}", {"speed": "fast"}, model, speed="fast", request=FAST)
        for model in (OPUS, "claude-opus-5", "claude-opus-4-8", "claude-fable-5-2", "claude-mythos-5-2")
    ),
    _told("fast_not_granted", {"speed": "standard"}, request=FAST),
    *(_told(f"batch_{model}", {"service_tier": "batch"}, model, is_batch=True) for model in (OPUS, SONNET, HAIKU)),
    _told("priority", {"service_tier": "priority"}, SONNET),
    _sized("at_100k", HAIKU, Tokens(input=1000, cache_read=98_000, cache_write_5m=1000, output=700)),
    _sized("over_100k", HAIKU, Tokens(input=1000, cache_read=98_000, cache_write_5m=1001, output=700)),
    _sized("far_over_100k", HAIKU, Tokens(input=3, cache_read=800_000, cache_write_1h=70_000, output=9000)),
    _sized("over_200k", "claude-sonnet-4-5-20250929", Tokens(input=9, cache_read=250_000, output=700)),
    *(
        Shape(name=f"dated_{model}", reply=Reply.text("dated", model=served), model=model, has_random_usage=True)
        for model, served in _DATED.items()
    ),
    Shape(name="other_model", reply=Reply.text("another", model=SONNET), model=OPUS, has_random_usage=True),
    Shape(name="unknown_model", reply=Reply.text("new"), model="claude-nova-9", is_priced=False,
          has_random_usage=True),
    *(
        Shape(name=model, reply=Reply(steps=(Text("word " * 30),)), model=model, has_random_usage=True)
        for model in MODELS
    ),
    *BY_HAND,
)  # fmt: skip
