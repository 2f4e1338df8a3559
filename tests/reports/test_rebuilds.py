from __future__ import annotations

from typing import Any, get_args

import pytest

from clauditor.model.cache_cause import CacheCause
from clauditor.reports.material import Material
from clauditor.reports.rebuilds import compactions, rebuilds, said_cause
from clauditor.signals.cache_rebuilt import CAUSES
from reports import bad_afternoon as story


def material(turns: list[Any], signals: list[Any] | None = None, **fields: Any) -> Material:
    return Material(story.snapshot(turns=len(turns), **fields), turns, [], signals or [], [], now=story.NOW)


def test_the_storys_rebuilds_with_their_causes() -> None:
    found = rebuilds(material(story.turns(), story.signals()), ())
    assert [(one.turn, one.cause, one.detail, one.lost_tokens) for one in found] == [
        (7, "tools_changed", "+jira.search", 50_012),
        (14, "ttl_expired_5m", None, 91_012),
    ]
    assert found[0].said is not None
    assert found[1].idle_seconds == 4260 - 1720


def test_costs_are_shared_by_tokens_and_add_up_to_what_was_counted() -> None:
    found = rebuilds(material(story.turns()), ())
    costs = [one.cost_usd or 0.0 for one in found]
    assert costs == pytest.approx([50_012 * story.REBUILD_USD, 91_012 * story.REBUILD_USD])


def test_no_cost_is_made_up_where_the_counts_disagree() -> None:
    cache = story.snapshot()["cache"] | {"lost_tokens": 500_000, "last_miss": None}
    assert [one.cost_usd for one in rebuilds(material(story.turns(), cache=cache), ())] == [None, None]


def test_what_the_live_ledger_explained_away_is_no_rebuild() -> None:
    """It knew of old results that the server cleared; the stored turns do not tell."""
    cache = story.snapshot()["cache"] | {"misses": 1}
    assert [one.turn for one in rebuilds(material(story.turns(), cache=cache), ())] == [14]
    assert rebuilds(material(story.turns(), cache={"misses": 0}), ()) == ()


def test_without_turns_the_newest_rebuild_is_known_all_the_same() -> None:
    (found,) = rebuilds(material([]), ())
    assert (found.turn, found.cause, found.lost_tokens) == (None, "ttl_expired_5m", 91_012)


def test_a_signal_says_the_cause_that_lived_in_memory_only() -> None:
    for cause in set(get_args(CacheCause)) & set(CAUSES) - {"unknown"}:
        words = CAUSES[cause][0]
        for end, detail in (
            ("", None),
            (" (x to y)", "x to y"),
            (" (in agent Explore)", None),
            (" (+a) (in agent b)", "+a"),
        ):
            summary = f"The prompt cache was rebuilt, 50k tokens written again, ~$0.29 more: {words}{end}."
            assert said_cause(summary) == (cause, detail)
    assert said_cause("The prompt cache was rebuilt, 3k tokens written again: cause unknown.") is None


def falling(*prompts: int) -> list[Any]:
    """Calls of the main thread whose prompts have these sizes, all read from the cache but what is new."""
    return [
        story.turn(100.0 * number, 1, story.tokens(size - 12, 0, 10))
        for number, size in enumerate(prompts, 1)
    ]


def test_a_compaction_that_was_seen_is_measured_and_the_others_are_where_the_prompt_fell() -> None:
    last = {"at": 350.0, "trigger": "auto", "tokens_before": 160_000, "tokens_after": 20_000}
    turns = falling(150_000, 15_000, 160_000, 20_000)
    found = compactions(material(turns, context={"compactions": 2, "last_compaction": last}))
    assert [(one.at, one.tokens_before, one.tokens_after, one.evidence) for one in found] == [
        (200.0, 150_000, 15_000, "heuristic"),
        (350.0, 160_000, 20_000, "measured"),
    ]


def test_a_prompt_that_falls_is_no_compaction_unless_one_was_counted() -> None:
    assert compactions(material(falling(150_000, 15_000), context={"compactions": 0})) == ()


def test_the_rebuild_after_a_compaction_is_expected() -> None:
    turns = [
        story.turn(100.0, 1, story.tokens(0, 150_000, 10)),
        story.turn(160.0, 1, story.tokens(0, 15_000, 10)),
    ]
    own = material(turns, context={"compactions": 1}, cache={})
    (found,) = rebuilds(own, compactions(own))
    assert (found.expected, found.cause) == (True, "compaction")
