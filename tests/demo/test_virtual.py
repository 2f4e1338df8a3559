"""The demo in virtual time: nothing waits, the bytes go the real way, and each run is the same."""

from __future__ import annotations

import asyncio
import time

import pytest

from clauditor.demo import Pause, Profile, Reply, Text
from clauditor.demo.virtual import BEGAN_AT, Stage, perform, run
from clauditor.model.events import AttemptFailed, AttemptFinished, AttemptStarted, Progress
from clauditor.model.facts import CallFact
from support.story import FlatBook


def test_a_day_passes_at_once_and_in_order() -> None:
    async def day() -> tuple[float, ...]:
        loop = asyncio.get_running_loop()

        async def after(seconds: float) -> float:
            await asyncio.sleep(seconds)
            return loop.time()

        return tuple(await asyncio.gather(after(86_400), after(0.25), after(3_600)))

    began = time.monotonic()
    assert run(day()) == (86_400.0, 0.25, 3_600.0)
    assert time.monotonic() - began < 5


def test_waiting_for_what_never_happens_is_an_error_and_no_hang() -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="nothing would ever happen"):
        run(forever())


def test_what_a_story_asserts_is_heard() -> None:
    async def story(stage: Stage) -> None:
        await stage.wait(5)
        assert stage.now() == BEGAN_AT, "time has passed"

    with pytest.raises(AssertionError, match="time has passed"):
        perform(story, book=FlatBook())


@pytest.mark.parametrize("encoding", [None, "gzip", "br", "zstd"])
def test_an_answer_goes_through_the_wire_layer_byte_by_byte_at_its_pace(encoding: str | None) -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(
            Reply(
                steps=(Text("one two "), Pause(30, pings=True), Text("three")),
                first_token_seconds=4,
                tokens_per_second=1,
                encoding=encoding,
                chunk_bytes=7,
            )
        )
        message = await act.prompt("go")
        assert (message.text, message.complete) == ("one two three", True)

    stage = perform(story, book=FlatBook())
    (fact,) = stage.facts
    assert isinstance(fact, CallFact)
    assert fact.started_at == BEGAN_AT
    assert fact.first_token_at is not None
    assert 4 <= fact.first_token_at - BEGAN_AT < 10
    assert fact.ended_at - fact.first_token_at >= 30
    told = [type(entry) for entry in stage.log if not isinstance(entry, float)]
    assert told[0] is AttemptStarted
    assert told[-1] is AttemptFinished
    assert Progress in told


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply.text("a", end="rst", cut_after_bytes=200), "aborted"),
        (Reply.text("a", end="hang"), "aborted"),
        (Reply.text("a", first_token_seconds=400), "aborted"),
        (Reply.text("a", end="fin", cut_after_bytes=0), "aborted"),
        (Reply.text("a", error="api_error"), "stream"),
        (Reply.failure(503), "http"),
    ],
    ids=["reset", "hangs", "never begins", "hangs up", "error event", "status"],
)
def test_an_attempt_that_breaks_is_seen_to_break_and_the_client_tries_again(reply: Reply, kind: str) -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(reply, Reply.text("better"))
        assert (await act.prompt("go")).text == "better"

    stage = perform(story, book=FlatBook())
    (failure,) = [entry for entry in stage.log if isinstance(entry, AttemptFailed)]
    assert failure.kind == kind


def test_sessions_side_by_side_and_a_restart_between_them() -> None:
    async def story(stage: Stage) -> None:
        acts = [stage.act(Profile(cwd=f"/home/demo/src/p{number}")) for number in range(3)]
        for number, act in enumerate(acts):
            act.will_answer(Reply(steps=(Text("a"), Pause(10.0 * number), Text("b"))), Reply.text("again"))
            stage.begin(act.prompt("go"))
        await stage.wait(5)
        stage.restart()
        await stage.wait(30)  # the rest of two answers goes by unseen
        sessions = [stage.session(act) for act in acts]
        assert [session.unobserved_exchanges for session in sessions] == [0, 1, 1]
        for act in acts:
            await act.prompt("on")
        assert [session.attempts for session in sessions] == [2, 2, 2]

    perform(story, book=FlatBook())


def test_the_same_story_is_told_the_same_way() -> None:
    async def story(stage: Stage) -> None:
        act, other = stage.act(), stage.act(hooks=True)
        act.will_answer(Reply.failure(529), act.says(200), act.reply(act.bash("make")), act.says(20))
        other.will_answer(other.reply(other.bash("make"), thinks=40), other.says(100))
        stage.begin(other.prompt("go"))
        await act.prompt("go")
        await act.prompt("on")

    once, again = (perform(story, book=FlatBook(), seed=7) for _ in range(2))
    assert once.log == again.log
    assert once.facts == again.facts
