"""The window is kept as it should be, and what the person does in it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from clauditor.ui.views.session import SessionView
from clauditor.ui.views.snapshot import session_view
from clauditor.ui.watch import tmux
from clauditor.ui.watch.choice import Choice
from clauditor.ui.watch.grid import Grid
from clauditor.ui.watch.plan import LINGER_SECONDS
from clauditor.ui.watch.tmux import TmuxRefusedError
from clauditor.ui.watch.window import Pane, State
from ui import afternoon

NOW = afternoon.NOW


@dataclass
class Desk:
    """A window as tmux would keep it, without tmux."""

    overview: str = "%0"
    size: tuple[int, int] = (160, 50)
    is_zoomed: bool = False
    is_gone: bool = False
    panes: dict[str, Pane] = field(default_factory=dict)
    commands: dict[str, list[str]] = field(default_factory=dict)
    borders: dict[str, str] = field(default_factory=dict)
    layouts: list[str] = field(default_factory=list)
    writes: int = 0
    number: int = 0

    def __post_init__(self) -> None:
        self._add(self.overview)

    def _add(self, pane: str) -> None:
        self.panes[pane] = Pane(pane=pane, width=80, height=10, exit_code=None)

    def state(self) -> State:
        if self.is_gone:
            raise TmuxRefusedError
        width, height = self.size
        return State(width=width, height=height, is_zoomed=self.is_zoomed, panes=tuple(self.panes.values()))

    def open(self, beside: str, command: Sequence[str]) -> str:
        assert beside in self.panes
        self.number += 1
        pane = f"%{self.number}"
        self._add(pane)
        self.commands[pane] = list(command)
        return pane

    def reuse(self, pane: str, command: Sequence[str]) -> None:
        self.commands[pane] = list(command)
        self.panes[pane] = replace(self.panes[pane], exit_code=None)

    def close(self, pane: str) -> None:
        del self.panes[pane]

    def arrange(self, layout: str) -> None:
        self.layouts.append(layout)

    def show(self, borders: Mapping[str, str]) -> None:
        self.writes += bool(borders)
        self.borders.update(borders)

    def ends(self, pane: str, exit_code: int) -> None:
        self.panes[pane] = replace(self.panes[pane], exit_code=exit_code)


def live(*session_ids: str, **fields: Any) -> dict[str, SessionView]:
    return {key: session_view(afternoon.snapshot(key, label=key, **fields)) for key in session_ids}


def grid(desk: Desk, choice: Choice = Choice(), max_panes: int = 8) -> Grid:  # noqa: B008 - frozen
    return Grid(desk, choice, pane_command=lambda key: ["watch", key], max_panes=max_panes, colours=False)


def test_each_session_gets_a_pane_that_watches_it() -> None:
    desk = Desk()
    assert grid(desk).step(live("a", "b"), NOW)
    assert desk.commands == {"%1": ["watch", "a"], "%2": ["watch", "b"]}
    assert desk.borders["%1"].startswith(" a, your turn")
    assert len(desk.layouts) == 1


def test_a_pane_is_reused_when_its_session_ends_and_closed_when_none_comes() -> None:
    desk = Desk()
    window = grid(desk)
    window.step(live("a", "b"), NOW)
    window.step(live("b") | live("a", ended_at=NOW, state="ended"), NOW + 1)
    assert desk.borders["%1"] == " a, ended 14:32 "
    window.step(live("b", "c"), NOW + 2)
    assert desk.commands == {"%1": ["watch", "c"], "%2": ["watch", "b"]}
    window.step(live("c"), NOW + 3)
    window.step(live("c"), NOW + 4 + LINGER_SECONDS)
    assert set(desk.panes) == {"%0", "%1"}


def test_there_are_never_more_panes_than_asked_for() -> None:
    desk = Desk()
    grid(desk, max_panes=2).step(live("a", "b", "c"), NOW)
    assert len(desk.commands) == 2
    assert "1 session without a pane" in desk.borders["%0"]


def test_a_pane_that_the_person_killed_stays_away_until_its_session_ends() -> None:
    desk = Desk()
    window = grid(desk)
    window.step(live("a", "b"), NOW)
    del desk.panes["%1"]
    for second in range(3):
        window.step(live("a", "b"), NOW + second)
    assert set(desk.panes) == {"%0", "%2"}
    window.step(live("b"), NOW + 5)
    window.step(live("a", "b"), NOW + 6)
    assert desk.commands["%3"] == ["watch", "a"]


def test_ctrl_c_in_a_pane_closes_it_a_program_that_broke_is_started_again() -> None:
    desk = Desk()
    window = grid(desk)
    window.step(live("a", "b"), NOW)
    desk.ends("%1", 130)
    desk.ends("%2", -1)
    window.step(live("a", "b"), NOW + 1)
    assert set(desk.panes) == {"%0", "%2"}
    assert desk.panes["%2"].exit_code == -1  # not at once, lest it spins
    window.step(live("a", "b"), NOW + 6)
    assert desk.panes["%2"].exit_code is None


@pytest.mark.parametrize("how", ["quit", "killed"])
def test_the_end_of_the_overview_is_the_end(how: str) -> None:
    desk = Desk()
    window = grid(desk)
    window.step(live("a"), NOW)
    if how == "quit":
        desk.ends("%0", 0)
    else:
        del desk.panes["%0"]
    assert not window.step(live("a"), NOW + 1)


def test_a_window_that_is_gone_is_the_end() -> None:
    desk = Desk(is_gone=True)
    with pytest.raises(TmuxRefusedError):
        grid(desk).step(live("a"), NOW)


def test_a_zoomed_pane_is_left_alone() -> None:
    desk = Desk()
    window = grid(desk)
    window.step(live("a"), NOW)
    desk.is_zoomed = True
    window.step(live("a", "b"), NOW + 1)
    assert set(desk.panes) == {"%0", "%1"}
    desk.is_zoomed = False
    window.step(live("a", "b"), NOW + 2)
    assert set(desk.panes) == {"%0", "%1", "%2"}


def test_panes_are_arranged_anew_only_when_something_changed() -> None:
    desk = Desk()
    window = grid(desk)
    for second in range(3):
        window.step(live("a", "b"), NOW + second)
    assert (len(desk.layouts), desk.writes) == (1, 1)
    desk.size = (100, 30)
    window.step(live("a", "b"), NOW + 3)
    assert len(desk.layouts) == 2


def test_a_pane_of_the_persons_own_counts_and_is_not_touched() -> None:
    desk = Desk(size=(50, 24))
    desk._add("%99")
    grid(desk).step(live("a", "b", "c", "d"), NOW)
    assert "%99" in desk.panes
    assert "%99" not in desk.borders
    assert len(desk.panes) == 4  # three fit below the overview, one of them is the person's


def test_only_the_chosen_sessions_have_panes() -> None:
    desk = Desk()
    grid(desk, Choice(project="webshop")).step(live("a", project="Webshop") | live("b"), NOW)
    assert list(desk.commands.values()) == [["watch", "a"]]


@pytest.mark.parametrize(
    ("said", "too_old"),
    [
        ("tmux 3.3a", False),
        ("tmux 3.2", False),
        ("tmux 3.1c", True),
        ("tmux 2.9a", True),
        ("tmux next-3.6", False),
        ("tmux master", False),
        ("tmux openbsd-7.4", False),
    ],
)
def test_a_tmux_that_is_too_old_is_known(said: str, too_old: bool) -> None:
    assert tmux.is_too_old(said) is too_old


def test_no_argument_ends_a_command() -> None:
    assert tmux._argument("a;b;") == "a;b\\;"
    assert tmux._argument("a;b") == "a;b"
