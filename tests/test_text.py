from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.text import REDACTED, clean, cut, label, redact, width

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


@pytest.mark.parametrize(
    "secret",
    [
        "sk-ant-api03-AAAABBBBCCCCDDDD",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "github_pat_11AAAAAAA0abcdefghij",
        "glpat-abcdefghij1234567890",
        "xoxb-1234567890-abcdef",
        "AKIAIOSFODNN7EXAMPLE",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "npm_abcdefghijklmnopqrstuvwxyz0123456789",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "someone.else+tag@mail.example.co.uk",
        "d41d8cd98f00b204e9800998ecf8427e",
        "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MEFCQ0RFRkdISUo",
    ],
)
def test_secrets_that_show_by_their_shape_are_redacted(secret: str) -> None:
    assert redact(f"use {secret} here") == f"use {REDACTED} here"


@pytest.mark.parametrize(
    ("dirty", "secret"),
    [
        ("password=hunter2", "hunter2"),
        ("the password is hunter2", "hunter2"),
        ('{"api_key": "abc def"}', "abc def"),
        ("DB_PASSWORD: s3cret", "s3cret"),
        ("export MY_ACCESS_KEY='a b'", "a b"),
        ("curl -H 'Authorization: Bearer abc123def456'", "abc123def456"),
        ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("mysql --password hunter2", "hunter2"),
        ("postgres://admin:hunter2@db/x", "hunter2"),
        ("https://x.example/?sig=abcdef&a=1", "abcdef"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY----- x", "MIIB"),
        ("-----BEGIN OPENSSH PRIVATE KEY----- b3Blbn", "b3Blbn"),
        ("client_secret=>topsecret", "topsecret"),
    ],
)
def test_secrets_that_show_by_what_stands_beside_them_are_redacted(dirty: str, secret: str) -> None:
    redacted = redact(dirty)
    assert secret not in redacted
    assert REDACTED in redacted


@pytest.mark.parametrize(
    "harmless",
    [
        "fix the password reset flow",
        "why does the token counter jump?",
        "rename src/components/SomeThing2/VeryLongDirectoryName99/AnotherOne.tsx",
        "add a task-queue and risk-assessment page",
        "refactor the key-value store",
        "bump python to 3.13.1",
    ],
)
def test_ordinary_prompts_stay_as_they_are(harmless: str) -> None:
    assert redact(harmless) == harmless


def test_a_secret_is_recognised_before_the_cut_and_behind_invisible_characters() -> None:
    assert "sk-ant" not in label("x" * 70 + " sk-ant-api03-AAAABBBBCCCC", 80)
    assert label("sk-\u200bant-api03-AAAABBBBCCCC", 80) == REDACTED


@given(ANY_TEXT)
def test_labels_fit_for_any_text(dirty: str) -> None:
    assert width(label(dirty, 80)) <= 80


@pytest.mark.parametrize(
    "unit",
    ["a", "password", "-", "a@", "eyJ", "sk-", "=", "://", "\x1b]", "aA1+", "is is ", "'\"", "-----BEGIN A"],
)
def test_repetition_cannot_make_a_label_slow(unit: str) -> None:
    value = (unit * 5000)[:5000]
    before = time.process_time()
    label(value, 80)
    assert time.process_time() - before < 1.0
