"""The page's files: from here only, without markup made of strings, small; and the headers they leave with."""

from __future__ import annotations

import hashlib
import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest

from clauditor.edge.page_files import POLICY
from support.served import Sidecar

ROOT = Path(__file__).parents[2]
WEB = ROOT / "clauditor" / "ui" / "web"
OURS = sorted(file for file in WEB.glob("*.js") if file.name != "uPlot.esm.js")
VENDORED = {
    "uPlot.esm.js": "5dd9b3281aa64b461b42d9945f6adb2649d346502b12281a9ae0d46599a80eba",
    "uplot.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "uPlot.LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}
"""uPlot 1.6.32 as published: dist/uPlot.esm.js, dist/uPlot.min.css and its licence, by their SHA-256."""
FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|"
    r"createContextualFragment|setHTML|srcdoc|javascript:|\.cookie\b"
)


@pytest.mark.parametrize("file", [*OURS, WEB / "index.html"], ids=lambda file: file.name)
def test_no_string_becomes_markup_and_nothing_comes_from_elsewhere(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert not FORBIDDEN.search(text)
    assert set(re.findall(r"https?://[^\s\"'`]+", text)) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.name)
def test_a_module_says_its_job_first_and_stays_small(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"// .*[.;:?!]", lines[0])
    assert len(lines) <= 300


@pytest.mark.parametrize("name", VENDORED)
def test_the_chart_library_is_the_published_one(name: str) -> None:
    assert hashlib.sha256((WEB / name).read_bytes()).hexdigest() == VENDORED[name]


def test_the_start_page_has_no_script_and_no_style_of_its_own() -> None:
    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.problems: list[str] = []
            self.loaded: set[str] = set()

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            named = dict(attrs)
            if tag == "style" or "style" in named or any(name.startswith("on") for name in named):
                self.problems.append(tag)
            if tag in {"script", "link"}:
                self.loaded.add(named.get("src") or named.get("href") or "inline")

    reader = Reader()
    reader.feed((WEB / "index.html").read_text(encoding="utf-8"))
    assert reader.problems == []
    assert all(re.fullmatch(r"/static/[\w.]+", source) for source in reader.loaded)
    assert all((WEB / source.removeprefix("/static/")).exists() for source in reader.loaded)


def test_the_files_are_part_of_the_package() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    assert "ui/web/*" in package["clauditor"]


async def test_the_page_is_served_without_a_token_and_tied_down(sidecar: Sidecar) -> None:
    for path in ("/", "/static/app.js", "/static/page.css", "/static/uPlot.esm.js", "/static/icon.svg"):
        answer = await sidecar.client.get(path, headers={"authorization": ""})
        assert answer.status_code == 200, path
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert "'unsafe" not in POLICY


@pytest.mark.parametrize(
    "name", ["__init__.py", "..%2f__init__.py", "uPlot.LICENSE", "nothing.js", "%2e%2e/token", ""]
)
async def test_nothing_else_is_a_file(sidecar: Sidecar, name: str) -> None:
    assert (await sidecar.client.get(f"/static/{name}")).status_code == 404
