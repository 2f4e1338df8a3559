"""The live screen, driven by keys and by what its sidecar says."""

from __future__ import annotations

from datetime import UTC

import pytest
from textual.geometry import Region

from clauditor.alerts.rules import AlertRules
from clauditor.errors import ClauditorError
from clauditor.ui.top.bell import Bell
from clauditor.ui.top.lines import LineArea
from clauditor.ui.top.story import StoryScreen
from clauditor.ui.top.table import SessionTable
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.header import Spend
from clauditor.ui.views.screen import plain_text, screen
from clauditor.ui.views.snapshot import session_view
from ui import afternoon
from ui.hostile import HOSTILE, is_harmless
from ui.stage import Stage, staged

WEBSHOP, INFRA, ORDERS = "5f0c2a11-aaaa", "77aa0b32-bbbb", "0be1d7c4-cccc"
DOCS, ETL, MOBILE = "e21f9a00-dddd", "c40b88d1-eeee", "9c3d51e8-ffff"


async def filled(stage: Stage) -> None:
    stage.sidecar.say(*afternoon.with_signals(), full=True)
    await stage.shows("rewrite README")
    await stage.shows("today ~$38.40")


async def test_screen_says_what_once_says() -> None:
    async with staged(80, 24) as stage:
        await filled(stage)
        sessions = [session_view(shot) for shot in afternoon.with_signals()]
        once = plain_text(screen(sessions, Spend(today_usd=38.4), Scene(now=afternoon.NOW, zone=UTC), 80))
        shown = [line.rstrip() for line in stage.text().replace("›", " ").splitlines()]
        assert shown[: len(once.splitlines()) - 1] == once.splitlines()[:-1]


async def test_arrows_move_the_selection_and_the_pane_follows() -> None:
    async with staged() as stage:
        await filled(stage)
        await stage.shows("── webshop: fix login test")
        await stage.press("down", "j")
        await stage.shows("── orders-api: migrate db")
        await stage.press("k", "home", "up")
        await stage.shows("── webshop: fix login test")
        await stage.press("end")
        await stage.shows("── mobile: push tokens")


async def test_selection_follows_the_session_not_the_row() -> None:
    async with staged() as stage:
        await filled(stage)
        await stage.press("down")
        assert stage.app.board.selected_id == INFRA
        stage.clock.now += 10
        shot = next(shot for shot in afternoon.with_signals() if shot["session_id"] == INFRA)
        stage.sidecar.say(shot | {"attention": 1, "state_since": stage.clock.now})
        await stage.until(lambda: stage.rows()[-1] == INFRA, "the calm one goes last")
        assert stage.app.board.selected_id == INFRA
        await stage.shows("── infra: drift check")


async def test_rows_keep_their_place_for_three_seconds_after_a_key() -> None:
    async with staged() as stage:
        await filled(stage)
        stage.clock.now += 60
        await stage.press("down")
        before = stage.rows()
        stage.clock.now += 2.9
        stage.sidecar.say(afternoon.snapshot(ORDERS, label="urgent now", attention=5000))
        await stage.shows("urgent now")
        assert stage.rows() == before
        stage.clock.now += 0.2
        await stage.until(lambda: stage.rows()[0] == ORDERS, "the urgent one goes first")


async def test_enter_shows_agents_tools_and_calls_and_escape_goes_back() -> None:
    async with staged(100, 50) as stage:
        await filled(stage)
        await stage.press("enter")
        await stage.shows("SIDE  title 3 (~$0.02)")
        for key, expected in (
            ("right", "attempt 1: 529 overloaded (overloaded_error)"),
            ("3", "├ Explore"),
            ("4", "Bash                          12    2"),
            ("tab", "10 read only, 1 rebuilt"),
            ("l", "7 attempts of 5 calls; failed: 529 overloaded (overloaded_error) x1"),
            ("shift+tab", "[5 cache]"),
            ("h", "[4 tools]"),
        ):
            await stage.press(key)
            await stage.shows(expected)
        stage.sidecar.say(afternoon.snapshot(WEBSHOP, project="webshop", label="renamed since"))
        await stage.shows("webshop: renamed since")
        await stage.until(lambda: stage.sidecar.turn_reads >= 2, "calls are read again after a change")
        await stage.press("escape")
        await stage.shows("rewrite README")
        assert not isinstance(stage.app.screen, StoryScreen)


async def test_find_narrows_and_escape_shows_all_again() -> None:
    async with staged() as stage:
        await filled(stage)
        await stage.press("slash", *"state:bash")
        await stage.hides("rewrite README")
        await stage.shows("migrate db")
        await stage.press("enter")
        await stage.shows("find: 1 of 33, Esc all")
        await stage.press("escape")
        await stage.shows("rewrite README")
        # A key typed into the find line is text, not a command.
        await stage.press("slash", "q", "s")
        assert stage.app.is_running
        assert stage.app.board.sort == "attention"


async def test_view_sort_unfold_and_freeze() -> None:
    async with staged() as stage:
        await filled(stage)
        await stage.press("v")
        await stage.shows("WRITE")
        assert stage.rows()[0] == "e21f9a00-dddd"
        await stage.press("s")
        await stage.shows("sort: context")
        await stage.press("e")
        await stage.until(lambda: len(stage.rows()) == 33, "all 33 sessions are rows")
        await stage.press("e")
        await stage.until(lambda: len(stage.rows()) == 6, "six rows are left")
        await stage.press("space")
        await stage.shows("frozen since 14:32")
        stage.sidecar.say(afternoon.snapshot(WEBSHOP, label="changed meanwhile"))
        stage.clock.now += 5
        await stage.pilot.pause(0.4)
        assert "changed meanwhile" not in stage.text()
        await stage.press("space")
        await stage.shows("changed meanwhile")


async def test_over_the_table_the_tables_keys_do_nothing_and_y_copies_the_shown_session() -> None:
    async with staged(100, 50) as stage:
        await filled(stage)
        await stage.press("enter")
        await stage.shows("[1 overview]")
        stage.app.board.select(1)
        before = stage.app.board.chosen
        await stage.press("v", "s", "g", "y")
        assert stage.app.clipboard == WEBSHOP
        assert stage.app.board.chosen == before
        await stage.press("p")
        await stage.shows("── post-mortem: webshop")
        stage.app.copy_to_clipboard("nothing")
        await stage.press("y", "p", "m")
        assert stage.app.clipboard == "nothing"
        await stage.press("escape", "escape")
        await stage.shows("rewrite README")


async def test_copy_hands_the_id_to_the_clipboard() -> None:
    async with staged() as stage:
        await filled(stage)
        await stage.press("y")
        assert stage.app.clipboard == WEBSHOP


async def test_help_names_every_key_that_is_bound() -> None:
    async with staged() as stage:
        await filled(stage)
        await stage.press("question_mark")
        await stage.shows("KEYS")
        for key in (
            *("arrows, j k", "n ", "o ", "Enter", "m ", "/", "Esc", "s ", "v ", "g ", "e ", "y ", "p "),
            "space",
            "q ",
        ):
            assert f" {key}" in stage.text()
        await stage.press("q")
        await stage.hides("KEYS")
        assert stage.app.is_running


async def test_n_goes_to_the_next_that_needs_you_what_to_act_on_first() -> None:
    async with staged() as stage:
        await filled(stage)
        await stage.press("end")
        assert stage.app.board.selected_id == MOBILE
        seen = []
        for _ in range(7):
            await stage.press("n")
            seen.append(stage.app.board.selected_id)
        assert seen == [WEBSHOP, INFRA, ORDERS, DOCS, ETL, MOBILE, WEBSHOP]


async def test_n_says_so_where_nobody_needs_you() -> None:
    async with staged() as stage:
        stage.sidecar.say(*afternoon.first_release(), full=True)
        await stage.shows("rewrite README")
        await stage.press("down", "n")
        await stage.shows("No session needs you.")
        assert stage.app.board.selected_id == stage.rows()[1]


async def test_m_mutes_and_unmutes_and_the_row_says_so_in_a_word() -> None:
    async with staged(100, 30) as stage:
        await filled(stage)
        await stage.press("m")
        await stage.until(lambda: stage.sidecar.muted == [(WEBSHOP, True)], "the sidecar was told")
        (shot, *_) = afternoon.with_signals()
        stage.sidecar.say(shot | {"muted_until": stage.clock.now + 3600, "attention": 100})
        await stage.shows("muted: needs your ok")
        await stage.shows("m unmute")
        assert "2 stuck, 3 to watch, 1 muted" in stage.text()
        assert "asks you" not in stage.text().split("\n")[0]
        assert " MUTED until its signals clear" in stage.text()
        await stage.press("m")
        await stage.until(lambda: stage.sidecar.muted[1:] == [(WEBSHOP, False)], "and told again")


async def test_m_asks_nothing_where_there_is_nothing_to_mute() -> None:
    async with staged() as stage:
        stage.sidecar.say(*afternoon.first_release(), full=True)
        await stage.shows("rewrite README")
        await stage.press("m")
        await stage.shows("It asks for nothing.")
        assert stage.sidecar.muted == []


async def test_a_mute_that_fails_says_why() -> None:
    async with staged() as stage:
        await filled(stage)
        stage.sidecar.refusal = "There is no session [like] that."
        await stage.press("m")
        await stage.shows("There is no session [like] that.")
        assert stage.app.is_running


async def test_an_incident_heads_the_screen_until_the_sidecar_ends_it() -> None:
    async with staged() as stage:
        stage.sidecar.incident = afternoon.INCIDENT
        await filled(stage)
        await stage.shows("Anthropic answers 529 to 4 of 6 sessions since 14:29 (not your set-up)")
        stage.sidecar.incident = None
        stage.sidecar.say(afternoon.snapshot(ORDERS, label="well again"))
        await stage.shows("well again")
        await stage.hides("Anthropic answers")


async def test_the_screen_rings_once_for_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(bell=Bell(AlertRules())) as stage:
        driver = stage.app._driver
        assert driver is not None
        written: list[str] = []
        monkeypatch.setattr(driver, "write", written.append)

        def rings() -> list[str]:
            return [text for text in written if "\x07" in text]

        await filled(stage)
        await stage.pilot.pause(1.2)  # it has looked at what there is
        assert rings() == []
        stage.clock.now += 1
        shots = {shot["session_id"]: shot for shot in afternoon.with_signals()}
        loop = {"verdict": shots[ORDERS]["verdict"], "signals": shots[ORDERS]["signals"]}
        stage.sidecar.say(shots[DOCS] | loop | {"project": "docs\x1b]9;no\x07"})
        await stage.until(rings, "a bell")
        said = "Bash (alembic): 6 times the same call with the same result."
        step = "Press Esc in its terminal and tell it what to do instead."
        assert rings() == [f"\x1b]9;Clauditor: docs: {said} {step}\x07\x07"]
        await stage.pilot.pause(1.2)
        assert len(rings()) == 1


async def test_lost_connection_is_said_and_healed() -> None:
    async with staged() as stage:
        await stage.shows("connecting")
        await filled(stage)
        stage.sidecar.is_away = True
        stage.sidecar.hang_up()
        await stage.shows("silent since 14:32:08, asks again; see: clauditor status")
        assert "rewrite README" in stage.text()
        stage.sidecar.is_away = False
        stage.sidecar.say(afternoon.snapshot("fresh", label="after the gap"), full=True)
        await stage.shows("after the gap")
        await stage.hides("silent since")
        assert "rewrite README" not in stage.text()


async def test_silence_is_dated_by_the_last_message_and_time_stands_still() -> None:
    async with staged(120, 30) as stage:
        stage.sidecar.say(*afternoon.first_release(), full=True)
        await stage.shows("rewrite README")
        stage.clock.now += 3
        stage.sidecar.beat()
        await stage.shows("14:32:11")
        stage.clock.now += 12  # the client gives up
        stage.sidecar.is_away = True
        stage.sidecar.hang_up()
        await stage.shows("silent since 14:32:11, asks again; see: clauditor status")
        # How long the sessions have been at it since then nobody knows: no byte, no second is claimed.
        assert "push tokens                  thinking   0:09" in stage.text()
        stage.clock.now += 300
        await stage.pilot.pause(0.6)
        assert "push tokens                  thinking   0:09" in stage.text()
        assert "no bytes" not in stage.text()


async def test_the_sum_of_today_follows_a_cost_that_changed() -> None:
    async with staged(120, 30) as stage:
        await filled(stage)
        await stage.until(lambda: stage.sidecar.summary_reads == 2, "asked once more for what came first")
        stage.sidecar.today_usd = 40.12
        stage.sidecar.say(afternoon.snapshot(WEBSHOP, label="same cost"))
        await stage.shows("same cost")
        await stage.pilot.pause(1.5)
        assert stage.sidecar.summary_reads == 2
        stage.sidecar.say(afternoon.snapshot(WEBSHOP, label="dearer", cost_usd=4.03))
        stage.sidecar.say(afternoon.snapshot(ORDERS, label="dearer too", cost_usd=5.0))
        await stage.shows("today ~$40.12")
        assert stage.sidecar.summary_reads == 3


async def test_a_search_without_a_hit_says_so_in_the_table() -> None:
    async with staged(60, 20) as stage:
        stage.sidecar.say(*afternoon.first_release(), full=True)
        await stage.shows("infra drift check")
        await stage.press("slash", *"foo:bar")
        await stage.shows(" nothing matches foo:bar; Esc shows all")
        await stage.shows(" foo: is unknown; there are state: project: model: signal:")
        await stage.press("escape")
        await stage.shows("infra drift check")
        assert "nothing matches" not in stage.text()


async def test_help_of_a_small_screen_is_whole_and_scrolls() -> None:
    async with staged(60, 20) as stage:
        stage.sidecar.say(*afternoon.first_release(), full=True)
        await stage.shows("infra drift check")
        await stage.press("question_mark")
        await stage.shows("KEYS")
        box = stage.text().split("\n")
        assert box[0].startswith("╭")
        assert box[0].endswith("╮")
        assert "select a session; PgUp PgDn Home End go" in stage.text()
        assert "j k scroll, Esc closes" in stage.text()
        assert "has no known price" not in stage.text()
        await stage.press("j", "pagedown", "end")
        await stage.shows("has no known price")


async def test_what_the_screen_says_is_whole_on_a_narrow_one() -> None:
    said = "Its terminal is not known: Clauditor's hooks tell it, clauditor install."

    class Nowhere:
        def names(self, _sessions: object) -> dict[str, str]:
            return {}

        def go(self, _session: object) -> str:
            raise ClauditorError(said)

    async with staged(60, 20, terminals=Nowhere()) as stage:
        await filled(stage)
        await stage.press("o")
        words = said.split()
        await stage.until(lambda: all(word in stage.text() for word in words), "every word of it")


async def test_without_sessions_the_screen_says_what_to_do() -> None:
    async with staged(look_around=lambda: afternoon.AROUND) as stage:
        stage.sidecar.say(full=True)
        await stage.shows("No session seen yet")
        await stage.shows("Listening on http://127.0.0.1:10000")
        stage.sidecar.say(afternoon.snapshot("first", label="here we go"))
        await stage.shows("here we go")
        await stage.hides("No session seen yet")


async def test_removed_sessions_leave_and_the_neighbour_is_selected() -> None:
    async with staged() as stage:
        await filled(stage)
        await stage.press("down")
        stage.sidecar.say(removed=(INFRA,))
        await stage.hides("drift check")
        assert stage.app.board.selected_id == ORDERS


@pytest.mark.parametrize(("width", "height"), [(40, 10), (60, 16), (80, 24), (120, 40), (200, 60), (20, 4)])
async def test_every_size_fits(width: int, height: int) -> None:
    async with staged(width, height) as stage:
        stage.sidecar.say(*afternoon.with_signals(), full=True)
        await stage.until(lambda: len(stage.rows()) == 6, "six rows")
        await stage.press("down")
        lines = stage.text().split("\n")
        assert len(lines) == height
        if height > 4:
            assert "infra" in stage.text()


async def test_hostile_strings_never_reach_the_screen() -> None:
    async with staged(120, 60) as stage:
        shots = [
            afternoon.snapshot(
                f"id{index}\x1b[31m", label=text, project=text, branch=text, state=text, attention=300
            )
            for index, text in enumerate(HOSTILE)
        ]
        stage.sidecar.say(*shots, full=True)
        await stage.until(lambda: len(stage.rows()) == len(HOSTILE), "a row for each")
        await stage.shows("[bold red]markup")
        for _ in HOSTILE:
            assert all(is_harmless(line) for line in stage.text().split("\n"))
            await stage.press("down")
        await stage.press("enter")
        assert all(is_harmless(line) for line in stage.text().split("\n"))


async def test_an_update_repaints_only_the_lines_that_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(120, 50) as stage:
        shots = [
            afternoon.snapshot(f"s{index:03}", label=f"job {index}", attention=300, state="thinking")
            for index in range(200)
        ]
        stage.sidecar.say(*shots, full=True)
        await stage.shows("job 20")
        painted: list[tuple[str | None, Region]] = []
        refresh = LineArea.refresh

        def counting(self: LineArea, *regions: Region, **how: bool) -> LineArea:
            painted.extend((self.id, region) for region in regions)
            return refresh(self, *regions, **how)

        monkeypatch.setattr(LineArea, "refresh", counting)
        stage.clock.now += 0.3  # under a second: no duration on the screen moves
        stage.sidecar.say(shots[3] | {"label": "changed now"})
        await stage.shows("changed now")
        rows = [region.y for name, region in painted if name == "table"]
        assert set(rows) == {3}


async def test_two_hundred_rows_scroll_with_the_selection() -> None:
    async with staged(80, 24) as stage:
        shots = [
            afternoon.snapshot(f"s{index:03}", label=f"job {index:03}", attention=300) for index in range(200)
        ]
        stage.sidecar.say(*shots, full=True)
        await stage.shows("job 000")
        await stage.press("end")
        await stage.shows("›job 199")
        await stage.press("up", "pageup")
        await stage.shows("›job 188")
        await stage.press("home", "down", "down")
        await stage.shows("›job 002")
        assert stage.app.query_one(SessionTable).scroll_offset.y == 0
        await stage.shows("── job 002")


async def test_click_selects_a_row() -> None:
    async with staged() as stage:
        await filled(stage)
        await stage.pilot.click("#table", offset=(10, 2))
        await stage.until(lambda: stage.app.board.selected_id == ORDERS, "the third row is selected")


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_quit(key: str) -> None:
    async with staged() as stage:
        await filled(stage)
        await stage.press(key)
        await stage.until(lambda: not stage.app.is_running, "the screen is gone")


async def test_the_screen_ends_when_it_is_told_to() -> None:
    async with staged() as stage:
        await filled(stage)
        stage.should_stop = True
        await stage.until(lambda: not stage.app.is_running, "the screen is gone")
