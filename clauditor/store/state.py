"""A packed session in few bytes: deflated with a dictionary of what every session looks like.

Source: RFC 1950, 2.2 and 3.1 (FDICT). A state that needs the dictionary says so in its head; one written before there
was a dictionary needs none.
"""

from __future__ import annotations

import json
import zlib
from typing import Final

import msgspec

# A session without any content. Names that came later are only packed less well; this text never changes: what
# is on disk could not be read any more.
_LIKE_A_SESSION: Final = """
{"session_id": "", "started_at": 0.0, "last_activity_at": 0.0, "identity": "header", "client": "",
"entrypoint": "cli", "project": "", "branch": "main", "label": null, "account": "", "billing": null,
"ended_at": 0.0, "prompting": {"count": 0, "ids": [""], "started_at": 0.0, "tool_calls": 0}, "turns": 0,
"attempts": 0, "failed_attempts": 0, "tokens": {"input": 0, "output": 0, "cache_read": 0,
"cache_write_5m": 0, "cache_write_1h": 0, "thinking": 0}, "bill": {"usd": 0.0, "complete": true},
"asides": {"calls": {}, "tokens": {"input": 0, "output": 0, "cache_read": 0, "cache_write_5m": 0,
"cache_write_1h": 0, "thinking": 0}, "bill": {"usd": null, "complete": true}}, "compactions": 0, "tools":
{"by_name": {"Bash": {"calls": 0, "failures": 0}, "Edit": {"calls": 0, "failures": 0}, "Write": {"calls":
0, "failures": 0}, "Read": {"calls": 0, "failures": 0}}}, "tree": {"agents": {"main": {"agent_id": "main",
"type": "main", "started_at": 0.0, "last_activity_at": 0.0, "parent_agent_id": null,
"spawning_tool_use_id": null, "requested": "", "served": "", "turns": 0, "attempts": 0, "failed_attempts":
0, "tokens": {"input": 0, "output": 0, "cache_read": 0, "cache_write_5m": 0, "cache_write_1h": 0,
"thinking": 0}, "bill": {"usd": 0.0, "complete": true}, "stop_reason": "tool_use", "turn": {"turn_id": "",
"messages": null, "model": "", "started_at": 0.0, "attempts": 0, "ended_at": 0.0, "failed_status": null,
"will_retry": false}, "unanswered": [], "ended_turn_at": 0.0, "open": {}, "running": {}, "cache":
{"chains": {"claude-opus-5-5": {"model": "", "prompt_tokens": 0, "is_cached": true, "used_at": 0.0,
"ttl_seconds": 0, "shape": null}}, "newest": "", "is_expected": false, "in_a_row": 0, "missed": null},
"record": {"failed": [], "last_failed": null, "loop": null, "fresh_results": 0, "counts": null},
"fallback": null}}, "spawns": {}}, "context": {"tokens": 0, "model": "", "long_context": false,
"largest_prompt": 0, "growths": [0], "history": [0.0], "compactions": [], "learned_compact_at": null},
"cache": {"ttl_seconds": 0, "latest_ttl_seconds": 0, "rewriting_usd": 0.0, "refreshed_at": 0.0,
"read_tokens": 0, "write_tokens": 0, "uncached_tokens": 0}, "cache_tally": {"events": {"cold_start": 0,
"partial": 0, "miss_rebuild": 0}, "lost_tokens": 0, "lost_usd": 0.0, "last_miss": {"event": "", "cause":
"", "detail": "", "stable_tokens": null, "lost_tokens": 0, "cost_usd": 0.0, "at": 0.0, "agent_id": "main",
"expected": false}}, "pace": {"slices": [[0]]}, "failures": {"newest": [], "succeeded_at": 0.0}, "asking":
null, "has_hooks": false, "signals": {}, "muted_until": null, "window_use": {}, "rate":
{"output_tokens_per_second": 0.0, "ttft_seconds": 0.0, "earlier_ttft": [0.0], "earlier_speeds": [0.0]},
"stop_reason": "tool_use", "unobserved_exchanges": 0, "unobserved_bytes": 0, "last_gap_at": null}
"""
DICTIONARY: Final = msgspec.msgpack.encode(json.loads(_LIKE_A_SESSION))
_FAST: Final = 1  # 70 us; the best level takes twice the time and saves 3 %


def deflate(packed: bytes) -> bytes:
    """A packed session as it is kept: about a third of its size."""
    deflater = zlib.compressobj(_FAST, zdict=DICTIONARY)
    return deflater.compress(packed) + deflater.flush()


def inflate(state: bytes) -> bytes:
    """The packed session. Raises zlib.error for what is none."""
    inflater = zlib.decompressobj(zdict=DICTIONARY)
    packed = inflater.decompress(state)
    if not inflater.eof:
        raise zlib.error("incomplete")
    return packed
