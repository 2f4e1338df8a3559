"""What happened, in plain words: events and snapshots in, sentences out."""

from __future__ import annotations

from typing import Any

import pytest

from clauditor.ui.views.compared import call_cost
from clauditor.ui.views.events import MAX_OPEN, Teller
from clauditor.ui.views.news import Moment, News
from clauditor.ui.views.snapshot import session_view
from ui import afternoon

AT = afternoon.NOW
USAGE = {"input": 10, "output": 350, "cache_read": 48_000, "cache_write_5m": 3_000, "cache_write_1h": 0}


def event(type_: str, at: float = AT, **fields: Any) -> dict[str, Any]:
    return {"type": type_, "at": at, "session_id": "s", "agent_id": "main", "exchange_id": "1-1"} | fields


def shot(*, output: int = 1000, cost: float = 1.0, turns: int = 4, **fields: Any) -> dict[str, Any]:
    main = afternoon.agent(tokens={"output": output}, cost_usd=cost, turns=turns)
    return afternoon.snapshot("s", project="webshop", label="fix login test", agents=[main], **fields)


def moment(
    *events: dict[str, Any], before: dict[str, Any] | None = None, after: dict[str, Any] | None = None
) -> Moment:
    return Moment(
        session_id="s",
        events=events,
        before=session_view(before if before is not None else shot()),
        after=session_view(after if after is not None else shot()),
    )


def told(*events: dict[str, Any], **around: dict[str, Any] | None) -> list[str]:
    return [news.text for news in Teller().tell(moment(*events, **around))]


def only(*events: dict[str, Any], **around: dict[str, Any] | None) -> News:
    news = Teller().tell(moment(*events, **around))
    assert len(news) == 1, [one.text for one in news]
    return news[0]


def test_an_answer_tells_tokens_cost_and_times() -> None:
    teller = Teller()
    teller.tell(moment(event("AttemptStarted", AT - 8.2), event("FirstToken", AT - 7.1)))
    answer = event("AttemptFinished", model=afternoon.OPUS, usage=USAGE, stop_reason="tool_use")
    news = teller.tell(moment(answer, before=shot(), after=shot(output=1350, cost=1.04)))
    assert [one.text for one in news] == [
        "answer in 8.2 s: 51k in (94% cached), 350 out, ~$0.04, first token 1.1 s"
    ]


def test_the_last_answer_of_a_prompt_says_whose_turn_it_is() -> None:
    answer = event("AttemptFinished", model=afternoon.OPUS, usage=USAGE, stop_reason="end_turn")
    assert only(answer).text.endswith("; your turn")
    assert not only(answer, after=shot(entrypoint="sdk-cli")).text.endswith("; your turn")
    assert not only(answer, after=shot(waiting_for="background")).text.endswith("; your turn")


def test_a_cost_that_cannot_be_told_for_sure_is_left_out() -> None:
    answer = event("AttemptFinished", usage=USAGE)
    two_calls = moment(answer, before=shot(), after=shot(output=2000, cost=1.2))
    assert call_cost(answer, two_calls) is None
    assert "$" not in told(answer, before=shot(), after=shot(output=2000, cost=1.2))[0]
    assert call_cost(answer, moment(answer, after=shot(output=1350, cost=1.25))) == (0.25, True)


def test_tokens_of_an_advisor_are_part_of_the_call_they_were_paid_with() -> None:
    answer = event("AttemptFinished", usage=USAGE | {"extra": [["claude-haiku-4-5", {"output": 50}]]})
    assert call_cost(answer, moment(answer, after=shot(output=1400, cost=1.5))) == (0.5, True)


def test_less_than_a_cent_is_not_nothing() -> None:
    answer = event("AttemptFinished", usage=USAGE)
    assert "<$0.01" in told(answer, after=shot(output=1350, cost=1.001))[0]


def test_another_model_than_was_asked_for_is_named() -> None:
    answer = event("AttemptFinished", model=afternoon.SONNET, usage=USAGE, stop_reason="tool_use")
    assert "by sonnet-5.5, asked opus-5.5" in only(answer).text


def test_an_answer_that_was_cut_says_why() -> None:
    news = only(event("AttemptFinished", model=afternoon.OPUS, stop_reason="max_tokens"))
    assert (news.text, news.role) == ("answer; stopped: max_tokens", "watch")


def test_a_prompt_and_a_further_attempt_of_it_are_told_apart() -> None:
    sent = event("AttemptStarted", new_prompt=True, model=afternoon.OPUS)
    assert told(sent, after=shot(turns=5)) == ["prompt 3 to opus-5.5"]
    again = shot(turns=4, state="retrying", retry={"attempt": 4, "status": 529})
    assert told(sent, after=again) == ["tries again, attempt 4"]


def test_an_ordinary_call_is_not_told_before_it_ends() -> None:
    assert told(event("AttemptStarted", new_prompt=False), after=shot(turns=5)) == []


def test_a_wake_up_is_no_prompt() -> None:
    assert told(event("AttemptStarted", is_wake_up=True), after=shot(turns=5)) == [
        "woken by its work in the background"
    ]


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("ok", "Bash (pytest) done in 4.2 s"),
        ("error", "Bash (pytest) failed after 4.2 s"),
        ("timeout", "Bash (pytest) timed out after 4.2 s"),
        ("denied", "Bash (pytest) was not allowed after 4.2 s"),
        ("rejected", "Bash (pytest) was refused by you after 4.2 s"),
    ],
)
def test_a_tool_starts_and_ends(outcome: str, words: str) -> None:
    teller = Teller()
    called = event("ToolCalled", AT - 4.2, tool_use_id="t1", name="Bash", target="pytest")
    assert [news.text for news in teller.tell(moment(called))] == ["Bash (pytest) starts"]
    ended = event("ToolReturned", tool_use_id="t1", outcome=outcome)
    assert [news.text for news in teller.tell(moment(ended))] == [words]


def test_the_clients_own_time_of_a_tool_beats_the_clock() -> None:
    teller = Teller()
    teller.tell(moment(event("ToolCalled", AT - 60, tool_use_id="t1", name="mcp__jira__search")))
    ended = event("ToolReturned", tool_use_id="t1", outcome="ok", duration_seconds=1.5)
    assert [news.text for news in teller.tell(moment(ended))] == ["jira.search done in 1.5 s"]


def test_a_tool_whose_start_was_not_seen_is_the_only_one_under_way() -> None:
    ended = event("ToolReturned", tool_use_id="x", outcome="ok")
    one, two = afternoon.running("Bash", 3, "make"), afternoon.running("Read", 3)
    assert told(ended, before=shot(tools=afternoon.tools(one))) == ["Bash (make) done"]
    assert told(ended, before=shot(tools=afternoon.tools(one, two))) == ["a tool done"]


def test_a_result_that_is_sent_again_is_told_once() -> None:
    teller = Teller()
    teller.tell(moment(event("ToolCalled", tool_use_id="t1", name="Bash")))
    ended = event("ToolReturned", tool_use_id="t1", outcome="ok")
    assert len(teller.tell(moment(ended))) == 1
    assert teller.tell(moment(ended)) == []


def test_dialogs_are_asked_and_answered() -> None:
    assert told(event("HookSeen", hook="PermissionRequest", tool_name="Bash")) == ["asks for your ok: Bash"]
    assert told(event("HookSeen", hook="PostToolUse", tool_name="Bash")) == []
    teller = Teller()
    asks = teller.tell(moment(event("ToolCalled", tool_use_id="q", name="AskUserQuestion")))
    assert [news.text for news in asks] == ["asks you a question"]
    assert teller.tell(moment(event("ToolReturned", tool_use_id="q", outcome="ok"))) == []
    asked = shot(waiting_for="approval", state_since=AT - 12)
    goes_on = shot(state="tool", waiting_for=None, last_activity_at=AT)
    assert told(before=asked, after=goes_on) == ["answered after 12 s"]


def test_failures_say_what_broke() -> None:
    assert told(event("AttemptFailed", kind="http", status=529)) == ["call failed: 529 overloaded"]
    assert told(event("AttemptFailed", kind="http", status=429, retry_after_seconds=8)) == [
        "call failed: 429 rate limited, may try again after 8 s"
    ]
    assert told(event("AttemptFailed", kind="http", status=429, limited_by="plan")) == [
        "call failed: 429 rate limited, by your plan"
    ]
    assert told(event("AttemptFailed", kind="stream", error_type="overloaded_error")) == [
        "answer broke off (overloaded_error)"
    ]
    assert told(event("AttemptFailed", kind="aborted")) == [
        "stopped: you pressed Esc, or the client went away"
    ]


def test_an_end_that_was_not_seen_is_no_failure() -> None:
    assert told(event("AttemptFailed", kind="proxy", error_type="unobserved")) == [
        "the end of a call was not seen"
    ]


def test_a_session_is_muted_and_speaks_again() -> None:
    assert told(event("SessionMuted", until=AT + 3600)) == ["muted by you"]
    assert told(event("SessionMuted", until=None)) == ["no longer muted"]


def test_a_cache_rebuild_names_its_cause_and_its_price() -> None:
    miss = {
        "cause": "tools_changed",
        "detail": "+mcp__jira__search",
        "lost_tokens": 88_000,
        "cost_usd": 0.42,
        "at": AT,
    }
    rebuilt = shot(cache=afternoon.cache(AT + 60, last_miss=miss))
    assert told(after=rebuilt) == [
        "cache rebuilt: tools changed (+jira.search), 88k tokens written again, ~$0.42 more"
    ]
    signal = event("SignalRaised", name="cache_rebuilt", severity="watch", summary="The cache.", next_step="")
    assert told(signal, after=rebuilt) == ["The cache."]
    assert told(before=rebuilt, after=rebuilt) == []


def test_a_compaction_says_why_and_how_long_it_had_been() -> None:
    context = afternoon.context(0.1, compactions=1) | {
        "last_compaction": {"at": AT, "tokens_before": 967_000, "tokens_after": None}
    }
    compacted = event("Compacted", trigger="auto", complete=True)
    assert told(compacted, after=shot(context=context)) == [
        "compacted its conversation by itself, it was 967k tokens long"
    ]
    assert told(event("Compacted", trigger=None, complete=False)) == ["the compaction failed"]


def test_signals_have_a_sign_a_reason_and_a_next_step() -> None:
    loop = event(
        "SignalRaised",
        name="tool_loop",
        severity="act",
        summary="Bash: 6 times the same.",
        next_step="Press Esc.",
    )
    news = only(loop)
    assert (news.sign, news.role, news.is_signal) == ("!!", "act", True)
    assert news.text == "Bash: 6 times the same. Next: Press Esc."
    over = only(event("SignalCleared", name="tool_loop", severity="act", raised_at=AT - 190))
    assert (over.sign, over.text, over.is_signal) == ("  ", "over after 3:10: tool loop", True)


def test_a_signal_that_becomes_more_severe_is_told_once() -> None:
    cleared = event("SignalCleared", name="tool_loop", severity="watch", raised_at=AT - 5)
    raised = event("SignalRaised", name="tool_loop", severity="act", summary="Loop.", next_step="Esc.")
    assert told(cleared, raised) == ["Loop. Next: Esc."]


def test_a_muted_session_asks_for_nothing() -> None:
    loop = event("SignalRaised", name="tool_loop", severity="act", summary="Loop.", next_step="")
    news = only(loop, after=shot(muted_until=AT + 60))
    assert (news.sign, news.text) == ("  ", "muted: Loop.")


def test_agents_begin_work_and_end_under_their_name() -> None:
    helper = afternoon.agent("a3f29c", "Explore", state="thinking", turns=1, cost_usd=0.1)
    at_work = shot() | {"agents": [*shot()["agents"], helper]}
    done = shot() | {"agents": [*shot()["agents"], helper | {"state": "ended", "turns": 4, "cost_usd": 0.31}]}
    assert told(event("AttemptStarted", agent_id="a3f29c"), after=at_work) == ["agent Explore a3f29 begins"]
    call = event("ToolCalled", agent_id="a3f29c", tool_use_id="t", name="Grep", target=None)
    assert told(call, before=at_work, after=at_work) == ["agent Explore a3f29 Grep starts"]
    assert told(before=at_work, after=done) == ["agent Explore a3f29 is done: 4 calls, ~$0.31"]
    assert told(before=done, after=done) == []
    started = event("ToolCalled", tool_use_id="t", name="Agent", target="Explore")
    assert told(started) == []


def test_gaps_say_what_is_missing() -> None:
    assert told(event("GapFound", reason="partial", unseen_bytes=12_000)) == [
        "gap: a call was seen in part (12 kB)"
    ]
    assert told(event("GapFound", reason="some_new_reason")) == ["gap: some new reason"]


def test_sessions_begin_come_back_and_end() -> None:
    def begun(**fields: Any) -> list[str]:
        new = Moment(session_id="s", after=session_view(shot(**fields)))
        return [news.text for news in Teller().tell(new)]

    assert begun() == ["session is back: 3 prompts, 12 calls, ~$2.31"]
    first = afternoon.snapshot("s", turns=1, agents=[])
    new = Moment(session_id="s", after=session_view(first))
    assert [news.text for news in Teller().tell(new)] == ["new session: claude-cli/2.1.330, branch main"]
    assert told(event("SessionEnded", reason="hook")) == [
        "session ended (closed): 3 prompts, 12 calls, ~$2.31"
    ]


def test_the_daemons_own_events_stand_without_a_session() -> None:
    lost = event("GapFound", reason="log_lost", session_id="")
    news = Teller().tell(Moment(session_id="", events=(lost,)))
    assert [(one.session, one.text) for one in news] == [
        (None, "gap: calls may have passed unseen: part of the proxy's log is lost")
    ]


def test_what_is_remembered_is_bounded() -> None:
    teller = Teller()
    for number in range(MAX_OPEN + 10):
        teller.tell(moment(event("AttemptStarted", exchange_id=str(number), new_prompt=False)))
        teller.tell(moment(event("ToolCalled", tool_use_id=str(number), name="Agent")))
    assert len(teller._started) == MAX_OPEN
    assert len(teller._tools) == MAX_OPEN
