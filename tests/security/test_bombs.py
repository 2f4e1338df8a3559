"""Small bombs through the real stack; `python -m security.bombs` drops those of a gigabyte."""

from __future__ import annotations

from pathlib import Path

import pytest

from security.bomb_corpus import BOMBS
from security.bombs import campaign

pytestmark = pytest.mark.timeout(180)

SMALL_MIB = 48
HERE = (
    "zeros, gzip", "zeros, br", "zeros, zstd", "one line", "tiny events, gzip", "100,000 levels", "a number of 5,000 digits",
    "bytes that are no UTF-8", "10,000 open blocks", "an input of 2.8 million lists", "1,500 headers",
    "a request of zeros, br", "a request of 1.4 million messages",
)  # fmt: skip


def test_bombs_are_bounded_counted_and_told_and_pass_unchanged(tmp_path: Path) -> None:
    bombs = [bomb for bomb in BOMBS if bomb.name in HERE]
    assert len(bombs) == len(HERE)
    fell, complaints = campaign(tmp_path, bombs, SMALL_MIB)
    assert {one.bomb.name: one.complaints for one in fell if one.complaints} == {}
    assert complaints == []
