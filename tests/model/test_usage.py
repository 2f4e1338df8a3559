from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.model.usage import Iteration, Usage, UsageReport

COUNT = st.none() | st.integers(0, 10**9)
REPORTS = st.builds(
    UsageReport,
    input=COUNT,
    output=COUNT,
    cache_read=COUNT,
    cache_write=COUNT,
    cache_write_1h=COUNT,
    thinking=COUNT,
)
START = UsageReport(input=10, output=1, cache_read=500, cache_write=100, cache_write_1h=100)


def test_the_last_output_count_wins_and_is_never_summed() -> None:
    merged = START.merged(UsageReport(output=20)).merged(UsageReport(output=42))
    assert merged.usage("m").output == 42


def test_prompt_counters_of_zero_do_not_replace_known_ones() -> None:
    merged = START.merged(UsageReport(input=0, cache_read=0, cache_write=0, output=7))
    assert merged.usage("m") == Usage(input=10, output=7, cache_read=500, cache_write_1h=100)


def test_prompt_counters_above_zero_replace_known_ones() -> None:
    merged = START.merged(UsageReport(input=12, cache_read=600, output=7))
    assert (merged.input, merged.cache_read) == (12, 600)


def test_a_counter_never_said_before_is_taken_even_if_zero() -> None:
    assert UsageReport().merged(UsageReport(input=0)).input == 0


def test_the_hour_part_survives_a_report_of_the_total_only() -> None:
    usage = START.merged(UsageReport(cache_write=120)).usage("m")
    assert (usage.cache_write_1h, usage.cache_write_5m) == (100, 20)


def test_a_new_split_replaces_the_known_one() -> None:
    usage = START.merged(UsageReport(cache_write=80, cache_write_1h=0)).usage("m")
    assert (usage.cache_write_1h, usage.cache_write_5m) == (0, 80)


def test_the_hour_part_never_exceeds_the_total() -> None:
    usage = UsageReport(cache_write=50, cache_write_1h=90).usage("m")
    assert (usage.cache_write_1h, usage.cache_write_5m) == (50, 0)


def test_writes_without_a_split_are_short_lived() -> None:
    usage = UsageReport(cache_write=50).usage("m")
    assert (usage.cache_write_1h, usage.cache_write_5m) == (0, 50)


def test_thinking_is_part_of_output() -> None:
    assert UsageReport(output=30, thinking=99).usage("m").thinking == 30


def test_prices_depend_on_what_the_answer_said() -> None:
    said = UsageReport(speed="fast", geography="us", service_tier="batch", web_searches=3)
    usage = START.merged(said).usage("m")
    assert (usage.speed, usage.geography, usage.service_tier, usage.web_searches) == (
        "fast",
        "us",
        "batch",
        3,
    )
    assert START.merged(said).merged(UsageReport(output=1)).speed == "fast"


def test_advisor_and_compaction_runs_are_billed_on_top() -> None:
    iterations = (
        Iteration(kind="message", input=10, output=5, cache_read=500),
        Iteration(kind="advisor_message", model="claude-fable-5-2", input=7, output=3),
        Iteration(kind="compaction", input=900, output=80, cache_write=40, cache_write_1h=40),
    )
    usage = START.merged(UsageReport(output=5, iterations=iterations)).usage("claude-opus-5-5")
    assert (usage.input, usage.output) == (10, 5)
    assert usage.extra == (
        ("claude-fable-5-2", Usage(input=7, output=3)),
        ("claude-opus-5-5", Usage(input=900, output=80, cache_write_1h=40)),
    )


def test_the_context_is_the_last_message_run() -> None:
    iterations = (
        Iteration(kind="message", input=10, cache_read=500),
        Iteration(kind="message", input=4, cache_read=700, cache_write=50),
        Iteration(kind="advisor_message", model="x", input=9999),
    )
    usage = UsageReport(input=14, cache_read=1200, cache_write=50, iterations=iterations).usage("m")
    assert usage.prompt_tokens == 754
    assert UsageReport(input=14, cache_read=1200, cache_write=50).usage("m").prompt_tokens == 1264


@pytest.mark.parametrize(("output", "is_split"), [(12, True), (13, False)])
def test_runs_are_known_where_they_add_up(output: int, is_split: bool) -> None:
    iterations = (Iteration(kind="message", input=10, output=5), Iteration(kind="message", input=4, output=7))
    usage = UsageReport(input=14, output=output, iterations=iterations).usage("m")
    assert usage.runs == ((Usage(input=10, output=5), Usage(input=4, output=7)) if is_split else ())


def test_after_a_server_side_fallback_the_run_that_served_counts() -> None:
    iterations = (
        Iteration(kind="message", model="claude-fable-5-2", input=100, output=2),
        Iteration(kind="fallback_message", model="claude-opus-5-5", input=90, output=40, cache_read=8),
    )
    later = UsageReport(input=0, output=40, cache_read=8, iterations=iterations)
    merged = START.merged(later)
    assert merged.input == 0
    assert merged.fallback_model == "claude-opus-5-5"
    usage = merged.usage("claude-fable-5-2")
    assert (usage.input, usage.output, usage.cache_read, usage.prompt_tokens, usage.extra) == (
        90,
        40,
        8,
        98,
        (),
    )


@given(st.lists(REPORTS, min_size=1, max_size=5))
def test_counts_are_never_negative_and_parts_never_exceed_their_whole(reports: list[UsageReport]) -> None:
    known = reports[0]
    for report in reports[1:]:
        known = known.merged(report)
    usage = known.usage("m")
    assert min(usage.input, usage.output, usage.cache_read, usage.cache_write_5m, usage.cache_write_1h) >= 0
    assert usage.cache_write == (known.cache_write or 0)
    assert usage.thinking <= usage.output


@given(REPORTS)
def test_a_report_said_twice_changes_nothing(report: UsageReport) -> None:
    assert report.merged(report).usage("m") == report.usage("m")
