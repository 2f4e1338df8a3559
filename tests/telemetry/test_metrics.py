"""What is counted, how it is labelled, and that docs/metrics.md says the same."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from clauditor.hub import Hub
from clauditor.model.events import Compacted, GapFound, Malformed, SideCallFinished
from clauditor.model.facts import CallFact, ToolFact
from clauditor.model.models import MODELS
from clauditor.model.usage import Usage
from clauditor.telemetry.metrics import KNOWN_TOOLS, WATCHED, Metrics
from support.life import MODEL, NOW, Book, Life

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(version="1.2.3")


@pytest.fixture
def life(metrics: Metrics) -> Life:
    return Life(Hub(book=Book(), sinks=[metrics]), "5f0c1e9a-7d1f-4c57-9d55-4b1f1f6b2a10")


def samples(metrics: Metrics) -> dict[str, float]:
    """Every sample as `name{label="value"}`."""
    lines = metrics.render().decode().splitlines()
    return {
        line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")
    }


def test_a_call_with_a_retry_is_two_attempts_and_one_turn(metrics: Metrics, life: Life) -> None:
    life.fail(life.start(digest="same"))
    life.answer(life.start(digest="same"), tools=("toolu_1",))
    life.tool_result("toolu_1", "error")
    seen = samples(metrics)
    assert seen[f'clauditor_attempts_total{{model="{MODEL}",outcome="http"}}'] == 1
    assert seen[f'clauditor_attempts_total{{model="{MODEL}",outcome="ok"}}'] == 1
    assert seen[f'clauditor_turns_total{{model="{MODEL}"}}'] == 1
    assert seen[f'clauditor_tokens_total{{kind="cache_read",model="{MODEL}"}}'] == 50_000
    assert seen[f'clauditor_cost_usd_total{{model="{MODEL}"}}'] == pytest.approx(0.0363)
    assert seen[f'clauditor_time_to_first_token_seconds_sum{{model="{MODEL}"}}'] == 1.0
    assert seen[f'clauditor_call_duration_seconds_bucket{{le="5.0",model="{MODEL}"}}'] == 2
    assert seen['clauditor_tool_calls_total{tool="Bash"}'] == 1
    assert seen['clauditor_tool_failures_total{outcome="error",tool="Bash"}'] == 1
    assert seen['clauditor_tool_duration_seconds_sum{tool="Bash"}'] == 4.0


def test_side_calls_and_compactions_are_counted_apart(metrics: Metrics, life: Life) -> None:
    common = {"at": NOW, "started_at": NOW, "session_id": "s", "exchange_id": "1-1", "model": MODEL}
    life.hub.publish(SideCallFinished(name="title", usage=Usage(input=5), **common))  # type: ignore[arg-type]
    life.hub.publish(Compacted(usage=Usage(input=7), complete=False, **common))  # type: ignore[arg-type]
    seen = samples(metrics)
    assert seen['clauditor_side_calls_total{name="title"}'] == 1
    assert seen[f'clauditor_compactions_total{{model="{MODEL}"}}'] == 1
    assert seen[f'clauditor_tokens_total{{kind="input",model="{MODEL}"}}'] == 12
    assert seen[f'clauditor_cost_incomplete_calls_total{{model="{MODEL}"}}'] == 1
    assert not [name for name in seen if name.startswith("clauditor_turns_total")]


def test_gaps_and_nonsense_are_counted(metrics: Metrics, life: Life) -> None:
    life.hub.publish(GapFound(at=NOW, session_id="", reason="restart", unseen_bytes=9))
    life.hub.publish(Malformed(at=NOW, session_id="", where="sse", reason="x"))
    seen = samples(metrics)
    assert seen['clauditor_gaps_total{reason="restart"}'] == 1
    assert seen["clauditor_gap_bytes_total"] == 9
    assert seen['clauditor_malformed_total{place="sse"}'] == 1


def test_readings_are_taken_at_each_scrape_and_add_up(metrics: Metrics) -> None:
    readings = {"thinking": 2}
    metrics.watch("clauditor_sessions", lambda: readings)
    metrics.watch("clauditor_internal_errors", lambda: {"api": 1, "edge": 3})
    metrics.internal_error("api")
    metrics.watch("clauditor_feed_subscribers", lambda: 4)
    seen = samples(metrics)
    assert seen['clauditor_sessions{state="thinking"}'] == 2
    assert seen['clauditor_internal_errors_total{part="api"}'] == 2
    assert seen['clauditor_internal_errors_total{part="edge"}'] == 3
    assert seen["clauditor_feed_subscribers"] == 4
    readings["thinking"] = 5
    assert samples(metrics)['clauditor_sessions{state="thinking"}'] == 5
    with pytest.raises(KeyError):
        metrics.watch("clauditor_nonsense", lambda: 1)


def call(name: str) -> CallFact:
    return CallFact(
        exchange_id=name, session_id=name, agent_id=name, kind="turn", name=name, turn_id=name, attempt=1, prompt_id=name,
        started_at=0.0, first_token_at=1.0, ended_at=2.0, outcome="ok", status=200, error_type=name, stop_reason=name,
        model_requested=name, model_served=name, usage=Usage(input=1, extra=((name, Usage(input=1)),)), complete=False,
        cost_usd=1.0, request_bytes=1, message_id=name, request_id=name,
    )  # fmt: skip


def tool(name: str) -> ToolFact:
    return ToolFact(
        tool_use_id=name, session_id=name, agent_id=name, exchange_id=name, name=name, target=name, called_at=0.0,
        returned_at=None, outcome=None, duration_seconds=None, waited_seconds=None, input_bytes=1, result_bytes=1,
    )  # fmt: skip


def test_hostile_names_make_no_series_of_their_own(metrics: Metrics) -> None:
    """Everything that is known, and ten thousand names that are not, in every field a name can stand in."""
    hostile = [
        f'evil{number}"}} 1\n{{\x1b[31m' if number % 2 else f"evil_{number}" for number in range(10_000)
    ]
    for name in [*MODELS, *KNOWN_TOOLS, "mcp__a__b", *hostile]:
        turn, used = call(name), tool(name)
        facts = [
            turn, replace(turn, kind="side"), replace(turn, kind="compaction"), used,
            *(replace(used, outcome=outcome, returned_at=1.0, duration_seconds=1.0)
              for outcome in ("ok", "error", "rejected", "timeout", "denied")),
            *(replace(turn, outcome=outcome) for outcome in ("http", "stream", "aborted", "proxy")),
        ]  # fmt: skip
        metrics.observe(GapFound(at=0.0, session_id="", reason=name), None, facts)  # type: ignore[arg-type]
        metrics.observe(Malformed(at=0.0, session_id="", where=name, reason=name), None, [])
    text = metrics.render().decode()
    series = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(series) <= 2_000
    values = set(re.findall(r'="([^"]*)"', text))
    assert all(re.fullmatch(r"[A-Za-z0-9_.+-]{1,64}", value) for value in values)
    assert 'clauditor_turns_total{model="other"}' in text
    assert 'clauditor_tool_calls_total{tool="mcp"} 1.0' in text


def test_every_family_is_exposed_from_the_start_and_documented(metrics: Metrics) -> None:
    exposed = {family.name: family for family in text_string_to_metric_families(metrics.render().decode())}
    rows = re.findall(
        r"^\| `(clauditor_\w+)` \| (\w+) \|([^|]*)\|[^|]*\| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE
    )
    documented = {name.removesuffix("_total"): (kind, labels) for name, kind, labels, _ in rows}
    assert len(documented) == len(rows)
    assert set(documented) == set(exposed)
    for name, family in exposed.items():
        assert family.documentation, name
        assert documented[name][0] == family.type, name


def test_labels_are_those_the_page_names(metrics: Metrics, life: Life) -> None:
    test_side_calls_and_compactions_are_counted_apart(metrics, life)
    life.fail(life.start(digest="same"))
    life.answer(life.start(digest="same"), tools=("toolu_1",))
    life.tool_result("toolu_1", "error")
    life.hub.publish(GapFound(at=NOW, session_id="", reason="restart", unseen_bytes=9))
    life.hub.publish(Malformed(at=NOW, session_id="", where="sse", reason="x"))
    for name, (_, label, _) in WATCHED.items():
        metrics.watch(name, (lambda: {"word": 1}) if label else (lambda: 1))
    page = PAGE.read_text()
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            row = re.search(rf"^\| `{family.name}(?:_total)?` \| \w+ \|([^|]*)\|", page, re.MULTILINE)
            assert row, family.name
            assert set(re.findall(r"`(\w+)`", row[1])) == set(sample.labels) - {"le"}, family.name
