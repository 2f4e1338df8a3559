"""Where panes stand: every cell of the window is used once, whatever its size."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.ui.watch.layout import MIN_COLUMNS, MIN_ROWS, capacity, layout

_LEAF = re.compile(r"(\d+)x(\d+),(\d+),(\d+),(\d+)")


def leaves(text: str) -> list[tuple[int, int, int, int, int]]:
    found = [tuple(map(int, groups)) for groups in _LEAF.findall(text.partition(",")[2])]
    return [leaf for leaf in found if len(leaf) == 5]


def test_a_layout_that_tmux_made_has_the_same_checksum() -> None:
    # list-windows of tmux 3.3a said this of one pane.
    assert layout(160, 50, 1) == "adfd,160x50,0,0,0"


def test_the_overview_stands_above_the_sessions() -> None:
    (_, _, x, y, number), *others = leaves(layout(160, 50, 4))
    assert (x, y, number) == (0, 0, 0)
    assert [leaf[4] for leaf in others] == [1, 2, 3]
    assert all(leaf[3] > 0 for leaf in others)


def test_wide_panes_come_before_many_columns() -> None:
    assert {leaf[0] for leaf in leaves(layout(160, 50, 3))} == {160}
    assert {leaf[0] for leaf in leaves(layout(160, 50, 9))[1:]} == {80, 79}


@pytest.mark.parametrize(
    ("width", "height", "sessions"), [(80, 24, 3), (160, 50, 18), (50, 12, 1), (10, 5, 1)]
)
def test_how_many_sessions_fit(width: int, height: int, sessions: int) -> None:
    assert capacity(width, height) == sessions


@given(
    width=st.integers(MIN_COLUMNS, 400),
    height=st.integers(3 * MIN_ROWS, 150),
    panes=st.integers(1, 30),
)
def test_panes_fill_the_window_without_overlap(width: int, height: int, panes: int) -> None:
    panes = min(panes, 1 + capacity(width, height))
    found = leaves(layout(width, height, panes))
    assert len(found) == panes
    taken: set[tuple[int, int]] = set()
    for w, h, x, y, _ in found:
        assert w >= 1
        assert h >= min(MIN_ROWS - 1, height)
        assert x + w <= width
        assert y + h <= height
        cells = {(column, row) for column in range(x, x + w, max(1, w - 1)) for row in range(y, y + h)}
        assert not cells & taken
        taken |= cells
    # What no pane has are the lines between them: one row a row of panes, one column a column.
    right_edge = [leaf for leaf in found if leaf[0] + leaf[2] == width]
    assert sum(leaf[1] for leaf in right_edge) + len(right_edge) - 1 == height
