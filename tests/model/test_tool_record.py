"""Failures among the newest results, and the same call with the same result."""

from __future__ import annotations

from clauditor.model.tool_record import KEPT_RESULTS, MAX_TOOL_NAMES, ToolCounts, ToolRecord


def times(record: ToolRecord) -> int | None:
    return record.loop.count if record.loop is not None else None


def test_failures_in_a_row_end_with_a_success() -> None:
    record = ToolRecord()
    for is_failure in (True, False, True, True):
        record.add("Bash", is_failure=is_failure)
    assert (record.failures_in_a_row, record.last_failed) == (2, "Bash")
    record.add("Read", is_failure=False)
    assert record.failures_in_a_row == 0


def test_only_the_newest_results_count() -> None:
    record = ToolRecord()
    for _ in range(KEPT_RESULTS + 5):
        record.add("Bash", is_failure=True)
    assert len(record.failed) == KEPT_RESULTS


def test_the_same_call_with_the_same_result_is_a_loop_with_a_count() -> None:
    record = ToolRecord()
    for at in range(3):
        record.compare("Bash", "make", "call", "result", float(at), is_failure=True)
    assert record.loop is not None
    assert (record.loop.name, record.loop.target, record.loop.count, record.loop.at) == (
        "Bash",
        "make",
        3,
        2.0,
    )


def test_another_result_or_another_call_is_no_repetition() -> None:
    record = ToolRecord()
    record.compare("Bash", None, "call", "one", 0.0, is_failure=True)
    record.compare("Bash", None, "call", "two", 1.0, is_failure=True)
    record.compare("Bash", None, "other", "one", 2.0, is_failure=True)
    assert record.loop is None


def test_two_calls_in_turn_are_a_loop_too() -> None:
    record = ToolRecord()
    for at in range(8):
        record.compare("Bash", None, f"call {at % 2}", "result", float(at), is_failure=True)
    assert record.loop is not None
    assert record.loop.count == 4


def test_three_results_that_were_never_seen_lead_out_of_a_loop() -> None:
    record = ToolRecord()
    for at in range(4):
        record.compare("Bash", None, "call", "result", float(at), is_failure=True)
    record.compare("Read", None, "a", "1", 5.0, is_failure=True)
    record.compare("Read", None, "b", "2", 6.0, is_failure=True)
    assert times(record) == 4
    record.compare("Read", None, "c", "3", 7.0, is_failure=True)
    assert times(record) is None
    record.compare("Bash", None, "call", "result", 8.0, is_failure=True)
    assert times(record) == 5


def test_a_check_that_succeeds_again_after_something_new_is_no_repetition() -> None:
    record = ToolRecord()
    for at in range(8):
        record.compare("Edit", None, f"edit {at}", "ok", float(at), is_failure=False)
        record.compare("Bash", None, "check", "all is well", float(at), is_failure=False)
    assert times(record) is None
    for at in range(3):
        record.compare("Bash", None, "check", "all is well", float(at), is_failure=False)
    assert times(record) == 4


def test_what_fails_again_in_the_same_way_is_a_repetition_whatever_was_done() -> None:
    record = ToolRecord()
    for at in range(4):
        record.compare("Edit", None, f"edit {at}", "ok", float(at), is_failure=False)
        record.compare("Bash", None, "check", "it fails", float(at), is_failure=True)
    assert record.loop is not None
    assert record.loop.count == 4


def test_without_digests_nothing_is_compared() -> None:
    record = ToolRecord()
    for at in range(9):
        record.compare("Bash", None, "", "result", float(at), is_failure=True)
        record.compare("Bash", None, "call", "", float(at), is_failure=True)
    assert record.loop is None


def test_a_new_prompt_starts_afresh() -> None:
    record = ToolRecord()
    for at in range(4):
        record.compare("Bash", None, "call", "result", float(at), is_failure=True)
        record.add("Bash", is_failure=True)
    record.begin_prompt()
    record.compare("Bash", None, "call", "result", 9.0, is_failure=True)
    assert record.loop is None
    assert record.failed == []


def test_memory_for_different_calls_is_bounded() -> None:
    record = ToolRecord()
    for number in range(5000):
        record.compare("Bash", None, f"call {number}", "result", 0.0, is_failure=True)
    assert len(record.counts.value) <= 512


def test_names_beyond_the_limit_count_as_other() -> None:
    counts = ToolCounts()
    for number in range(MAX_TOOL_NAMES + 10):
        counts.of(f"tool {number}").calls += 1
    assert len(counts.by_name) == MAX_TOOL_NAMES + 1
    assert (counts.by_name["other"].calls, counts.calls) == (10, MAX_TOOL_NAMES + 10)
