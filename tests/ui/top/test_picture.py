"""The picture in the README."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest

from clauditor.client import SidecarClient
from clauditor.errors import ClauditorError
from clauditor.ui.top import picture
from clauditor.ui.top.picture import write_picture
from ui import afternoon
from ui.pretend_api import TOKEN, pretend_api


def test_picture_shows_the_sessions_and_names_no_other_host(tmp_path: Path) -> None:
    path = tmp_path / "top.svg"
    with pretend_api(afternoon.with_signals()) as api:
        sidecar = SidecarClient(api.url, TOKEN, unreachable="gone")
        write_picture(sidecar, path, width=100, height=26, clock=lambda: afternoon.NOW, zone=lambda _: UTC)
    svg = path.read_text(encoding="utf-8").replace("&#160;", " ")
    for expected in ("<svg", "fix login test", "1 asks you", "today ~$38.40", "q</text>"):
        assert expected in svg
    assert "font-face" not in svg
    assert "cdn" not in svg


def test_picture_without_a_session_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "_DEADLINE_SECONDS", 1.0)
    with pretend_api([]) as api, pytest.raises(ClauditorError, match="clauditor demo"):
        write_picture(SidecarClient(api.url, TOKEN, unreachable="gone"), tmp_path / "top.svg")
    assert not (tmp_path / "top.svg").exists()
