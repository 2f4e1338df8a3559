"""install, off, on, uninstall on files: what stands in them afterwards, byte for byte."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.errors import ClauditorError
from clauditor.setup.install import apply, look, plan_install, uninstall
from clauditor.setup.json_text import parse
from clauditor.setup.record import records
from clauditor.setup.settings_file import read_settings, write_settings
from clauditor.setup.switch import go_direct, go_through
from setup.test_own import DIRECT, SCALARS, STYLES, URL, WANTED, foreign, texts

URLS = frozenset({URL})
NEWER = "http://127.0.0.1:10001"


class Home:
    """A settings file and a data directory of its own."""

    def __init__(self, directory: str | Path, content: bytes | None) -> None:
        self.data_dir = Path(directory) / "data"
        self.path = Path(directory) / "claude" / "settings.json"
        if content is not None:
            self.path.parent.mkdir()
            self.path.write_bytes(content)

    def install(self) -> bool:
        """Whether it changed anything."""
        plan = plan_install(look(self.data_dir, self.path, urls=URLS), WANTED)
        assert apply(self.data_dir, plan, upstream=DIRECT)
        return plan.changes

    def uninstall(self) -> None:
        uninstall(self.data_dir, self.path, urls=URLS)

    @property
    def content(self) -> bytes | None:
        return self.path.read_bytes() if self.path.exists() else None

    @property
    def url(self) -> Any:
        return parse(self.path.read_text(encoding="utf-8"))["env"]["ANTHROPIC_BASE_URL"]


@st.composite
def contents(draw: st.DrawFn) -> bytes | None:
    text = draw(texts()) if draw(st.booleans()) else draw(st.sampled_from(["", "{}", " \n", "{ }\n"]))
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    mark = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    return draw(st.sampled_from([None, mark + text.encode()]))


@given(contents(), st.lists(st.sampled_from(["off", "down", "on", "up", "install"]), max_size=4))
def test_uninstall_after_install_is_nothing_at_all(content: bytes | None, between: list[str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        home = Home(directory, content)
        assert home.install()
        for step in between:
            match step:
                case "off" | "down":
                    go_direct(home.data_dir, reason=step)
                case "install":
                    home.install()
                case _:
                    go_through(home.data_dir, NEWER, DIRECT, undo="any" if step == "on" else "down")
        home.uninstall()
        assert home.content == content
        assert home.path.parent.exists() == (content is not None)
        assert records(home.data_dir) == ()


@given(texts(), st.dictionaries(st.text(max_size=4), SCALARS, max_size=3), STYLES)
def test_with_foreign_edits_in_between_ours_goes_and_all_else_stays(
    text: str, edits: dict[str, Any], style: dict[str, Any]
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        home = Home(directory, text.encode())
        before = parse(text)
        home.install()
        there = foreign(parse(home.path.read_text(encoding="utf-8")), edits)
        home.path.write_text(json.dumps(there, **style), encoding="utf-8")
        home.uninstall()
        left = parse(home.path.read_text(encoding="utf-8"))
        assert left.pop("env") == before.get("env", {}) | {"THEIRS": "1"}
        assert left.pop("hooks")["Stop"][:-1] == before.get("hooks", {}).get("Stop", [])
        assert left == {key: value for key, value in before.items() if key not in ("env", "hooks")} | {
            f"x{name}": value for name, value in edits.items()
        }


@given(contents())
def test_a_second_install_writes_nothing(content: bytes | None) -> None:
    with tempfile.TemporaryDirectory() as directory:
        home = Home(directory, content)
        home.install()
        there = home.content
        assert not home.install()
        assert home.content == there


def test_off_holds_until_on_and_down_until_up(tmp_path: Path) -> None:
    home = Home(tmp_path, b"{}")
    home.install()
    assert go_direct(home.data_dir, reason="off").changed == (home.path,)
    assert go_direct(home.data_dir, reason="down").changed == ()
    assert go_through(home.data_dir, URL, DIRECT, undo="down").changed == ()
    assert home.url == DIRECT
    assert go_through(home.data_dir, NEWER, DIRECT, undo="any").changed == (home.path,)
    assert home.url == NEWER
    go_direct(home.data_dir, reason="down")
    assert home.url == DIRECT
    go_through(home.data_dir, URL, DIRECT, undo="down")
    assert home.url == URL


def test_another_upstream_is_the_direct_way_from_then_on(tmp_path: Path) -> None:
    home = Home(tmp_path, b"{}")
    home.install()
    assert go_through(home.data_dir, URL, "https://llm.corp", undo="down").changed == ()
    go_direct(home.data_dir, reason="off")
    assert home.url == "https://llm.corp"


def test_keys_meant_for_a_gateway_go_nowhere_else(tmp_path: Path) -> None:
    home = Home(tmp_path, b'{"env": {"ANTHROPIC_BASE_URL": "https://llm.corp/"}}')
    home.install()
    switched = go_through(home.data_dir, NEWER, DIRECT, undo="down")
    assert home.url == "https://llm.corp/"
    assert "clauditor up --upstream https://llm.corp/" in switched.problems[0]
    assert go_through(home.data_dir, NEWER, "https://llm.corp", undo="down").problems == ()
    assert home.url == NEWER


def test_a_file_that_was_broken_meanwhile_is_told_and_left(tmp_path: Path) -> None:
    home = Home(tmp_path, b"{}")
    home.install()
    home.path.write_bytes(b"{ broken")
    for switched in (
        go_direct(home.data_dir, reason="down"),
        go_through(home.data_dir, URL, DIRECT, undo="any"),
    ):
        assert switched.changed == ()
        assert "cannot be changed" in switched.problems[0]
    with pytest.raises(ClauditorError, match="cannot be changed"):
        home.uninstall()
    assert home.content == b"{ broken"


def test_a_file_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    home = Home(tmp_path, b"{}")
    home.install()
    home.path.unlink()
    assert go_direct(home.data_dir, reason="off").changed == ()
    home.uninstall()
    assert (home.content, records(home.data_dir)) == (None, ())


def test_nothing_installed_is_nothing_to_switch(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    assert (
        go_direct(data_dir, reason="off").changed
        == go_through(data_dir, URL, DIRECT, undo="any").changed
        == ()
    )
    assert not data_dir.exists()


def test_a_file_that_changes_under_our_hands_is_not_overwritten(tmp_path: Path) -> None:
    home = Home(tmp_path, b"{}")
    plan = plan_install(look(home.data_dir, home.path, urls=URLS), WANTED)
    home.path.write_bytes(b'{"theirs": 1}')
    assert not apply(home.data_dir, plan, upstream=DIRECT)
    assert home.content == b'{"theirs": 1}'
    assert [path.name for path in home.path.parent.iterdir()] == ["settings.json"]
    assert home.install()
    home.uninstall()
    assert home.content == b'{"theirs": 1}'


def test_a_write_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path, b'{"theirs": 1}')
    file = read_settings(home.path)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ClauditorError, match="No space left on device; it is as it was"):
        write_settings(file, b"{}")
    assert home.content == b'{"theirs": 1}'
    assert [path.name for path in home.path.parent.iterdir()] == ["settings.json"]


def test_the_mode_stays_and_a_new_file_is_private(tmp_path: Path) -> None:
    home = Home(tmp_path / "a", None)
    (tmp_path / "a").mkdir()
    home.install()
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o600
    home.path.chmod(0o664)
    go_direct(home.data_dir, reason="off")
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o664


def test_a_symlink_of_somebody_else_is_not_followed(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a symlink of another user")
    home = Home(tmp_path, None)
    home.path.parent.mkdir()
    target = tmp_path / "target.json"
    target.write_bytes(b"{}")
    home.path.symlink_to(target)
    os.lchown(home.path, 65534, 65534)
    with pytest.raises(ClauditorError, match="symbolic link of another user"):
        read_settings(home.path)
    home.path.unlink()
    home.path.symlink_to(target)
    os.chown(target, 65534, 65534)
    with pytest.raises(ClauditorError, match="belongs to another user"):
        read_settings(home.path)


def test_links_in_a_chain_are_followed_and_circles_refused(tmp_path: Path) -> None:
    home = Home(tmp_path, None)
    home.path.parent.mkdir()
    (tmp_path / "real.json").write_bytes(b"{}")
    (tmp_path / "one").symlink_to("real.json")
    home.path.symlink_to("../one")
    assert read_settings(home.path).target == tmp_path / "real.json"
    home.path.unlink()
    home.path.symlink_to("settings.json")
    with pytest.raises(ClauditorError, match="circle"):
        read_settings(home.path)
