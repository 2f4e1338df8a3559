from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.text import REDACTED, clean, cut, label, width

ANY_TEXT = st.text(st.characters(codec=None), max_size=300)
HOSTILE = st.lists(
    st.sampled_from(
        [
            "\x1b]0;t\x07",
            "\x1b[2J",
            "\x9b31m",
            "\u202e",
            "\u200b",
            "\r",
            "\n",
            "日",
            "e\u0301",
            "\0",
            "a",
            " ",
        ]
    )
).map("".join)


@pytest.mark.parametrize(
    ("dirty", "expected"),
    [
        ("plain words", "plain words"),
        ("  two\t\nlines \r\n", "two lines"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;evil title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPdevice\x1b\\x", "x"),
        ("\x9b2Jcleared", "cleared"),
        ("bell\x07 null\x00 del\x7f", "bell null del"),
        ("abc\u202edef\u2066ghi", "abcdefghi"),
        ("zero\u200bwidth\ufeff\u00ad", "zerowidth"),
        ("tag\U000e0041s", "tags"),
        ("blank\u3164filler\u2800", "blankfiller"),
        ("line\u2028separator", "line separator"),
        ("half\ud800surrogate", "halfsurrogate"),
        ("unfinished \x1b]0;title", "unfinished"),
    ],
)
def test_clean_leaves_one_harmless_line(dirty: str, expected: str) -> None:
    assert clean(dirty) == expected


def test_marks_piled_on_one_character_are_thinned_out() -> None:
    assert clean("a" + "\u0301" * 50 + "b") == "a\u0301\u0301b"


@given(st.one_of(ANY_TEXT, HOSTILE))
def test_clean_text_holds_nothing_that_moves_a_cursor_or_hides(dirty: str) -> None:
    cleaned = clean(dirty)
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for c in cleaned)
    assert "  " not in cleaned
    assert cleaned == cleaned.strip()
    assert clean(cleaned) == cleaned


@given(ANY_TEXT, st.integers(0, 40))
def test_cut_text_fits_and_is_a_beginning(dirty: str, cells: int) -> None:
    cleaned = clean(dirty)
    shown = cut(cleaned, cells)
    assert width(shown) <= cells
    assert shown == cleaned or cleaned.startswith(shown.removesuffix("…"))


def test_wide_characters_take_two_cells() -> None:
    assert width("日本") == 4
    assert cut("日本語", 5) == "日本…"
    assert cut("日本語", 4) == "日…"
    assert cut("日本語", 6) == "日本語"
    assert width("e\u0301") == 1


def test_a_secret_is_recognised_before_the_cut_and_behind_invisible_characters() -> None:
    assert "sk-ant" not in label("x" * 70 + " sk-ant-api03-AAAABBBBCCCC", 80)
    assert label("sk-\u200bant-api03-AAAABBBBCCCC", 80) == REDACTED


@given(ANY_TEXT)
def test_labels_fit_for_any_text(dirty: str) -> None:
    assert width(label(dirty, 80)) <= 80


def test_the_label_of_a_text_longer_than_what_is_looked_at_is_its_beginning() -> None:
    assert label("fix the parser " + "and go on " * 1000, 24) == "fix the parser and go o…"
    assert label("日本語" * 3000, 9) == "日本語日…"


def test_a_word_torn_by_the_limit_is_not_shown() -> None:
    assert label("look" + " " * 4085 + "hunter2hunter2", 80) == "look"
    assert label("\u200b" * 4090 + "hunter2hunter2", 80) == ""
