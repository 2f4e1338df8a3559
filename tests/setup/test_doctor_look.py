"""doctor's looks at a real machine: files, processes, sockets and programs as they are."""

from __future__ import annotations

import json
import os
import pwd
import socket
import stat
import struct
import sys
import threading
import time
from pathlib import Path

import pytest

from clauditor.config import load_settings
from clauditor.errors import ClauditorError
from clauditor.setup.commands import command
from clauditor.setup.doctor.facts import ClientSource
from clauditor.setup.doctor.finding import Unseen
from clauditor.setup.doctor.gather import LOOKS, gather
from clauditor.setup.doctor.look import client, machine, program, recording, stack, upstream
from clauditor.setup.doctor.look.scene import Scene
from clauditor.store.database import SCHEMA_VERSION, open_for_writing


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    for name in ("home/.claude", "work/.claude", "bin"):
        (tmp_path / name).mkdir(parents=True)
    flags = {"data_dir": tmp_path / "data", "upstream": "http://127.0.0.1:1", "port": 1, "api_port": 2}
    return Scene(
        settings=load_settings(flags, environ={}),
        environ={"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
        directory=tmp_path / "work",
        home=tmp_path / "home",
        now=1_800_000_000.0,
    )


def write_settings(path: Path, **content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def test_every_part_of_the_facts_is_looked_at_and_looking_makes_nothing(scene: Scene) -> None:
    facts = gather(scene, seconds=30)
    unseen = {name for name in LOOKS if isinstance(getattr(facts, name), Unseen)}
    assert unseen <= {"recording", "passing"}  # nothing runs here; only Linux shows processes
    assert set(LOOKS) == set(type(facts).__slots__) - {"now", "home", "known"}
    assert not scene.settings.data_dir.exists()


def test_what_hangs_is_left_behind_and_what_fails_hides_nothing_else(scene: Scene) -> None:
    release = threading.Event()

    def hang(_scene: Scene) -> object:
        release.wait(30)
        return None

    def fail(_scene: Scene) -> object:
        raise ValueError("odd")

    def refuse(_scene: Scene) -> object:
        raise ClauditorError("It is not there.")

    looks = {"way": hang, "envoy": fail, "stack": refuse, "tools": machine.look_at_tools}
    began = time.monotonic()
    facts = gather(scene, looks=looks, seconds=0.5)
    release.set()
    assert time.monotonic() - began < 10
    assert facts.way == Unseen("no answer within 0 s")
    assert facts.envoy == Unseen("ValueError('odd')")
    assert facts.stack == Unseen("It is not there")
    assert not isinstance(facts.tools, Unseen)


def test_the_program_from_the_package_is_found_with_its_digest(scene: Scene) -> None:
    found = program.look(scene)
    assert found.path.is_file()
    assert len(found.digest) == 64


def test_settings_are_read_in_the_order_in_which_they_win(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy"
    (policy / "managed-settings.d").mkdir(parents=True)
    monkeypatch.setattr(client, "POLICY", policy)
    for path, url in (
        (policy / "managed-settings.json", "http://policy"),
        (policy / "managed-settings.d" / "10-a.json", "http://first"),
        (policy / "managed-settings.d" / "20-b.json", "http://second"),
        (scene.directory / ".claude/settings.local.json", "http://local"),
        (scene.directory / ".claude/settings.json", "http://project"),
        (scene.home / ".claude/settings.json", "http://user"),
    ):
        write_settings(path, env={"ANTHROPIC_BASE_URL": url, "SECRET": "x"})
    found = client.look(scene).sources
    assert [(one.scope, one.variables) for one in found[:-1]] == [
        (scope, {"ANTHROPIC_BASE_URL": url})
        for scope, url in (
            ("managed policy", "http://second"),
            ("managed policy", "http://first"),
            ("managed policy", "http://policy"),
            ("local", "http://local"),
            ("project", "http://project"),
            ("user", "http://user"),
        )
    ]
    assert found[-1].scope == "shell"


def test_in_the_home_directory_the_users_file_is_not_taken_for_the_projects(scene: Scene) -> None:
    write_settings(scene.home / ".claude/settings.json", env={"ANTHROPIC_BASE_URL": "http://user"})
    at_home = Scene(
        settings=scene.settings, environ=scene.environ, directory=scene.home, home=scene.home, now=scene.now
    )
    assert [one.scope for one in client.look(at_home).sources] == ["user", "shell"]


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00\xff", "[" * 100_000, '{"env": [], "hooks": 1}'])
def test_a_settings_file_may_hold_anything(scene: Scene, content: str) -> None:
    (scene.home / ".claude/settings.json").write_text(content, encoding="latin-1")
    found = client.look(scene).sources[0]
    assert found.scope == "user"
    assert (found.trouble is None) == (content.startswith('{"env"'))


def test_what_install_writes_is_known_again_and_its_program_looked_for(scene: Scene) -> None:
    hooks = {
        "Stop": [{"hooks": [{"type": "command", "command": command("hook", scene.settings), "async": True}]}],
        "SessionStart": [
            {"hooks": [{"type": "command", "command": "/gone/clauditor hook"}, {"command": "say hook"}, 7]}
        ],
    }
    line = {"type": "command", "command": f"{command('statusline', scene.settings)} --wrap 'my line'"}
    write_settings(scene.home / ".claude/settings.json", hooks=hooks, statusLine=line)
    found = client.look(scene).sources[0]
    assert isinstance(found, ClientSource)
    assert [(hook.event, hook.is_async, hook.missing) for hook in found.hooks] == [
        ("Stop", True, None),
        ("SessionStart", False, "/gone/clauditor"),
    ]
    assert (found.status_line, found.status_line_missing) == ("ours", None)


def test_the_clients_version_is_read_from_how_it_is_installed(scene: Scene, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    script = f"#!/bin/sh\ntouch {asked}\necho '2.1.99 (Claude Code)'\n"
    native = executable(tmp_path / "versions" / "2.1.330", script)
    (tmp_path / "bin/claude").symlink_to(native)
    assert client.look(scene).version == "2.1.330"

    package = executable(tmp_path / "node_modules/@anthropic-ai/claude-code/cli.js", script)
    write_settings(package.parent / "package.json", name="@anthropic-ai/claude-code", version="2.0.36")
    (tmp_path / "bin/claude").unlink()
    (tmp_path / "bin/claude").symlink_to(package)
    assert client.look(scene).version == "2.0.36"
    assert not asked.exists()

    (tmp_path / "bin/claude").unlink()
    executable(tmp_path / "bin/claude", script)
    assert client.look(scene).version == "2.1.99"
    assert asked.exists()


def test_a_program_called_claude_that_says_nothing_has_no_version(scene: Scene, tmp_path: Path) -> None:
    executable(tmp_path / "bin/claude", "#!/bin/sh\nexit 3\n")
    assert client.look(scene).version is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who listens")
def test_a_stranger_on_the_proxys_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        flags = {"data_dir": tmp_path / "data", "port": server.getsockname()[1], "api_port": 1}
        scene = Scene(
            settings=load_settings(flags, environ={}), environ={}, directory=tmp_path, home=tmp_path, now=0.0
        )
        (found,) = stack.look_at_ports(scene).proxy.owners
    assert found.name.endswith(f"(pid {os.getpid()}, user {pwd.getpwuid(os.getuid()).pw_name})")
    assert (found.is_expected, found.is_same_user) == (False, True)


def test_an_upstream_that_refuses_is_told_and_leaves_no_file(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "bin"))
    found = upstream.look(scene)
    assert (found.is_reached, found.is_anthropic, found.asked_by) == (False, False, "this command line")
    assert "refuses connections" in found.text
    assert list((tmp_path / "bin").iterdir()) == []


def test_the_history_is_known_by_its_head_and_not_touched(scene: Scene) -> None:
    data_dir = scene.settings.data_dir
    assert not recording.look_at_history(scene).exists
    data_dir.mkdir()
    path = data_dir / "clauditor.db"
    open_for_writing(path).close()
    before = {one.name: one.stat().st_mtime_ns for one in data_dir.iterdir()}
    found = recording.look_at_history(scene)
    assert (found.is_ours, found.schema) == (True, SCHEMA_VERSION)
    assert {one.name: one.stat().st_mtime_ns for one in data_dir.iterdir()} == before

    newer = bytearray(path.read_bytes())
    newer[60:64] = struct.pack(">I", SCHEMA_VERSION + 1)
    path.write_bytes(newer)
    assert recording.look_at_history(scene).schema == SCHEMA_VERSION + 1
    path.write_bytes(b"not a database")
    assert not recording.look_at_history(scene).is_ours
    path.write_bytes(b"")
    assert recording.look_at_history(scene).is_ours  # begun, and all of it still in its journal
    (data_dir / "clauditor.db.broken-1").touch()
    (data_dir / "clauditor.db.broken-1-wal").touch()
    assert recording.look_at_history(scene).broken == ("clauditor.db.broken-1",)


def test_modes_links_and_sizes_are_seen(scene: Scene) -> None:
    data_dir = scene.settings.data_dir
    data_dir.mkdir(mode=0o700)
    (data_dir / "token").write_text("x" * 1000, encoding="ascii")
    (data_dir / "token").chmod(0o644)
    (data_dir / "salt").symlink_to("/etc/hostname")
    found = {one.path.name: one for one in machine.look_at_files(scene)}
    assert found["token"].mode == 0o644
    assert found["salt"].is_link
    assert stat.filemode(found["data"].mode) == "?rwx------"
    assert machine.look_at_disk(scene).used_bytes == 1000


def test_the_clock_knows_its_zone_and_the_youngest_file(scene: Scene) -> None:
    assert machine.look_at_clock(scene).newest_file_at is None
    scene.settings.data_dir.mkdir()
    file = scene.settings.data_dir / "token"
    file.touch()
    os.utime(file, (scene.now, scene.now + 7200))
    found = machine.look_at_clock(scene)
    assert found.newest_file_at == scene.now + 7200
    assert "(" in found.zone
