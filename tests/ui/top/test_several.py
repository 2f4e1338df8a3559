"""Several sidecars on one screen, groups, and what is remembered."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from clauditor.alerts.rules import AlertRules
from clauditor.errors import ClauditorError
from clauditor.ui.top.bell import Bell
from clauditor.ui.top.memory import Chosen, keep, recall
from clauditor.ui.top.terminals import LocalTerminals
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.snapshot import session_view
from ui import afternoon
from ui.stage import ScriptedSidecar, Stage, staged

ORDERS = "0be1d7c4-cccc"


class Listened(Bell):
    """A bell that keeps what it rang, each time it was asked."""

    def __init__(self, rules: AlertRules) -> None:
        super().__init__(rules)
        self.rung: list[str] = []

    def ring(self, sessions: Mapping[str, SessionView], now: float) -> str:
        self.rung.append(super().ring(sessions, now))
        return self.rung[-1]


async def two(stage: Stage, here: ScriptedSidecar, build: ScriptedSidecar) -> None:
    here.say(*afternoon.with_signals()[:3], full=True)
    build.say(
        *(shot | {"label": f"far {shot['label']}"} for shot in afternoon.with_signals()[2:6]), full=True
    )
    await stage.until(lambda: len(stage.rows()) == 7, "seven rows")


async def test_sessions_of_several_hosts_are_told_apart_and_sums_are_added() -> None:
    here, build = ScriptedSidecar(), ScriptedSidecar()
    build.today_usd = 1.6
    async with staged(120, 40, sidecars={"here": here, "build": build}) as stage:
        await two(stage, here, build)
        await stage.shows("today ~$40.00")

        def hosts() -> list[tuple[bool, bool]]:
            rows = [row for row in stage.text().split("\n") if "orders-api" in row and "migrate" in row]
            return sorted(("build" in row, "here" in row) for row in rows[:2])

        await stage.until(lambda: hosts() == [(False, True), (True, False)], "a row of each host")
        keys = [session.key for session in stage.app.board.rows if session.session_id == ORDERS]
        assert len(set(keys)) == 2
        stage.app.board.choose(next(key for key in keys if key.startswith("build")))
        await stage.press("m")
        await stage.until(lambda: build.muted == [(ORDERS, True)], "the right sidecar is asked")
        assert here.muted == []


async def test_a_host_that_falls_silent_is_named_and_its_sessions_claim_nothing() -> None:
    here, build = ScriptedSidecar(), ScriptedSidecar()
    async with staged(120, 40, sidecars={"here": here, "build": build}) as stage:
        await two(stage, here, build)
        build.is_away = True
        build.hang_up()
        await stage.shows("build is silent since 14:32:08, asks again")
        await stage.shows("4 not heard")
        assert "today >= ~$76.80" in stage.text()
        stage.clock.now += 60
        await stage.until(lambda: len(stage.rows()) == 3, "only those that are heard are rows")
        build.is_away = False
        build.say(*afternoon.with_signals()[2:6], full=True)
        await stage.hides("is silent since")
        stage.clock.now += 60
        await stage.until(lambda: len(stage.rows()) == 7, "they are back")


def test_only_terminals_of_this_machine_are_led_to() -> None:
    shot = afternoon.with_signals()[0]
    far, near = session_view(shot, "build"), session_view(shot | {"terminal": None}, "here")
    terminals = LocalTerminals({}, here="here")
    with pytest.raises(ClauditorError, match="It runs on build; go there yourself"):
        terminals.go(far)
    with pytest.raises(ClauditorError, match="Its terminal is not known"):
        terminals.go(near)
    assert terminals.names([far, near]) == {}


async def test_a_host_that_refuses_says_why() -> None:
    here, build = ScriptedSidecar(), ScriptedSidecar()
    build.is_away = True
    async with staged(120, 40, sidecars={"here": here, "build": build}) as stage:
        here.say(*afternoon.with_signals(), full=True)
        await stage.shows("build: Clauditor does not run here; start it: clauditor up.")


async def test_a_host_that_comes_back_does_not_ring_for_what_it_had_told() -> None:
    here, build = ScriptedSidecar(), ScriptedSidecar()
    rules = AlertRules(clear_seconds=0, toast_seconds=0, answer_seconds=0)
    bell = Listened(rules)
    async with staged(120, 40, sidecars={"here": here, "build": build}, bell=bell) as stage:
        rung = bell.rung
        await two(stage, here, build)
        await stage.until(lambda: rung, "it listens")
        build.is_away = True
        build.hang_up()
        await stage.shows("4 not heard")
        heard = len(rung)
        await stage.until(lambda: len(rung) > heard, "it listens still")
        build.is_away = False
        build.say(*afternoon.with_signals()[2:6], full=True)
        await stage.hides("is silent since")
        heard = len(rung)
        await stage.until(lambda: len(rung) > heard + 1, "it listens again")
        assert not any(rung)


async def test_silence_of_all_is_said_and_so_is_its_end() -> None:
    async with staged() as stage:
        stage.sidecar.say(*afternoon.with_signals(), full=True)
        await stage.shows("rewrite README")
        stage.sidecar.hang_up()
        await stage.shows("silent since 14:32:08, asks again")
        stage.sidecar.say(*afternoon.with_signals(), full=True)
        await stage.shows("Clauditor is heard again.")


async def test_groups_stand_under_their_sums_in_the_order_of_their_most_pressing_session() -> None:
    async with staged(120, 40) as stage:
        shots = [
            afternoon.snapshot(
                f"s{n}", project=f"p{n % 2}", label=f"job {n}", cost_usd=1.0 + n, attention=300 - n
            )
            for n in range(4)
        ]
        stage.sidecar.say(*shots, full=True)
        await stage.shows("job 3")
        await stage.press("g")
        await stage.shows("── p1 2 sessions, ~$6.00 ──")
        assert stage.rows() == ["s0", "s2", "s1", "s3"]
        await stage.press("down", "down")
        assert stage.app.board.selected_id == "s1"
        lines = stage.text().split("\n")
        heading = next(number for number, line in enumerate(lines) if "── p1 2 sessions" in line)
        await stage.pilot.click("#table", offset=(10, 3))
        assert stage.app.board.selected_id == "s1", "a click on the line of a group selects nothing"
        assert "›p1 job 1" in lines[heading + 1]
        await stage.press("g")
        await stage.hides("── p1 2 sessions")
        assert stage.app.board.group == "none", "they differ in nothing else"


async def test_view_order_and_groups_are_remembered(tmp_path: Path) -> None:
    memory = tmp_path / "top.json"
    async with staged(120, 40, memory=memory) as stage:
        stage.sidecar.say(*afternoon.with_signals(), full=True)
        await stage.shows("rewrite README")
        await stage.press("v", "v", "s", "g")
        chosen = stage.app.board.chosen
    assert chosen == Chosen(view="context", sort="cache", group="project")
    assert recall(memory) == chosen
    assert stat.S_IMODE(memory.stat().st_mode) == 0o600
    async with staged(120, 40, memory=memory) as stage:
        stage.sidecar.say(*afternoon.with_signals(), full=True)
        await stage.shows("view: context")
        await stage.shows("sort: cache")
        await stage.shows("by project")


@pytest.mark.parametrize(
    "kept",
    ["", "{", "[]", '{"view": "x"}', '{"view": 7, "sort": [], "group": {}}', "[" * 5000, "\x00" * 9000],
)
def test_a_memory_that_makes_no_sense_is_none(tmp_path: Path, kept: str) -> None:
    (tmp_path / "top.json").write_text(kept)
    assert recall(tmp_path / "top.json") == Chosen()


def test_where_nothing_can_be_written_nothing_is_remembered(tmp_path: Path) -> None:
    keep(tmp_path / "nowhere" / "top.json", Chosen(view="cost"))
    assert recall(tmp_path / "nowhere" / "top.json") == Chosen()


async def test_columns_are_those_a_person_chose() -> None:
    async with staged(80, 24, columns=("agents", "branch", "cost", "why")) as stage:
        stage.sidecar.say(*afternoon.with_signals(), full=True)
        await stage.shows("AGENTS BRANCH         ~$ WHY")
        await stage.press("v")
        await stage.shows("CALLS SIDE")
