"""The history under kills, cuts and flips, a little of each; `python -m faults history` does a thousand."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.durability import CLASSES, Written, break_whole, cut_log, flip, kill_often, write_history


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write_history(tmp_path_factory.mktemp("written"), turns=60)


def test_nothing_acknowledged_is_lost_to_kills(tmp_path: Path) -> None:
    found = kill_often(tmp_path, times=40)
    assert found.complaints == []
    assert found.found >= found.acknowledged > 40


def test_a_log_cut_anywhere_shows_a_beginning_of_what_was_written(tmp_path: Path, written: Written) -> None:
    found = cut_log(tmp_path, written, cuts=60)
    assert found.complaints == []
    assert found.fates == {"served, every row true": 60}


def test_each_kind_of_corruption_is_moved_aside_or_does_no_harm(tmp_path: Path, written: Written) -> None:
    found, fates = break_whole(tmp_path, written)
    assert found.complaints == []
    assert set(fates) == set(CLASSES)
    assert found.fates["moved aside"] > len(CLASSES)


def test_flipped_bits_are_no_rows_that_are_shown(tmp_path: Path, written: Written) -> None:
    found = flip(tmp_path, written, times=80)
    assert found.complaints == []
    assert found.fates["moved aside"] > 30
    assert found.fates["served, every row true"] > 10  # of those that hit the log, which ends before them
