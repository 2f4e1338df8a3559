"""The pictures of the README and of docs/img."""

from __future__ import annotations

import hashlib
from datetime import UTC
from pathlib import Path

import pytest

from clauditor.client import SidecarClient
from clauditor.errors import ClauditorError
from clauditor.place import Credential
from clauditor.ui.top import picture
from clauditor.ui.top.picture import Picture, draw_pictures
from ui import afternoon
from ui.pretend_api import TOKEN, pretend_api

ROOT = Path(__file__).parents[3]
SIZE = (100, 26)


def test_a_picture_shows_the_sessions_and_names_no_other_host(tmp_path: Path) -> None:
    svg, text = tmp_path / "top.svg", tmp_path / "detail.txt"
    wanted = [Picture(file=svg, size=SIZE), Picture(file=text, size=SIZE, keys=("enter", "3"))]
    with pretend_api(afternoon.with_signals()) as api:
        sidecar = SidecarClient(api.url, Credential(lambda: TOKEN), unreachable="gone")
        draw_pictures(sidecar, wanted, clock=lambda: afternoon.NOW, zone=lambda _: UTC)
    drawn = svg.read_text(encoding="utf-8").replace("&#160;", " ")
    for expected in ("<svg", "fix login test", "1 asks you", "today ~$38.40", "q</text>"):
        assert expected in drawn
    assert "font-face" not in drawn
    assert "cdn" not in drawn
    lines = text.read_text(encoding="utf-8").splitlines()
    assert len(lines) == SIZE[1]
    assert any(line.startswith(" ├ Explore a1") for line in lines)


def test_a_picture_without_a_session_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "_DEADLINE_SECONDS", 1.0)
    wanted = [Picture(file=tmp_path / "top.svg", size=SIZE)]
    with pretend_api([]) as api:
        sidecar = SidecarClient(api.url, Credential(lambda: TOKEN), unreachable="gone")
        with pytest.raises(ClauditorError, match="clauditor demo"):
            draw_pictures(sidecar, wanted, clock=lambda: afternoon.NOW, zone=lambda _: UTC)
    assert not (tmp_path / "top.svg").exists()


def test_the_pictures_are_not_older_than_what_they_show() -> None:
    made_of = {
        line[66:]: line[:64]
        for line in (ROOT / "docs" / "img" / "SOURCES").read_text(encoding="utf-8").splitlines()
    }
    assert {"clauditor/ui/views/detail.py", "clauditor/ui/top/app.py", "clauditor/demo/stories.py"} <= set(
        made_of
    )
    changed = [
        name
        for name, digest in made_of.items()
        if not (ROOT / name).exists() or hashlib.sha256((ROOT / name).read_bytes()).hexdigest() != digest
    ]
    assert not changed, "the pictures are old: make pictures, and look at them"
