"""What redaction finds and what it leaves alone, over a corpus of formats and of ordinary prompts."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.redaction import REDACTED, redact
from clauditor.text import MAX_CHARACTERS, clean, label
from privacy.harmless import HARMLESS
from privacy.hostile import UNITS
from privacy.secrets import CONTEXTS, TOKENS, Planted, known_formats, named_values

SEEDS = range(1, 11)


def missed(corpus: Iterable[Planted]) -> Counter[str]:
    return Counter(item.format for item in corpus if item.leaks(redact(clean(item.text))))


def test_known_formats_are_found() -> None:
    assert len(TOKENS) + len(CONTEXTS) >= 200
    corpus = [item for seed in SEEDS for item in known_formats(seed)]
    found = missed(corpus)
    recall = 1 - found.total() / len(corpus)
    assert recall >= 0.99, f"{recall:.4f}, missed: {found.most_common(20)}"


def test_values_of_names_that_speak_of_secrets_are_found() -> None:
    corpus = [item for seed in SEEDS for item in named_values(seed)]
    found = missed(corpus)
    recall = 1 - found.total() / len(corpus)
    assert recall >= 0.95, f"{recall:.4f}, missed: {found.most_common(20)}"


@pytest.mark.parametrize("prompt", HARMLESS)
def test_prompts_with_nothing_to_hide_stay_readable(prompt: str) -> None:
    assert redact(clean(prompt)) == clean(prompt)


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


def straddling(item: Planted) -> Iterable[str]:
    """The text behind so much that shows nothing that the limit of what is looked at falls into it."""
    for kept in range(4, min(len(item.text), 160), 7):
        yield " " * (MAX_CHARACTERS - kept) + item.text
        yield "\u200b" * (MAX_CHARACTERS - kept) + item.text
        yield "eyJ" + "a1B" * 340 + ".x " + "\u200b" * (MAX_CHARACTERS - kept - 1026) + item.text


def test_a_secret_that_straddles_the_limit_is_not_shown_in_part() -> None:
    found: Counter[str] = Counter()
    for item in [item for item in known_formats(1) if not item.leaks(redact(clean(item.text)))]:
        for text in straddling(item):
            if item.leaks(label(text, 80)):
                found[item.format] += 1
    assert not found


@given(*[st.text(st.characters(codec=None), max_size=200)] * 2)
def test_a_key_is_found_whatever_stands_around_it(before: str, after: str) -> None:
    key = "ghp_" + "x7Kq2Vw9Lm4Tz8Rb1Nc6" + "Yd3Hf5Jg0PsAeUi2"
    item = Planted(format="key", text=f"{before} {key} {after}", secrets=(key,))
    assert not item.leaks(redact(clean(item.text)))


def test_no_repetition_makes_redaction_slow() -> None:
    """Linear: twice the text takes about twice the time, and 4,096 characters far below 10 ms as a rule."""
    slow = {}
    for unit in UNITS:
        short, long = (statistics.median(timed(unit, size) for _ in range(5)) for size in (1024, 4096))
        if long > 12 * short and long > 0.005:
            slow[unit] = (short, long)
    assert not slow


def timed(unit: str, size: int) -> float:
    text = (unit * size)[: size - 2] + " !"
    before = time.process_time()
    redact(text)
    return time.process_time() - before
