"""The page on signals is held to the signals."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

import pytest

from clauditor.model.agent import State
from clauditor.model.state import WORKING
from clauditor.signals.catalogue import SIGNALS
from clauditor.signals.thresholds import Thresholds

PAGE = (Path(__file__).parent.parent.parent / "docs" / "signals.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### `([a-z_]+)`\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
ROWS = re.findall(r"^\| `([a-z_0-9]+)` \| ([0-9.]+) \| `([a-z_]+)` \|", PAGE, re.MULTILINE)


def test_it_has_a_section_for_each_signal_in_the_order_in_which_they_lead() -> None:
    assert list(SECTIONS) == [signal.name for signal in SIGNALS]


@pytest.mark.parametrize("name", [signal.name for signal in SIGNALS])
def test_a_section_says_what_when_how_long_how_sure_and_from_where(name: str) -> None:
    for part in ("Says", "Holds", "Clears", "How sure", "Source"):
        assert f"- **{part}**" in SECTIONS[name], part


def test_the_table_holds_every_threshold_with_its_default() -> None:
    defaults = {name: f"{value:g}" for name, value in asdict(Thresholds()).items()}
    assert {name: default for name, default, _ in ROWS} == defaults
    assert [name for name, _, _ in ROWS] == list(defaults)


def test_a_threshold_stands_in_the_section_of_its_signal_and_nowhere_else() -> None:
    for name, _, signal in ROWS:
        assert [one for one, text in SECTIONS.items() if f"`{name}`" in text] == [signal], name


def test_severities_of_a_section_are_those_of_its_file() -> None:
    for signal in SIGNALS:
        source = Path(signal.check.__code__.co_filename).read_text(encoding="utf-8")
        in_code = {level for level in ("act", "watch", "notice") if f'"{level}"' in source}
        in_page = {level for level in ("act", "watch", "notice") if f"`{level}`" in SECTIONS[signal.name]}
        assert in_page == in_code, signal.name


def test_the_page_names_every_state() -> None:
    states = set(State.__args__)  # type: ignore[attr-defined]  # the alias of a Literal has them
    named = set(
        re.findall(r"^\| `([a-z]+)`", PAGE.split("## States")[1].split("## The signals")[0], re.MULTILINE)
    )
    assert named == states
    assert states > WORKING
