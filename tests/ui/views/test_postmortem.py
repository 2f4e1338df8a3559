"""The post-mortem as it was looked at and found good, and what foreign text cannot do to it.

Changed on purpose? `CLAUDITOR_WRITE_GOLDEN=1 python -m pytest tests/ui/views/test_postmortem.py`, then look at
every difference before it is kept.
"""

from __future__ import annotations

import json
import os
import re
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clauditor.reports.postmortem import as_json, postmortem
from clauditor.text import width as cells
from clauditor.ui.views.document import Column, Document, Facts, Row, Steps, Table, document_lines
from clauditor.ui.views.markdown import escape, markdown
from clauditor.ui.views.postmortem import postmortem_document
from clauditor.ui.views.segments import plain
from reports import bad_afternoon as story
from ui.hostile import HOSTILE, is_harmless

GOLDEN = Path(__file__).parents[1] / "golden"
WIDTHS = [46, 80, 120]


def answer(**fields: Any) -> dict[str, Any]:
    """What the API says of the story; `fields` replace keys of the snapshot."""
    made = postmortem(
        story.snapshot(**fields), story.turns(), story.side_calls(), story.signals(), [], story.NOW
    )
    whole: dict[str, Any] = json.loads(json.dumps(as_json(made)))
    return whole


def ended() -> dict[str, Any]:
    """The next morning, for an account that pays by use, with a call that was not seen whole."""
    at = story.STARTED_AT + 4900
    made = postmortem(
        story.snapshot(
            ended_at=at,
            state="ended",
            waiting_for=None,
            billing="api",
            unobserved={"exchanges": 1, "bytes": 9},
        ),
        story.turns(),
        story.side_calls(),
        story.signals(),
        [],
        story.NOW + 60_000,
    )
    whole: dict[str, Any] = json.loads(json.dumps(as_json(made)))
    return whole


def shown(report: Any, width: int) -> str:
    lines = document_lines(postmortem_document(report, UTC), width)
    return "".join(f"{plain(line)}\n" for line in lines)


def check(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("CLAUDITOR_WRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", WIDTHS)
def test_a_running_session_on_the_terminal(width: int) -> None:
    text = shown(answer(), width)
    assert max(map(cells, text.splitlines())) <= width
    check(f"postmortem-{width}.txt", text)


def test_an_ended_session_on_the_terminal() -> None:
    check("postmortem-ended-80.txt", shown(ended(), 80))


def test_markdown_to_keep() -> None:
    check("postmortem.md", markdown(postmortem_document(answer(), UTC)))


def test_a_session_of_which_next_to_nothing_is_known() -> None:
    bare = as_json(postmortem({"session_id": "abcd"}, [], [], [], [], story.NOW))
    check("postmortem-bare-80.txt", shown(json.loads(json.dumps(bare)), 80))


def test_money_of_a_plan_is_marked_and_that_of_an_api_account_is_not() -> None:
    assert "~$2.41 = main" in shown(answer(), 80)
    assert ">= $2.41 = main" in shown(ended(), 80)
    assert "~$" not in re.sub("~\\$0.29 more", "", shown(ended(), 120))


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("[x](http://evil)", r"\[x\](http\://evil)"),
        ("<script>", r"\<script\>"),
        ("a|b", r"a\|b"),
        ("`rm`", r"\`rm\`"),
        ("www.evil.example", r"www\.evil.example"),
        ("me@evil.example", r"me\@evil.example"),
        ("&lt;b&gt;", r"\&lt;b\&gt;"),
        ("~~gone~~ *a* __b__ #1", r"\~\~gone\~\~ \*a\* \_\_b\_\_ \#1"),
        ("back\\slash", r"back\\slash"),
        ("login.py, 14:21", "login.py, 14:21"),
    ],
)
def test_names_cannot_become_markup(text: str, safe: str) -> None:
    assert escape(text) == safe


@given(st.lists(st.text(alphabet="|\\`[]<>ab ", max_size=12), min_size=2, max_size=2))
def test_a_cell_never_ends_before_its_time(names: list[str]) -> None:
    table = Table(
        title="t",
        columns=(Column(title="a"), Column(title="b")),
        rows=(Row(cells=(names[0], names[1])),),
    )
    row = markdown(Document(title="t", about="", sections=(table,))).splitlines()[-1]
    unescaped = re.sub(r"\\.", "", row)
    assert unescaped.count("|") == 3
    assert not set("`[]<>") & set(unescaped)


def test_empty_sections_are_left_out() -> None:
    sections = (
        Facts(title="facts", rows=(("A", ""),)),
        Table(title="table", columns=(), rows=()),
        Steps(title="steps", items=()),
    )
    document = Document(title="t", about="a", sections=sections)
    assert len(document_lines(document, 80)) == 1
    assert markdown(document) == "# t\n\na\n"


def poisoned(value: Any, poison: str) -> Any:
    """The same JSON with every string replaced but those that decide what is said."""
    match value:
        case str():
            return poison
        case dict():
            kept = {"kind", "severity", "name", "cause", "state", "waiting_for", "cache"}
            return {
                key: item
                if key in kept and isinstance(item, str) and len(poison) % 2
                else poisoned(item, poison)
                for key, item in value.items()
            }
        case list():
            return [poisoned(item, poison) for item in value]
        case _:
            return value


@pytest.mark.parametrize("poison", HOSTILE)
@pytest.mark.parametrize("width", [40, 80, 200])
def test_hostile_strings_never_leave_their_place(poison: str, width: int) -> None:
    for report in (answer(), ended()):
        bad = poisoned(report, poison)
        for line in shown(bad, width).split("\n"):
            assert is_harmless(line), line
            assert cells(line) <= width
        text = markdown(postmortem_document(bad, UTC))
        assert all(map(is_harmless, text.split("\n")))
        harmless = poisoned(report, "x" * (len(poison) % 2 or 2))
        assert text.count("\n") == markdown(postmortem_document(harmless, UTC)).count("\n")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
_KEYS = sorted(as_json(postmortem({}, [], [], [], [], 0.0)))


@settings(max_examples=200, deadline=None)
@given(fields=st.dictionaries(st.sampled_from(_KEYS), _JSON, max_size=8), width=st.integers(40, 200))
def test_any_json_makes_a_page(fields: dict[str, Any], width: int) -> None:
    for report in (fields, answer() | fields):
        assert all(is_harmless(line) and cells(line) <= width for line in shown(report, width).split("\n"))
        assert all(map(is_harmless, markdown(postmortem_document(report, UTC)).split("\n")))
