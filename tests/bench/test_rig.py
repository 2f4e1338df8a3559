"""The benches' own arithmetic, and the plan that client and vendor must read alike."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.rig.figures import Figure, percentile, slope, table, write  # noqa: E402
from bench.rig.plan import Plan, request_body, stamps  # noqa: E402


def test_a_percentile_is_a_value_that_so_many_do_not_exceed() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1.0)) == (50, 99, 100)
    assert percentile([7.0], 0.99) == 7.0


def test_a_slope_is_that_of_the_line_through_the_points() -> None:
    assert slope([(0, 5), (10, 25), (20, 45)]) == pytest.approx(2.0)


def test_a_plan_is_the_same_on_both_sides() -> None:
    plan = Plan(name="x", tools=(("toolu_1", "Bash", "pytest"),), gap_seconds=0.5)
    assert Plan.of(plan.header()) == plan


def test_a_stream_is_what_the_vendor_would_send() -> None:
    plan = Plan(name="x", text_bytes=3, tools=(("toolu_1", "Bash", "pytest"),), output=42)
    stream = plan.opening() + plan.delta(17) + plan.delta(18) + plan.closing()
    events = [json.loads(part.partition("\ndata: ")[2]) for part in stream.decode().split("\n\n") if part]
    assert events[0]["message"]["id"] == "msg_x"
    assert [event["delta"]["text"] for event in events[2:4]] == [f"{17:020} xxx", f"{18:020} xxx"]
    assert events[-2]["usage"]["output_tokens"] == 42
    assert list(stamps(stream)) == [17, 18]


def test_a_request_has_about_the_size_that_was_asked_for() -> None:
    assert len(request_body(100_000)) == pytest.approx(100_000, rel=0.01)


def test_a_section_is_written_into_its_place_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x: written by bench/x.py -->\nold\n<!-- end of x -->\nb\n")
    write("x", "new", page)
    assert page.read_text() == "a\n<!-- x: written by bench/x.py -->\nnew\n<!-- end of x -->\nb\n"
    with pytest.raises(SystemExit):
        write("y", "new", page)


def test_a_goal_that_is_missed_is_named() -> None:
    rows = table([Figure(what="w", goal="<= 1", measured="2", is_met=False), Figure(what="v", measured="3")])
    assert rows[2:] == ["| w | <= 1 | 2 | **no** |", "| v |  | 3 |  |"]
