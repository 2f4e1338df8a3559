"""Where the panes of the window stand: the overview above, sessions in a grid below. Pure.

Source: tmux's layout strings (layout-custom.c): `WxH,X,Y` with `,pane` for one, `{...}` side by side, `[...]` one
above the other, after a checksum of 16 bits. Cells are given to panes in the order of their indexes.
"""

from __future__ import annotations

from typing import Final

MIN_COLUMNS: Final = 40
MIN_ROWS: Final = 4  # with its border

_GOOD_COLUMNS: Final = 60
_GOOD_ROWS: Final = 8
_OVERVIEW_ROWS: Final = (7, 16)  # at least, at most
_OVERVIEW_SHARE: Final = 3  # of the height, one in so many


def capacity(width: int, height: int) -> int:
    """How many sessions fit below the overview; at least one."""
    below = height - _overview_rows(height) - 1
    return max(1, _columns(width, MIN_COLUMNS) * _columns(below, MIN_ROWS))


def layout(width: int, height: int, panes: int) -> str:
    """A layout for `panes` panes, of which the first is the overview."""
    if panes <= 1:
        return _checked(_leaf(width, height, 0, 0, 0))
    top = _overview_rows(height)
    cells = [_leaf(width, top, 0, 0, 0)]
    columns = _best_columns(width, height - top - 1, panes - 1)
    rows = [range(first, min(first + columns, panes)) for first in range(1, panes, columns)]
    for row, (y, row_height) in zip(rows, _spans(top + 1, height - top - 1, len(rows)), strict=True):
        spans = _spans(0, width, len(row))
        leaves = [_leaf(w, row_height, x, y, number) for number, (x, w) in zip(row, spans, strict=True)]
        side_by_side = f"{width}x{row_height},0,{y}{{{','.join(leaves)}}}"
        cells.append(leaves[0] if len(leaves) == 1 else side_by_side)
    return _checked(f"{width}x{height},0,0[{','.join(cells)}]")


def _overview_rows(height: int) -> int:
    least, most = _OVERVIEW_ROWS
    return max(1, min(max(height // _OVERVIEW_SHARE, least), most, height - 1 - MIN_ROWS))


def _columns(length: int, each: int) -> int:
    """How many of `each` fit into `length`, a line between them."""
    return max(0, (length + 1) // (each + 1))


def _best_columns(width: int, height: int, panes: int) -> int:
    """The fewest columns whose panes are of a good height; else as many as stay readable."""
    for columns in range(1, max(1, _columns(width, _GOOD_COLUMNS)) + 1):
        rows = -(-panes // columns)
        if (height + 1) // rows - 1 >= _GOOD_ROWS:
            return columns
    most = max(1, _columns(width, MIN_COLUMNS))
    rows = max(1, min(panes, _columns(height, MIN_ROWS)))
    return min(most, -(-panes // rows))


def _spans(start: int, length: int, parts: int) -> list[tuple[int, int]]:
    """Beginning and length of equal parts, a line between them; the first ones take what is left over."""
    room = length - (parts - 1)
    sizes = [room // parts + (number < room % parts) for number in range(parts)]
    return [(start + sum(sizes[:number]) + number, size) for number, size in enumerate(sizes)]


def _leaf(width: int, height: int, x: int, y: int, number: int) -> str:
    return f"{width}x{height},{x},{y},{number}"


def _checked(cells: str) -> str:
    checksum = 0
    for character in cells:
        checksum = ((checksum >> 1) + ((checksum & 1) << 15) + ord(character)) & 0xFFFF
    return f"{checksum:04x},{cells}"
