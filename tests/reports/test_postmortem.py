from __future__ import annotations

import json
from typing import Any

import pytest

from clauditor.reports.postmortem import as_json, postmortem
from reports import bad_afternoon as story


def report(**fields: Any) -> dict[str, Any]:
    """The story's report as it comes over the wire; `fields` replace keys of the snapshot."""
    made = postmortem(
        story.snapshot(**fields), story.turns(), story.side_calls(), story.signals(), [], story.NOW
    )
    whole: dict[str, Any] = json.loads(json.dumps(as_json(made)))
    return whole


def test_what_the_session_was() -> None:
    about = report()["session"]
    assert (about["project"], about["branch"], about["prompts"], about["turns"]) == (
        "orders-api",
        "main",
        3,
        16,
    )
    assert about["seconds"] == 4800
    assert (about["tool_calls"], about["tool_failures"], about["failed_attempts"]) == (13, 4, 2)


def test_a_running_session_is_partial_and_an_ended_one_is_not() -> None:
    assert report()["partial"] is True
    assert report()["timeline"][-1]["kind"] == "now"
    ended = report(ended_at=story.STARTED_AT + 4900, state="ended", waiting_for=None)
    assert ended["partial"] is False
    assert ended["timeline"][-1]["kind"] == "end"
    assert ended["timeline"][-1]["at"] == story.STARTED_AT + 4900


def test_what_went_wrong_names_the_call_and_how_sure_it_is() -> None:
    made = report()
    faults = [(one["name"], one["turns"], one["evidence"]) for one in made["findings"] if one["is_fault"]]
    assert faults == [
        ("cache_rebuilt", [7], "derived"),
        ("api_errors", [11], "measured"),
        ("tool_loop", [12], "measured"),
    ]
    assert made["wrong_since_turn"] == 7


def test_waiting_for_a_person_is_told_and_is_no_fault() -> None:
    (asked,) = [one for one in report()["findings"] if one["name"] == "needs_answer"]
    assert (asked["is_fault"], asked["times"], asked["held_seconds"]) == (False, 2, 392)


def test_a_signal_that_only_grows_worse_counts_once() -> None:
    at = story.STARTED_AT
    grew = [
        story.signal("rate_limit", "watch", "measured", "80 % used", 100, 200),
        story.signal("rate_limit", "act", "measured", "91 % used", 200, 260),
        story.signal("rate_limit", "watch", "measured", "80 % used", 900, 901),
    ]
    (found,) = postmortem(story.snapshot(), [], [], grew, [], story.NOW).findings[:1]
    assert (found.times, found.severity, found.summary) == (2, "act", "91 % used")
    assert (found.raised_at, found.cleared_at, found.held_seconds) == (at + 100, at + 901, 161)


def test_facts_speak_where_no_signal_was_kept() -> None:
    made = postmortem(story.snapshot(), story.turns(), [], [], [], story.NOW)
    found = {one.name: one for one in made.findings}
    assert set(found) == {"cache_rebuilt", "failed_attempts", "tool_repeats"}
    assert (found["cache_rebuilt"].times, found["cache_rebuilt"].turns) == (2, (7, 14))
    assert found["failed_attempts"].summary == "2 attempts failed: status 529, the answer broke off"
    assert found["tool_repeats"].summary == "Bash (alembic) failed 4 times in the same way"
    assert found["tool_repeats"].evidence == "heuristic"


def test_each_dollar_is_wasted_once() -> None:
    waste = report()["waste"]
    classes = {each["name"]: each for each in waste["classes"]}
    assert list(classes) == ["broken_answers", "cache_rebuilds", "repeated_failing_tools"]
    assert classes["broken_answers"]["usd"] == pytest.approx(
        80_000 * story.READ_USD + 1_000 * story.WRITE_USD + 300 * story.OUT_USD
    )
    assert classes["cache_rebuilds"]["usd"] == pytest.approx(141_024 * story.REBUILD_USD)
    assert classes["repeated_failing_tools"]["usd"] is None
    assert classes["repeated_failing_tools"]["times"] == 3
    assert waste["usd"] == pytest.approx(sum(each["usd"] or 0 for each in waste["classes"]))
    assert waste["ratio"] == pytest.approx(waste["usd"] / waste["of_usd"])
    assert waste["of_usd"] == report()["session"]["cost_usd"]


def test_a_broken_answer_that_rebuilt_the_cache_is_not_paid_twice() -> None:
    """The rebuild is counted among the rebuilds; the attempt keeps the rest of what it cost."""
    broken = story.attempt(1, 300.0, story.tokens(0, 50_000, 400), outcome="stream")
    turns = [
        story.turn(0.0, 1, story.tokens(0, 50_000, 400)),
        story.turn(300.0, 1, story.tokens(50_012, 100, 400), earlier=(broken,)),
    ]
    lost_usd = 50_012 * story.REBUILD_USD
    cache = {"misses": 1, "lost_tokens": 50_012, "lost_cost_usd": lost_usd}
    made = postmortem(story.snapshot(cache=cache, turns=2), turns, [], [], [], 400.0)
    classes = {each.name: each for each in made.waste.classes}
    assert classes["cache_rebuilds"].usd == lost_usd
    assert classes["broken_answers"].usd == pytest.approx(broken["cost_usd"] - lost_usd)
    assert classes["broken_answers"].tokens == 50_412 - 50_012


def test_what_we_did_not_see_whole_is_no_waste() -> None:
    unseen = story.attempt(1, 0.0, story.tokens(40_000, 0, 10), outcome="proxy", status=200)
    turns = [story.turn(0.0, 1, story.tokens(40_000, 0, 10), earlier=(unseen,))]
    made = postmortem(story.snapshot(cache={}, turns=1), turns, [], [], [], 400.0)
    assert made.waste.classes == ()
    assert made.findings == ()


def test_the_timeline_has_the_moments_in_order() -> None:
    moments = report()["timeline"]
    assert [moment["at"] for moment in moments] == sorted(moment["at"] for moment in moments)
    kinds = [moment["kind"] for moment in moments]
    assert kinds[0] == "start"
    assert kinds.count("prompt") == 3
    assert kinds.count("rebuild") == 2
    assert kinds.count("failure") == 2
    # A rebuild stands for its signal; a dialog answered after 4 s is no event.
    assert [moment["name"] for moment in moments if moment["kind"] == "signal"] == [
        "api_errors",
        "tool_loop",
        "needs_answer",
    ]


def test_a_long_timeline_keeps_what_tells_most() -> None:
    turns = [story.turn(60.0 * number, number, story.tokens(0, 0, 100 + number)) for number in range(1, 101)]
    signals = [story.signal("tool_loop", "act", "measured", "loop", -story.STARTED_AT + 3000.5, None)]
    made = postmortem(story.snapshot(turns=100, started_at=1.0, cache={}), turns, [], signals, [], 9000.0)
    assert len(made.timeline) == 40
    assert made.timeline_left_out == 103 - 40
    kinds = [moment.kind for moment in made.timeline]
    assert (kinds[0], kinds[-1], kinds.count("signal")) == ("start", "now", 1)
    # Of the prompts those that cost most.
    assert {moment.number for moment in made.timeline if moment.kind == "prompt"} == set(range(64, 101))


def test_calls_older_than_those_at_hand_keep_their_numbers() -> None:
    made = postmortem(story.snapshot(turns=20), story.turns(), [], story.signals(), [], story.NOW)
    assert (made.turns_missing, made.at_least) == (4, True)
    assert made.wrong_since_turn == 11
    busy = [agent | {"state": "streaming"} for agent in story.snapshot()["agents"][:1]]
    made = postmortem(story.snapshot(turns=17, agents=busy), story.turns(), [], [], [], story.NOW)
    assert made.turns_missing == 0, "the call under way is stored when it ends"


def test_tools_agents_and_side_calls() -> None:
    made = report()
    bash = made["tools"][0]
    assert (bash["name"], bash["calls"], bash["failures"]) == ("Bash", 5, 4)
    assert (bash["longest_seconds"], bash["longest_target"], bash["waited_seconds"]) == (
        31.0,
        "alembic",
        392.0,
    )
    assert made["waited_seconds"] == 392.0
    assert [(agent["type"], agent["depth"], agent["turns"]) for agent in made["agents"]] == [
        ("main", 0, 14),
        ("Explore", 1, 2),
    ]
    assert made["side_calls"] == [{"name": "title", "calls": 3, "tokens": 72, "cost_usd": 0.02}]


def test_agents_in_a_circle_and_strangers_all_stand_once() -> None:
    ids = [("main", None), ("a", "b"), ("b", "a"), ("c", "gone"), ("d", "c"), ("e", "e")]
    agents = [{"agent_id": own, "parent_agent_id": parent, "type": own} for own, parent in ids]
    made = postmortem(story.snapshot(agents=agents), [], [], [], [], story.NOW)
    assert sorted(agent.agent_id for agent in made.agents) == ["a", "b", "c", "d", "e", "main"]
    assert next(agent.depth for agent in made.agents if agent.agent_id == "d") == 1


def test_advice_is_ordered_by_what_it_would_have_saved() -> None:
    advice = report()["advice"]
    assert [one["based_on"] for one in advice] == [
        "cache_rebuilds: ttl_expired_5m",
        "cache_rebuilds: tools_changed",
        "broken_answers",
    ]
    saved = [one["saves_usd"] for one in advice]
    assert saved == sorted(saved, reverse=True)
    assert [one["turns"] for one in advice] == [[14], [7], [11]]
    assert advice[1]["detail"] == "+jira.search"
    # What is advised never promises more than was wasted.
    assert sum(saved) <= report()["waste"]["usd"] + 1e-9


def test_nothing_is_advised_against_what_nobody_can_change() -> None:
    turns = [
        story.turn(0.0, 1, story.tokens(0, 50_000, 400)),
        story.turn(60.0, 1, story.tokens(0, 51_000, 400)),
    ]
    miss = {
        "cause": "likely_server_side",
        "at": 80.0,
        "lost_tokens": 50_012,
        "cost_usd": 0.3,
        "agent_id": "main",
    }
    cache = {"misses": 1, "lost_tokens": 50_012, "lost_cost_usd": 0.3, "last_miss": miss}
    made = postmortem(story.snapshot(cache=cache, turns=2), turns, [], [], [], 400.0)
    assert [one.cause for one in made.cache.rebuilds] == ["likely_server_side"]
    assert made.cache.rebuilds[0].evidence == "heuristic"
    assert made.advice == ()


def test_going_on_tells_what_a_cold_cache_costs_and_the_names_for_a_fresh_start() -> None:
    going_on = report()["going_on"]
    assert going_on["resume"] == {
        "command": f"claude --resume {story.SESSION_ID}",
        "cache": "cold",
        "warm_until": story.STARTED_AT + 5100,
        "rewrite_tokens": 102_012,
        "extra_usd": pytest.approx(102_012 * story.REBUILD_USD),
    }
    assert going_on["fresh"] == {
        "project": "orders-api",
        "branch": "main",
        "files": ["models.py", "env.py", "0042_orders.py"],
        "first_tokens": 21_012,
    }


@pytest.mark.parametrize(
    "fields",
    [{"identity": "derived"}, {"session_id": "$(reboot)"}, {"session_id": "--help"}, {"session_id": None}],
)
def test_only_an_id_of_the_clients_own_can_be_resumed(fields: dict[str, Any]) -> None:
    assert report(**fields)["going_on"]["resume"]["command"] is None


def test_a_gap_makes_every_sum_at_least() -> None:
    assert report()["at_least"] is False
    for made in (
        report(cost_complete=False),
        report(unobserved={"exchanges": 2, "bytes": 10}),
        as_json(
            postmortem(
                story.snapshot(),
                story.turns(),
                [],
                [],
                [{"session_id": story.SESSION_ID, "reason": "stream_cut"}],
                story.NOW,
            )
        ),
    ):
        assert made["at_least"] is True
        assert made["waste"]["at_least"] is True


def test_gaps_of_others_do_not_count() -> None:
    gaps = [{"session_id": None, "reason": "lost"}, {"session_id": "another", "reason": "lost"}]
    made = postmortem(story.snapshot(), story.turns(), [], [], gaps, story.NOW)
    assert (made.unseen_exchanges, made.at_least) == (0, False)


def test_a_healthy_session_has_nothing_to_say() -> None:
    turns = [
        story.turn(0.0, 1, story.tokens(0, 20_000, 400)),
        story.turn(60.0, 1, story.tokens(20_012, 900, 400)),
    ]
    made = postmortem(story.snapshot(cache={"misses": 0}, turns=2), turns, [], [], [], 400.0)
    assert (made.findings, made.wrong_since_turn, made.advice, made.waste.classes) == ((), None, (), ())


def test_no_label_reaches_a_report() -> None:
    assert "never to be in a report" not in json.dumps(report())
    assert "label" not in json.dumps(report())
