"""Whatever comes in: the same report for the same input, waste within the whole, nothing that harms a terminal."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clauditor.reports.postmortem import as_json, postmortem
from reports import bad_afternoon as story
from ui.hostile import HOSTILE, is_harmless

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
_MONEY = st.none() | st.floats(min_value=0, max_value=1e6)
_COUNT = st.none() | st.integers(min_value=0, max_value=10**9)
_TOKENS = st.none() | st.fixed_dictionaries(
    {
        "input": _COUNT,
        "output": _COUNT,
        "cache_read": _COUNT,
        "cache_write_5m": _COUNT,
        "cache_write_1h": _COUNT,
    }
)
_TIME = st.floats(min_value=0, max_value=1e5)
_OUTCOME = st.sampled_from(["ok", "http", "stream", "aborted", "proxy", "unknown"])
_TURN = st.fixed_dictionaries(
    {
        "agent_id": st.sampled_from(["main", "a1"]),
        "prompt_id": st.sampled_from([None, "p1", "p2"]),
        "started_at": _TIME,
        "outcome": _OUTCOME,
        "model": st.just({"served": story.OPUS}),
        "tokens": _TOKENS,
        "cost_usd": _MONEY,
        "attempts": st.lists(
            st.fixed_dictionaries(
                {
                    "outcome": _OUTCOME,
                    "started_at": _TIME,
                    "ended_at": _TIME,
                    "tokens": _TOKENS,
                    "cost_usd": _MONEY,
                }
            ),
            max_size=3,
        ),
        "tools": st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from(["Bash", "Edit"]), "outcome": st.sampled_from(["ok", "error", None])}
            ),
            max_size=4,
        ),
    }
)
_SHOT = st.fixed_dictionaries(
    {
        "session_id": st.just("abcd"),
        "turns": _COUNT,
        "tokens": _TOKENS,
        "cost_usd": _MONEY,
        "cache": st.fixed_dictionaries({"misses": _COUNT, "lost_tokens": _COUNT, "lost_cost_usd": _MONEY}),
        "context": st.fixed_dictionaries({"compactions": st.integers(0, 4)}),
    }
)


def strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, item in value.items():
                yield key
                yield from strings(item)
        case list() | tuple():
            for item in value:
                yield from strings(item)


@settings(max_examples=200, deadline=None)
@given(shot=_SHOT, turns=st.lists(_TURN, max_size=8))
def test_waste_never_exceeds_the_whole(shot: dict[str, Any], turns: list[Any]) -> None:
    waste = postmortem(shot, turns, [], [], [], 2e5).waste
    if waste.of_usd is None:
        assert waste.usd is None
        assert all(each.usd is None for each in waste.classes)
    else:
        assert sum(each.usd or 0.0 for each in waste.classes) <= waste.of_usd * (1 + 1e-12)
        assert (waste.usd or 0.0) <= waste.of_usd
    if waste.of_tokens is None:
        assert all(each.tokens is None for each in waste.classes)
    else:
        assert sum(each.tokens or 0 for each in waste.classes) == waste.tokens <= waste.of_tokens
    assert all((each.usd or 0.0) >= 0 and (each.tokens or 0) >= 0 for each in waste.classes)
    assert waste.ratio is None or 0 <= waste.ratio <= 1


@settings(max_examples=100, deadline=None)
@given(shot=_SHOT, turns=st.lists(_TURN, max_size=8))
def test_the_same_input_gives_the_same_report_and_is_left_alone(
    shot: dict[str, Any], turns: list[Any]
) -> None:
    kept = copy.deepcopy((shot, turns))
    first = as_json(postmortem(shot, turns, story.side_calls(), story.signals(), [], 2e5))
    assert json.dumps(first) == json.dumps(
        as_json(postmortem(*copy.deepcopy((shot, turns)), story.side_calls(), story.signals(), [], 2e5))
    )
    assert (shot, turns) == kept


@settings(max_examples=300, deadline=None)
@given(
    fields=st.dictionaries(st.sampled_from(sorted(story.snapshot())), _JSON, max_size=10),
    turns=_JSON,
    side_calls=_JSON,
    signals=_JSON,
    gaps=_JSON,
)
def test_any_json_makes_a_report(fields: Any, turns: Any, side_calls: Any, signals: Any, gaps: Any) -> None:
    for shot, given_turns in ((story.snapshot() | fields, turns), (turns, [fields, turns])):
        made = as_json(postmortem(shot, given_turns, side_calls, signals, gaps, story.NOW))
        assert all(map(is_harmless, strings(made)))
        json.dumps(made, allow_nan=False)


@pytest.mark.parametrize("poison", HOSTILE)
def test_hostile_strings_are_cleaned_and_bounded(poison: str) -> None:
    def poisoned(value: Any) -> Any:
        match value:
            case str():
                return poison
            case dict():
                names = set(value) & {"Bash", "five_hour"}
                return {(poison if names else key): poisoned(item) for key, item in value.items()}
            case list():
                return [poisoned(item) for item in value]
            case _:
                return value

    outcomes = story.turns()
    turns = poisoned(story.turns())
    for turn, kept in zip(turns, outcomes, strict=True):
        turn["outcome"] = kept["outcome"]  # it decides what is read further
    made = as_json(
        postmortem(
            poisoned(story.snapshot()),
            turns,
            poisoned(story.side_calls()),
            poisoned(story.signals()),
            [],
            story.NOW,
        )
    )
    found = list(strings(made))
    assert all(map(is_harmless, found))
    assert max(map(len, found)) < 1000


def test_a_report_is_bounded_however_much_comes_in() -> None:
    turn = story.turns()[8]
    turns = [turn | {"prompt_id": f"p{number}", "started_at": float(number)} for number in range(20_000)]
    signals = [
        story.signal(f"s{number}", "act", "measured", "x" * 500, number, None) for number in range(5000)
    ]
    agents = [{"agent_id": f"a{number}", "parent_agent_id": f"a{number - 1}"} for number in range(5000)]
    names = {f"tool{number}": {"calls": 1} for number in range(5000)}
    shot = story.snapshot(
        agents=agents, tools={"by_name": names}, limits={f"w{n}": {"a": 1} for n in range(999)}
    )
    made = as_json(postmortem(shot, turns, story.side_calls() * 500, signals, signals, story.NOW))
    assert len(json.dumps(made)) < 200_000
