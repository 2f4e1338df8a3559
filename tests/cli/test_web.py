"""`clauditor web`: an address that lets one page in; it says so where no browser can show itself."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from clauditor.cli.web import has_screen, web
from support.served import TOKEN, serving


@pytest.mark.parametrize(
    ("environ", "platform", "can_show"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ""}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"BROWSER": "firefox"}, "linux", True),
        ({}, "darwin", True),
    ],
)
def test_a_browser_is_opened_only_where_it_can_be_seen(
    environ: dict[str, str], platform: str, can_show: bool
) -> None:
    assert has_screen(environ, platform) is can_show


@pytest.mark.parametrize("option", [["--print"], []])
async def test_the_address_lets_in_once_and_holds_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: list[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "token").write_text(TOKEN)
    async with serving(tmp_path) as sidecar:
        base = f"http://127.0.0.1:{sidecar.port}"
        arguments = ["--data-dir", str(tmp_path), "--url", base, *option]
        done = await asyncio.to_thread(CliRunner().invoke, web, arguments)
        assert done.exit_code == 0, done.output
        assert TOKEN not in done.output
        (code,) = re.findall(rf"{base}/#code=([\w-]+)", done.stdout)
        answer = await sidecar.client.post("/api/v1/page/key", json={"code": code})
        assert answer.status_code == 200
        assert ("ssh -N -L" in done.output) is not bool(option)
