"""slow: far slower than the session's own earlier calls."""

from __future__ import annotations

from clauditor.signals.thresholds import Thresholds
from support.virtual import Stage, Text, at_once, outlives_a_restart, perform

NAME = "slow"
ON = Thresholds(slow_factor=3)
PAGE = Text("word " * 800)  # a thousand tokens


async def calls(stage: Stage, *paces: tuple[float, float]) -> bool:
    """Calls with seconds to the first token and tokens a second; whether it holds after the last."""
    act = stage.act()
    for number, (first, speed) in enumerate(paces):
        act.will_answer(at_once(PAGE, first_token_seconds=first, tokens_per_second=speed))
        await act.prompt(f"go {number}")
    await stage.wait(1)
    return NAME in stage.signals(act)


def test_a_first_token_three_times_as_late_as_usual_and_after_ten_seconds() -> None:
    async def story(stage: Stage) -> None:
        usual = [(4.0, 60.0)] * 6
        assert await calls(stage, *usual, (13.0, 60.0))
        assert not await calls(stage, *usual, (11.0, 60.0))  # not three times as late
        assert not await calls(stage, *[(2.0, 60.0)] * 6, (9.0, 60.0))  # not ten seconds
        assert not await calls(stage, *usual[:4], (13.0, 60.0))  # not five earlier calls
        assert not await calls(stage, *usual, (13.0, 60.0), (4.0, 60.0))  # it was one call

    perform(story, thresholds=ON)


def test_a_third_of_the_usual_pace_over_ten_seconds() -> None:
    async def story(stage: Stage) -> None:
        usual = [(1.0, 60.0)] * 6
        assert await calls(stage, *usual, (1.0, 19.0))
        assert not await calls(stage, *usual, (1.0, 25.0))
        assert not await calls(stage, *[(1.0, 400.0)] * 6, (1.0, 120.0))  # it took nine seconds

    perform(story, thresholds=ON)


def test_it_is_a_notice_and_outlives_a_restart() -> None:
    async def story(stage: Stage) -> None:
        act = stage.act()
        for number in range(7):
            late = 30.0 if number == 6 else 1.0
            act.will_answer(at_once(PAGE, first_token_seconds=late, tokens_per_second=60))
            await act.prompt(f"go {number}")
        assert stage.signals(act)[NAME].severity == "notice"
        assert stage.signals(act)[NAME].evidence == "heuristic"
        await outlives_a_restart(stage, act, NAME)

    perform(story, thresholds=ON)


def test_it_is_off_by_default() -> None:
    async def story(stage: Stage) -> None:
        assert not await calls(stage, *[(1.0, 60.0)] * 6, (60.0, 5.0))

    perform(story)
