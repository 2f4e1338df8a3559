"""Numbers as people read them, in the cells they have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.ui.views import units

NOW = datetime(2026, 11, 22, 14, 32, 8, tzinfo=UTC).timestamp()  # a Sunday


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (-5, "0:00"),
        (8.9, "0:08"),
        (130, "2:10"),
        (3599, "59:59"),
        (3600, "1h00m"),
        (35_999, "9h59m"),
        (36_000, "10h"),
        (172_799, "47h"),
        (172_800, "2d"),
        (1e15, "9999d"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert units.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        *((None, "-"), (0, "0"), (950, "950"), (999.6, "1k"), (9_500, "9.5k"), (118_000, "118k")),
        *((999_400, "999k"), (999_600, "1M"), (1_230_000, "1.2M"), (9_960_000, "10M"), (2e9, "2G")),
    ],
)
def test_tokens(count: float | None, text: str) -> None:
    assert units.tokens(count) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (None, "-"),
        (0, "0%"),
        (0.004, "<1%"),
        (0.57, "57%"),
        (0.9961, "99%"),
        (1, "100%"),
        (1.2, "120%"),
        (99, "999%"),
    ],
)
def test_percent_never_rounds_away_the_ends(ratio: float | None, text: str) -> None:
    assert units.percent(ratio) == text


@pytest.mark.parametrize(("ratio", "text"), [(None, "-"), (0.57, "~57%"), (0.004, "<1%"), (1.4, "~140%")])
def test_an_estimated_share_says_so_once(ratio: float | None, text: str) -> None:
    assert units.about(ratio) == text


@pytest.mark.parametrize(
    ("usd", "cells", "text"),
    [
        *((None, 5, "-"), (0.984, 5, "0.98"), (14.2, 5, "14.20"), (14.2, 4, "14.2"), (123.44, 5, "123.4")),
        *((1234.4, 5, "1234"), (99_999, 5, "99999"), (1_234_567, 5, "1235k")),
    ],
)
def test_amount_is_as_exact_as_its_cells_allow(usd: float | None, cells: int, text: str) -> None:
    assert units.amount(usd, cells) == text


def test_price_says_what_it_is() -> None:
    assert units.price(2.314, estimated=False) == "$2.31"
    assert units.price(2.314, estimated=True) == "~$2.31"
    assert units.price(2.314, estimated=True, complete=False) == ">= ~$2.31"
    assert units.price(None, estimated=True, complete=False) == "-"
    assert units.price(12_345.6, estimated=False) == "$12,346"


def test_moment_is_as_near_as_needed() -> None:
    assert units.moment(NOW - 60, NOW) == "14:31"
    assert units.moment(NOW + 66_472, NOW) == "Mon 09:00"
    assert units.moment(NOW - 20 * units.DAY, NOW) == "2026-11-02"
    assert units.moment(1e15, NOW) == "-"
    assert units.clock(NOW, timezone(timedelta(hours=2))) == "16:32"


@given(st.floats(min_value=0, max_value=1e15), st.integers(min_value=3, max_value=40))
def test_widths_are_kept(number: float, cells: int) -> None:
    assert len(units.duration(number)) <= 5
    assert len(units.percent(number)) <= 4
    full, rest = units.bar(number, cells)
    assert len(full + rest) == cells
    assert number > 0 or not full
    if number < 1e9:
        assert len(units.tokens(number)) <= 4


def test_sparkline_shows_the_newest_within_its_height() -> None:
    assert units.sparkline([0, 0.5, 1, 7, -3], 8) == "▁▅██▁"
    assert units.sparkline([0.1] * 9 + [1], 2) == "▂█"
