"""retrying: the client sends the same call again."""

from __future__ import annotations

from support.virtual import Pause, Reply, Stage, Text, at_once, perform

NAME = "retrying"


def test_the_second_attempt_is_a_notice_the_third_worth_a_look_and_success_the_end() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        busy = Reply.failure(500, first_token_seconds=10)
        act.will_answer(busy, busy, at_once(Pause(5), Text("x"), first_token_seconds=10))
        stage.begin(act.prompt("go"))
        await stage.wait(9.9)
        assert stage.signals(act) == {}
        await stage.wait(0.2)
        found = stage.signals(act)[NAME]
        assert (found.severity, found.short) == ("notice", "500 server error")
        assert stage.shot(act)["state"] == "retrying"
        assert stage.shot(act)["verdict"]["level"] == "ok"
        await stage.wait(11)
        assert stage.signals(act)[NAME].severity == "watch"
        assert stage.signals(act)[NAME].summary.startswith("Attempt 3 of the same call")
        await stage.wait(30)
        assert NAME not in stage.signals(act)

    stage = perform(story)
    assert [edge.severity for edge in stage.raised(NAME)] == ["notice", "watch"]
    assert [edge.severity for edge in stage.cleared(NAME)] == ["notice", "watch"]


def test_a_client_that_gave_up_is_no_longer_trying_after_a_minute() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(*[Reply.failure(529)] * 3)
        await act.prompt("go")
        await stage.wait(55)
        assert NAME in stage.signals(act)
        await stage.wait(6)
        assert NAME not in stage.signals(act)

    perform(story)


def test_an_answer_at_the_first_attempt_an_error_of_the_request_and_esc_are_none() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(), Reply.failure(403))
        await act.prompt("go")
        await act.prompt("on")
        act.will_answer(at_once(Text("a"), Pause(30)), at_once())
        await act.prompt_and_escape("stop", 5)
        await act.prompt("on")

    assert perform(story).edges == []


def test_a_rate_limit_says_what_the_client_waits_for() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(Reply.failure(429, retry_after_seconds=40), at_once())
        stage.begin(act.prompt("go"))
        await stage.wait(20)
        assert stage.signals(act)[NAME].short == "429 rate limited"
        assert "waits as long as it was told" in stage.signals(act)[NAME].next_step

    perform(story)


def test_the_plans_own_limit_is_told_from_the_services() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        refused = (("anthropic-ratelimit-unified-status", "rejected"),)
        act.will_answer(Reply.failure(429, retry_after_seconds=40, headers=refused), at_once())
        stage.begin(act.prompt("go"))
        await stage.wait(20)
        assert stage.signals(act)[NAME].short == "429 plan limit"
        assert "wait for its reset" in stage.signals(act)[NAME].next_step

    perform(story)


def test_a_stream_that_broke_is_no_status() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(at_once(Text("a"), error="api_error"), at_once(first_token_seconds=10))
        stage.begin(act.prompt("go"))
        await stage.wait(5)
        assert stage.signals(act)[NAME].short == "answer broke off"

    perform(story)


def test_after_a_restart_nobody_knows_that_it_is_the_same_call() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(Reply.failure(500), Reply.failure(500), at_once())
        stage.begin(act.prompt("go"))
        await stage.wait(1)
        assert NAME in stage.signals(act)
        stage.restart()
        assert NAME not in stage.signals(act)

    perform(story)
