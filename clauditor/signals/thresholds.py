"""From when on a signal holds: every number of every signal, by the name it has in `[signals]` of config.toml.

Seconds, tokens, US dollars, ratios (0 to 1) and counts, as the names say. Zero switches off what says so.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    # needs_answer: a dialog that short answers itself; a person waits for work that took a minute
    dialog_seconds: float = 5.0
    your_turn_work_seconds: float = 60.0
    your_turn_shown_seconds: float = 900.0

    # stalled: well before the client gives up by itself (300 s; a command after 600 s)
    first_byte_seconds: float = 90.0
    stream_seconds: float = 120.0
    whole_answer_seconds: float = 300.0
    command_seconds: float = 660.0

    # context_pressure, compaction_loop
    compact_calls: float = 5.0
    compact_from_ratio: float = 0.85
    compact_ratio: float = 0.05
    compaction_loop_calls: float = 8.0

    # cache_rebuilt, cache_thrash, cache_expiring
    rebuilt_usd: float = 0.10
    rebuilt_tokens: float = 50_000.0  # where the price is unknown
    thrash_rebuilds: float = 3.0
    expiring_usd: float = 0.50
    expiring_window_ratio: float = 0.02
    expiring_5m_seconds: float = 60.0
    expiring_1h_seconds: float = 300.0

    # tool_failures, tool_loop, tool_budget (0: off)
    failures_in_a_row: float = 5.0
    failures_ratio: float = 0.6
    failures_results: float = 6.0
    loop_calls: float = 4.0
    budget_calls: float = 0.0

    # api_errors, slow (0: off)
    api_errors: float = 3.0
    api_errors_seconds: float = 300.0
    slow_factor: float = 0.0
    slow_seconds: float = 10.0

    # rate_limit, cost_pace (0: off)
    limit_ratio: float = 0.9
    session_usd: float = 0.0
    hour_usd: float = 0.0

    # unobserved
    gap_shown_seconds: float = 3600.0
