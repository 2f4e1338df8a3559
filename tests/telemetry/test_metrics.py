"""What is counted, how it is labelled, and that docs/metrics.md says the same."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from clauditor.hub import Hub
from clauditor.model.cache import CacheEvent, CacheMiss
from clauditor.model.cache_cause import CacheCause
from clauditor.model.call import Fallback
from clauditor.model.events import (
    AttemptFinished,
    AttemptStarted,
    ClockJumped,
    Compacted,
    FirstToken,
    GapFound,
    InputLimit,
    Malformed,
    SessionEnded,
    SideCallFinished,
)
from clauditor.model.facts import CallFact, Fact, ToolFact
from clauditor.model.models import MODELS
from clauditor.model.session import Session
from clauditor.model.usage import Usage
from clauditor.telemetry.metrics import Metrics
from clauditor.telemetry.tools import KNOWN_TOOLS
from clauditor.telemetry.watched import WATCHED
from support.life import MODEL, NOW, Book, Life

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
SESSION = "5f0c1e9a-7d1f-4c57-9d55-4b1f1f6b2a10"
OTHER_MODEL = "claude-haiku-4-5"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(version="1.2.3")


@pytest.fixture
def life(metrics: Metrics) -> Life:
    return Life(Hub(book=Book(), sinks=[metrics]), SESSION)


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
    assert seen[f'clauditor_turns_total{{model="{MODEL}",project="webshop"}}'] == 1
    assert seen["clauditor_prompts_total"] == 1
    assert seen[f'clauditor_tokens_total{{kind="cache_read",model="{MODEL}",project="webshop"}}'] == 50_000
    assert seen[f'clauditor_cost_usd_total{{model="{MODEL}",project="webshop"}}'] == pytest.approx(0.0363)
    assert seen[f'clauditor_time_to_first_token_seconds_sum{{model="{MODEL}"}}'] == 1.0
    assert seen[f'clauditor_output_tokens_per_second_sum{{model="{MODEL}"}}'] == pytest.approx(200 / 3)
    assert seen['clauditor_tool_calls_total{tool="Bash"}'] == 1
    assert seen['clauditor_tool_failures_total{outcome="error",tool="Bash"}'] == 1
    assert seen['clauditor_tool_duration_seconds_sum{tool="Bash"}'] == 4.0


def test_a_turn_lasts_from_its_first_request_to_its_answer(metrics: Metrics, life: Life) -> None:
    life.fail(life.start(digest="same"))
    assert samples(metrics)[f'clauditor_turn_duration_seconds_count{{model="{MODEL}"}}'] == 0
    life.answer(life.start(digest="same"))  # ten seconds later, answered after four
    seen = samples(metrics)
    assert seen[f'clauditor_turn_duration_seconds_sum{{model="{MODEL}"}}'] == 14.0
    assert seen[f'clauditor_turn_duration_seconds_count{{model="{MODEL}"}}'] == 1


def test_a_clock_that_is_set_meanwhile_makes_a_turn_no_longer(metrics: Metrics, life: Life) -> None:
    life.fail(life.start(digest="same"))
    exchange_id = life.start(digest="same")
    life.hub.publish(ClockJumped(at=life.at + 3601, session_id="", seconds=3600))
    life.at += 3600
    life.answer(exchange_id)
    assert samples(metrics)[f'clauditor_turn_duration_seconds_sum{{model="{MODEL}"}}'] == 14.0


def test_what_a_call_will_be_counted_as_begins_at_zero_when_it_is_sent(metrics: Metrics, life: Life) -> None:
    life.start()
    before = samples(metrics)
    life.answer(f"1-{int(life.at * 1_000_000)}")
    after = samples(metrics)
    labelled = [name for name in after if MODEL in name]
    assert labelled
    assert {name: before.get(name) for name in labelled} == dict.fromkeys(labelled, 0.0)


def test_side_calls_and_compactions_are_counted_apart(metrics: Metrics, life: Life) -> None:
    common = {"at": NOW, "started_at": NOW, "session_id": "s", "exchange_id": "1-1", "model": MODEL}
    life.hub.publish(SideCallFinished(name="title", usage=Usage(input=5), **common))  # type: ignore[arg-type]
    life.hub.publish(Compacted(usage=Usage(input=7), complete=False, trigger="auto", **common))  # type: ignore[arg-type]
    seen = samples(metrics)
    assert seen['clauditor_side_calls_total{name="title"}'] == 1
    assert seen[f'clauditor_compactions_total{{model="{MODEL}",trigger="auto"}}'] == 1
    assert seen[f'clauditor_tokens_total{{kind="input",model="{MODEL}",project="unknown"}}'] == 12
    assert seen[f'clauditor_cost_incomplete_calls_total{{model="{MODEL}"}}'] == 1
    assert not [name for name in seen if name.startswith("clauditor_turns_total")]


def test_a_compaction_tells_the_size_before_and_the_next_call_the_size_after(
    metrics: Metrics, life: Life
) -> None:
    life.turn()
    life.hub.publish(Compacted(at=life.at + 5, started_at=life.at, session_id=SESSION, model=MODEL))
    assert samples(metrics)["clauditor_compaction_before_tokens_sum"] == 51_010
    assert samples(metrics)["clauditor_compaction_after_tokens_count"] == 0
    life.answer(life.start(), usage=Usage(input=9_000, output=5))
    life.turn()
    seen = samples(metrics)
    assert seen["clauditor_compaction_after_tokens_sum"] == 9_000
    assert seen["clauditor_compaction_after_tokens_count"] == 1


def test_sessions_are_counted_as_they_start_and_weighed_as_they_end(metrics: Metrics, life: Life) -> None:
    life.turn()
    life.turn()
    life.hub.publish(SessionEnded(at=life.at + 9, session_id=SESSION, reason="hook"))
    Life(life.hub, "another").start()
    seen = samples(metrics)
    assert seen["clauditor_sessions_started_total"] == 2
    assert seen['clauditor_sessions_ended_total{reason="hook"}'] == 1
    assert seen['clauditor_sessions_ended_total{reason="age"}'] == 0
    assert seen["clauditor_session_turns_sum"] == 2
    assert seen["clauditor_session_cost_usd_count"] == 1


def test_an_end_that_is_told_twice_counts_once_until_the_session_lives_again(
    metrics: Metrics, life: Life
) -> None:
    def end(after_seconds: float) -> None:
        life.hub.publish(SessionEnded(at=life.at + after_seconds, session_id=SESSION, reason="hook"))

    life.turn()
    end(9)
    end(9.5)
    assert samples(metrics)['clauditor_sessions_ended_total{reason="hook"}'] == 1
    assert samples(metrics)["clauditor_session_turns_count"] == 1
    life.turn()
    end(9)
    assert samples(metrics)['clauditor_sessions_ended_total{reason="hook"}'] == 2
    assert samples(metrics)["clauditor_session_turns_count"] == 2


def test_a_call_that_another_model_answers_is_a_fallback(metrics: Metrics, life: Life) -> None:
    exchange_id = life.start()
    common: dict[str, Any] = {"session_id": SESSION, "exchange_id": exchange_id}
    life.hub.publish(FirstToken(at=life.at + 1, model=OTHER_MODEL, **common))
    life.hub.publish(AttemptFinished(at=life.at + 2, model=OTHER_MODEL, usage=Usage(output=1), **common))
    life.turn()
    seen = samples(metrics)
    assert seen[f'clauditor_fallbacks_total{{kind="server",requested="{MODEL}",served="{OTHER_MODEL}"}}'] == 1
    assert len([name for name in seen if name.startswith("clauditor_fallbacks_total")]) == 1


def test_tools_of_servers_and_skills_are_counted_by_name(metrics: Metrics) -> None:
    for used in (
        tool("mcp__jira__search_issues"),
        replace(tool("mcp__jira__search_issues"), outcome="error", duration_seconds=2.0),
        replace(tool("Skill"), target="review-pr"),
        replace(tool("Skill"), target=None),
    ):
        metrics.observe(GapFound(at=0.0, session_id="", reason="x"), None, [used])
    seen = samples(metrics)
    assert seen['clauditor_mcp_calls_total{server="jira",tool="search_issues"}'] == 1
    assert seen['clauditor_mcp_failures_total{server="jira",tool="search_issues"}'] == 1
    assert seen['clauditor_tool_calls_total{tool="mcp"}'] == 1
    assert seen['clauditor_tool_duration_seconds_sum{tool="mcp"}'] == 2.0
    assert seen['clauditor_skill_calls_total{skill="review-pr"}'] == 1
    assert seen['clauditor_skill_calls_total{skill="unknown"}'] == 1
    assert seen['clauditor_skill_failures_total{skill="review-pr"}'] == 0


def test_gaps_and_nonsense_are_counted(metrics: Metrics, life: Life) -> None:
    life.hub.publish(GapFound(at=NOW, session_id="", reason="restart", unseen_bytes=9))
    life.hub.publish(Malformed(at=NOW, session_id="", where="sse", reason="x"))
    seen = samples(metrics)
    assert seen['clauditor_gaps_total{reason="restart"}'] == 1
    assert seen["clauditor_gap_bytes_total"] == 9
    assert seen['clauditor_malformed_total{place="sse"}'] == 1


def test_each_limit_of_what_is_read_has_its_own_counter(metrics: Metrics, life: Life) -> None:
    for reason in ("line", "nesting", "nesting", "no such limit"):
        life.hub.publish(Malformed(at=NOW, session_id="", where="limit", reason=reason))
    seen = samples(metrics)
    told = {limit: seen[f'clauditor_input_limits_total{{limit="{limit}"}}'] for limit in get_args(InputLimit)}
    assert {limit: count for limit, count in told.items() if count} == {"line": 1, "nesting": 2}
    assert seen['clauditor_malformed_total{place="limit"}'] == 4


def test_readings_are_taken_at_each_scrape_and_add_up(metrics: Metrics) -> None:
    readings = {"thinking": 2}
    metrics.watch("clauditor_sessions", lambda: readings)
    metrics.watch("clauditor_internal_errors", lambda: {"api": 1, "edge": 3})
    metrics.internal_error("api")
    metrics.watch("clauditor_feed_subscribers", lambda: 4)
    limits: dict[tuple[str, ...], float] = {("plan", "five_hour"): 0.5}
    metrics.watch("clauditor_limit_used_ratio", lambda: limits)
    seen = samples(metrics)
    assert seen['clauditor_sessions{state="thinking"}'] == 2
    assert seen['clauditor_internal_errors_total{part="api"}'] == 2
    assert seen['clauditor_internal_errors_total{part="edge"}'] == 3
    assert seen["clauditor_feed_subscribers"] == 4
    assert seen['clauditor_limit_used_ratio{billing="plan",window="five_hour"}'] == 0.5
    readings["thinking"] = 5
    assert samples(metrics)['clauditor_sessions{state="thinking"}'] == 5
    with pytest.raises(KeyError):
        metrics.watch("clauditor_nonsense", lambda: 1)


def call(name: str) -> CallFact:
    return CallFact(
        exchange_id=name, session_id=name, agent_id="main", kind="turn", name=name, turn_id=name, attempt=1, prompt_id=name,
        started_at=0.0, first_token_at=1.0, ended_at=2.0, outcome="ok", status=200, error_type=name, stop_reason=name,
        model_requested=name, model_served=name, usage=Usage(input=1, output=9, extra=((name, Usage(input=1)),)),
        complete=False, cost_usd=1.0, request_bytes=1, message_id=name, request_id=name,
    )  # fmt: skip


def tool(name: str) -> ToolFact:
    return ToolFact(
        tool_use_id=name, session_id=name, agent_id=name, exchange_id=name, name=name, target=name, called_at=0.0,
        returned_at=None, outcome=None, duration_seconds=None, waited_seconds=None, input_bytes=1, result_bytes=1,
    )  # fmt: skip


def miss(event: CacheEvent, cause: CacheCause) -> CacheMiss:
    return CacheMiss(
        event=event, cause=cause, detail="evil", stable_tokens=1, lost_tokens=1, cost_usd=1.0, at=0.0, agent_id="main"
    )  # fmt: skip


def hostile_round(metrics: Metrics, session: Session, names: list[str], number: int) -> None:
    """A different name in every field a name can stand in; the rest is whatever there can be."""
    session.project = names[0]
    turn, used = call(names[1]), tool(f"mcp__{names[2]}__{names[3]}")
    event, cause = get_args(CacheEvent)[number % 8], get_args(CacheCause)[number % 14]
    session.agents["main"].fallback = Fallback(
        kind=("server", "client")[number % 2],
        requested=names[1],
        served=names[4],
        since=0.0,
    )
    start = AttemptStarted(
        at=0.0, session_id="s", identity="header", request_class="main", model=names[1], messages_digest=""
    )
    outcome: Any = ("ok", "http", "stream", "aborted", "proxy")[number % 5]
    failed: Any = ("ok", "error", "rejected", "timeout", "denied")[number % 5]
    facts: list[Fact] = [
        replace(turn, outcome=outcome, cache_event=event, cache_miss=miss(event, cause)),
        replace(turn, kind="side", name=names[5]),
        replace(turn, kind="compaction", name=names[6]),
        *(each for one in (used, replace(used, name=names[7]), replace(used, name="Skill", target=names[8]))
          for each in (one, replace(one, outcome=failed, duration_seconds=1.0))),
    ]  # fmt: skip
    metrics.observe(start, session, facts)
    metrics.observe(GapFound(at=0.0, session_id="", reason=names[9]), None, [])
    metrics.observe(Malformed(at=0.0, session_id="", where=names[10], reason=names[11]), None, [])
    metrics.observe(SessionEnded(at=0.0, session_id="s", reason=names[12]), session, [])


def spellings(number: int) -> str:
    """Names of every kind: plain ones, control characters, quotes, long ones, other alphabets."""
    return (
        f"evil_{number}",
        f'evil{number}"}} 1\n{{\x1b[31m',
        f"зло{number}",
        f"{number}" * 40,
        f"../{number}/ \\",
    )[number % 5]


def test_hostile_names_make_no_series_of_their_own(metrics: Metrics, life: Life) -> None:
    """A hundred thousand names, each once, and in between everything that is known, in every field that takes one."""
    life.turn()
    session = life.hub.sessions[SESSION]
    chance = random.Random(7)  # noqa: S311 - no secret
    known = [*MODELS, *sorted(KNOWN_TOOLS), "auto", "manual", "webshop"]
    for number in range(100_000 // 13):
        names = [spellings(13 * number + place) for place in range(13)]
        if number % 50 == 0:
            names = [chance.choice(known) if chance.random() < 0.7 else name for name in names]
        hostile_round(metrics, session, names, number)
    text = metrics.render().decode()
    series = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(series) <= 2_000 - WATCHED_SERIES
    values = set(re.findall(r'="([^"]*)"', text))
    assert all(re.fullmatch(r"[A-Za-z0-9_.+-]{1,64}", value) for value in values)
    assert 'clauditor_turns_total{model="other",project="other"}' in text
    assert 'clauditor_mcp_calls_total{server="other",tool="other"}' in text


# What the sidecar's own parts tell at a scrape, by closed lists and 9 windows of 2 kinds of billing in 4 families:
# less than 200 in all.
WATCHED_SERIES = 200


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
    hostile_round(metrics, life.hub.sessions[SESSION], ["name"] * 13, 0)
    for name, (_, labels, _) in WATCHED.items():
        metrics.watch(name, partial(dict[tuple[str, ...], float], {labels: 1}))
    page = PAGE.read_text()
    labelled = set()
    for family in text_string_to_metric_families(metrics.render().decode()):
        assert family.samples, family.name
        for sample in family.samples:
            row = re.search(rf"^\| `{family.name}(?:_total)?` \| \w+ \|([^|]*)\|", page, re.MULTILINE)
            assert row, family.name
            assert set(re.findall(r"`(\w+)`", row[1])) == set(sample.labels) - {"le"}, family.name
            labelled |= set(sample.labels) - {"le"}
    told = re.findall(
        r"^\| ((?:`\w+`(?:, )?)+)[^|`]*\| [^|]+ \|", page[: page.index("## Families")], re.MULTILINE
    )
    assert labelled <= {name for cell in told for name in re.findall(r"`(\w+)`", cell)}
