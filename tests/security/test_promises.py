"""SECURITY.md and docs/security.md name only what exists: tests, programs, targets of make, pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "SECURITY.md", ROOT / "docs" / "security.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(
        re.findall(r"\b((?:tests|bench|fuzz|clauditor|requirements)/[\w./*-]*\w\*?(?:\.\w+)?/?)", text)
    )
    assert [name for name in named if not list(ROOT.glob(name))] == []
    targets = set(re.findall(r"(?:`|^    )make ([a-z-]+)", text, re.MULTILINE))
    assert [name for name in targets if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []
    links = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    assert links
    assert [target for target in links if not (page.parent / target).exists()] == []


def test_each_actor_and_each_promise_is_there() -> None:
    text = PAGES[0].read_text(encoding="utf-8")
    for actor in (
        "a web page",
        "another user",
        "writes what a model reads",
        "malicious upstream",
        "poisoned dependency",
    ):
        assert actor in text
    assert len(re.findall(r"^\d+\. \*\*", text, re.MULTILINE)) == 10
