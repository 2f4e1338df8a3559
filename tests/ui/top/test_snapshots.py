"""The live screen at three sizes, as it was looked at and found good: every view, every tab, and the odd moments.

Changed on purpose? `CLAUDITOR_WRITE_GOLDEN=1 python -m pytest tests/ui/top/test_snapshots.py`, then look at every
difference before it is kept.
"""

from __future__ import annotations

import pytest

from clauditor.ui.views.presets import VIEWS
from clauditor.ui.views.story import TABS
from ui import afternoon
from ui.golden_text import check
from ui.stage import Stage, staged

SIZES = [(80, 24), (120, 40), (200, 50)]
PANES = {"5f0c2a11-aaaa": "work:2.1"}


class NamedPanes:
    """A tmux that has one of the sessions."""

    def names(self, _sessions: object) -> dict[str, str]:
        return PANES

    def go(self, _session: object) -> str:
        return "tmux work:2.1 is in front of you."


async def at_work(stage: Stage) -> None:
    stage.sidecar.say(*afternoon.with_signals(), full=True)
    await stage.shows("today ~$38.40")
    await stage.shows("tmux work:2.1")
    await stage.shows("prompt 3")


def keep(stage: Stage, name: str) -> None:
    width, height = stage.app.size
    lines = [line.rstrip() for line in stage.text().split("\n")]
    assert len(lines) == height
    check(f"top/{name}-{width}x{height}", "\n".join(lines) + "\n")


@pytest.mark.parametrize("size", SIZES)
async def test_every_view(size: tuple[int, int]) -> None:
    async with staged(*size, terminals=NamedPanes()) as stage:
        await at_work(stage)
        for view in VIEWS:
            await stage.press("home")
            assert stage.app.board.view == view
            await stage.until(lambda: stage.app.board.index == 0, "the first one is selected")
            await stage.settled()
            keep(stage, f"view-{view}")
            await stage.press("v")


@pytest.mark.parametrize("size", SIZES)
async def test_every_tab_of_a_session(size: tuple[int, int]) -> None:
    async with staged(*size, terminals=NamedPanes()) as stage:
        await at_work(stage)
        await stage.press("enter")
        await stage.shows("SIDE  title 3")
        for tab in TABS:
            await stage.shows(f"{tab}]")
            keep(stage, f"tab-{tab}")
            await stage.press("right")


@pytest.mark.parametrize("size", SIZES)
async def test_groups_and_unfolded_ones(size: tuple[int, int]) -> None:
    async with staged(*size, terminals=NamedPanes()) as stage:
        await at_work(stage)
        await stage.press("g", "e")
        await stage.shows("── ci 24 sessions") if size[1] > 24 else await stage.shows("── webshop 1 session")
        keep(stage, "grouped")


@pytest.mark.parametrize("size", SIZES)
async def test_help(size: tuple[int, int]) -> None:
    async with staged(*size, terminals=NamedPanes()) as stage:
        await at_work(stage)
        await stage.press("question_mark")
        await stage.shows("Esc closes")
        keep(stage, "help")
        if size[1] == 24:
            await stage.press("end")
            await stage.shows("≥  >=")
            keep(stage, "help-end")


@pytest.mark.parametrize("size", SIZES)
async def test_nothing_seen_yet(size: tuple[int, int]) -> None:
    async with staged(*size, look_around=lambda: afternoon.AROUND) as stage:
        stage.sidecar.say(full=True)
        await stage.shows("2 Claude Code processes run without Clauditor")
        keep(stage, "empty")


@pytest.mark.parametrize("size", SIZES)
async def test_nothing_heard_any_more(size: tuple[int, int]) -> None:
    async with staged(*size, terminals=NamedPanes()) as stage:
        await at_work(stage)
        stage.sidecar.is_away = True
        stage.sidecar.hang_up()
        await stage.shows("silent since 14:32:08")
        keep(stage, "disconnected")


@pytest.mark.parametrize("size", SIZES)
async def test_two_hundred_sessions(size: tuple[int, int]) -> None:
    async with staged(*size) as stage:
        stage.sidecar.say(*afternoon.many(200), full=True)
        await stage.shows("today ~$38.40")
        await stage.until(lambda: len(stage.rows()) > 100, "many rows")
        await stage.settled()
        keep(stage, "two-hundred")
