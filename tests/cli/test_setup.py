"""install, uninstall, on, off: what they do to the user's settings file, and what they say."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clauditor.demo import Simulator
from clauditor.hooks.command import EVENTS
from clauditor.setup.settings_file import LIMIT_BYTES
from cli.conftest import Cli

THEIRS = """{
    "model": "opus",
    "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "say done"}]}]},
    "statusLine": {"type": "command", "command": "my line", "padding": 0}
}
"""


@pytest.fixture(scope="module")
def vendor() -> Iterator[Simulator]:
    with Simulator(seed=7) as running:
        yield running


@pytest.fixture
def environ(cli_environ: dict[str, str], vendor: Simulator) -> dict[str, str]:
    cli_environ["CLAUDITOR_UPSTREAM"] = vendor.url
    return cli_environ


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    directory = tmp_path / "home" / ".claude"
    directory.mkdir(parents=True)
    path = directory / "settings.json"
    path.write_text(THEIRS, encoding="utf-8")
    path.chmod(0o640)
    return path


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def url_of(cli: Cli) -> str:
    return str(json.loads(cli("status", "--json").stdout)["proxy"]["url"])


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


@pytest.fixture
def run(environ: dict[str, str], settings: Path, cli: Cli) -> Cli:
    return cli


def test_install_writes_its_keys_and_leaves_everything_else(
    run: Cli, settings: Path, vendor: Simulator
) -> None:
    done = run("install", "--yes")
    assert done.returncode == 0, done.stderr
    there = read(settings)
    assert there["env"] == {"ANTHROPIC_BASE_URL": url_of(run), "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1"}
    assert there["model"] == "opus"
    assert set(there["hooks"]) == set(EVENTS)
    assert there["hooks"]["Stop"][0] == {"hooks": [{"type": "command", "command": "say done"}]}
    for event in EVENTS:
        (entry,) = there["hooks"][event][-1]["hooks"]
        assert entry["type"] == "command"
        assert entry["async"] is True
        assert Path(entry["command"].split()[0].strip("'")).is_absolute()
    assert there["statusLine"]["padding"] == 0
    assert there["statusLine"]["command"].endswith("--wrap 'my line'")
    assert settings.read_text(encoding="utf-8").startswith(THEIRS[: THEIRS.index("]")])
    assert stat.S_IMODE(settings.stat().st_mode) == 0o640
    assert set(files(settings.parent)) == {"settings.json"}
    for said in (
        vendor.url,
        "env.ANTHROPIC_BASE_URL",
        "statusLine",
        "hooks",
        "from their next prompt",
        "uninstall",
    ):
        assert said in done.stdout


def test_a_second_install_changes_nothing_and_says_so(run: Cli, settings: Path) -> None:
    run("install", "--yes")
    before = settings.read_bytes(), settings.stat().st_mtime_ns
    done = run("install")  # nothing to be written, nothing to be asked
    assert (done.returncode, settings.read_bytes(), settings.stat().st_mtime_ns) == (0, *before)
    assert "Nothing to change" in done.stdout


def test_uninstall_puts_the_file_back_byte_for_byte(run: Cli, settings: Path, tmp_path: Path) -> None:
    run("install", "--yes")
    run("off")
    run("on")
    run("install", "--yes")
    done = run("uninstall", "--yes")
    assert done.returncode == 0
    assert settings.read_text(encoding="utf-8") == THEIRS
    assert stat.S_IMODE(settings.stat().st_mode) == 0o640
    assert "byte for byte" in done.stdout
    assert "clauditor down" in done.stdout
    again = run("uninstall", "--yes")
    assert (again.returncode, settings.read_text(encoding="utf-8")) == (0, THEIRS)
    assert "Nothing of Clauditor" in again.stdout


def test_uninstall_after_foreign_edits_takes_out_its_own_keys_and_names_them(
    run: Cli, settings: Path
) -> None:
    run("install", "--yes")
    there = read(settings)
    there["effortLevel"] = "high"
    there["env"]["DEBUG"] = "1"
    settings.write_text(json.dumps(there, indent=2), encoding="utf-8")
    done = run("uninstall", "--yes")
    assert read(settings) == json.loads(THEIRS) | {"effortLevel": "high", "env": {"DEBUG": "1"}}
    for name in (
        "env.ANTHROPIC_BASE_URL",
        "env.CLAUDE_CODE_GATEWAY_HINT_HEADERS",
        "statusLine",
        "hooks.Stop",
    ):
        assert name in done.stdout
    assert settings.read_text(encoding="utf-8").startswith('{\n  "model"')


def test_without_a_settings_file_there_is_none_afterwards(run: Cli, settings: Path) -> None:
    settings.unlink()
    settings.parent.rmdir()
    assert run("install", "--yes").returncode == 0
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    assert run("uninstall", "--yes").returncode == 0
    assert not settings.parent.exists()


def test_a_dry_run_shows_the_plan_writes_nothing_and_starts_nothing(
    run: Cli, settings: Path, tmp_path: Path
) -> None:
    done = run("install", "--dry-run")
    assert done.returncode == 0
    assert "env.ANTHROPIC_BASE_URL" in done.stdout
    assert "Nothing was written" in done.stdout
    assert settings.read_text(encoding="utf-8") == THEIRS
    assert not (tmp_path / "data").exists()


def test_without_a_terminal_and_without_yes_nothing_is_written(run: Cli, settings: Path) -> None:
    done = run("install")
    assert done.returncode == 1
    assert done.stderr == "clauditor: This asks before it writes; without a terminal, give --yes.\n"
    assert settings.read_text(encoding="utf-8") == THEIRS
    run("install", "--yes")
    installed = settings.read_bytes()
    assert (run("uninstall").returncode, settings.read_bytes()) == (1, installed)


def test_off_writes_the_upstreams_address_and_on_the_proxys(
    run: Cli, settings: Path, vendor: Simulator, tmp_path: Path
) -> None:
    run("install", "--yes")
    installed = settings.read_bytes()
    done = run("off")
    assert (done.returncode, read(settings)["env"]["ANTHROPIC_BASE_URL"]) == (0, vendor.url)
    assert (tmp_path / "data" / "run" / "stopped").exists()
    assert "clauditor on" in done.stdout
    assert "Already off" in run("off").stdout
    done = run("on")
    assert (done.returncode, settings.read_bytes()) == (0, installed)
    assert not (tmp_path / "data" / "run" / "stopped").exists()
    assert "Already on" in run("on").stdout


def test_on_starts_the_stack_and_follows_it_to_another_port(run: Cli, settings: Path) -> None:
    run("install", "--yes")
    run("off")
    run("down", "--yes")
    old = url_of(run)
    port = int(old.rpartition(":")[2])
    assert run("on", "--port", str(port + 1)).returncode == 0
    assert read(settings)["env"]["ANTHROPIC_BASE_URL"] == url_of(run) != old


@pytest.mark.parametrize("command", ["off", "uninstall"])
def test_where_nothing_is_installed_there_is_nothing_to_do(run: Cli, settings: Path, command: str) -> None:
    done = run(command, "--yes")
    assert done.returncode == 0
    assert "Nothing" in done.stdout
    assert settings.read_text(encoding="utf-8") == THEIRS


def test_on_without_install_names_it(run: Cli) -> None:
    done = run("on")
    assert done.returncode == 1
    assert "clauditor install" in done.stderr


def test_an_address_that_somebody_wrote_since_is_left_alone(run: Cli, settings: Path) -> None:
    run("install", "--yes")
    url = url_of(run)
    settings.write_text(
        settings.read_text(encoding="utf-8").replace(url, "https://llm.corp"), encoding="utf-8"
    )
    run("off")
    run("on")
    assert read(settings)["env"]["ANTHROPIC_BASE_URL"] == "https://llm.corp"
    run("uninstall", "--yes")
    assert read(settings) == json.loads(THEIRS) | {"env": {"ANTHROPIC_BASE_URL": "https://llm.corp"}}


def test_a_symlink_of_the_users_is_followed_and_stays(run: Cli, settings: Path, tmp_path: Path) -> None:
    dotfiles = tmp_path / "dotfiles" / "claude.json"
    dotfiles.parent.mkdir()
    settings.rename(dotfiles)
    settings.symlink_to(dotfiles)
    done = run("install", "--yes")
    assert settings.is_symlink()
    assert "env" in read(dotfiles)
    assert str(dotfiles) in done.stdout
    run("uninstall", "--yes")
    assert (settings.is_symlink(), dotfiles.read_text(encoding="utf-8")) == (True, THEIRS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'// mine\n{"a": 1}', "no JSON that can be read"),
        (b"{", "no JSON that can be read"),
        (b"[]", "no JSON object"),
        (b"\xff{}", "not UTF-8"),
        (b'{"env": 1}', "env in it is not an object"),
        (b'{"a": 1, "a": 2}', "two members of the same name"),
        (b'{"a": "' + b"x" * LIMIT_BYTES + b'"}', "larger than a settings file can be"),
    ],
)
def test_a_file_that_cannot_be_understood_is_not_touched(
    run: Cli, settings: Path, tmp_path: Path, content: bytes, words: str
) -> None:
    settings.write_bytes(content)
    done = run("install", "--yes")
    assert done.returncode == 1
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert settings.read_bytes() == content
    assert not (tmp_path / "data").exists()


def test_a_file_that_cannot_be_written_is_not_touched(run: Cli, settings: Path, tmp_path: Path) -> None:
    settings.chmod(0o440)
    assert "read-only" in run("install", "--yes").stderr
    settings.unlink()
    settings.symlink_to(tmp_path / "nowhere")
    assert "does not exist" in run("install", "--yes").stderr
    settings.unlink()
    settings.mkdir()
    assert "is a directory" in run("install", "--yes").stderr
    settings.rmdir()
    os.mkfifo(settings)
    assert "no regular file" in run("install", "--yes").stderr


def test_a_gateway_is_never_overwritten_in_silence(run: Cli, settings: Path) -> None:
    content = '{"env": {"ANTHROPIC_BASE_URL": "https://llm.corp/"}}'
    settings.write_text(content, encoding="utf-8")
    done = run("install", "--yes")
    assert done.returncode == 1
    assert "~/.claude/settings.json already sends Claude to https://llm.corp/." in done.stderr
    assert "clauditor up --upstream https://llm.corp/" in done.stderr
    assert settings.read_text(encoding="utf-8") == content
    done = run("install", "--yes", environ={"ANTHROPIC_BASE_URL": "https://other.corp"})
    assert "llm.corp" in done.stderr
    settings.write_text("{}", encoding="utf-8")
    done = run("install", "--yes", environ={"ANTHROPIC_BASE_URL": "https://other.corp"})
    assert "ANTHROPIC_BASE_URL already sends Claude to https://other.corp." in done.stderr


def test_a_gateway_that_is_the_upstream_is_adopted_and_comes_back(
    run: Cli, settings: Path, vendor: Simulator, environ: dict[str, str]
) -> None:
    content = f'{{"env": {{"ANTHROPIC_BASE_URL": "{vendor.url}/"}}}}'
    settings.write_text(content, encoding="utf-8")
    assert run("install", "--yes").returncode == 0
    assert read(settings)["env"]["ANTHROPIC_BASE_URL"] == url_of(run)
    run("off")
    assert read(settings)["env"]["ANTHROPIC_BASE_URL"] == vendor.url + "/"
    run("down", "--yes")
    environ["CLAUDITOR_UPSTREAM"] = "http://localhost:" + vendor.url.rpartition(":")[2]
    done = run("on")
    assert done.returncode == 1
    assert f"clauditor up --upstream {vendor.url}/" in done.stderr
    assert read(settings)["env"]["ANTHROPIC_BASE_URL"] == vendor.url + "/"
    run("uninstall", "--yes")
    assert settings.read_text(encoding="utf-8") == content


@pytest.mark.parametrize(
    "variable", ["CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY"]
)
def test_another_provider_is_said_and_nothing_written(run: Cli, settings: Path, variable: str) -> None:
    done = run("install", "--yes", environ={variable: "1"})
    assert done.returncode == 1
    assert variable in done.stderr
    content = json.dumps({"env": {variable: "true"}})
    settings.write_text(content, encoding="utf-8")
    assert variable in run("install", "--yes").stderr
    assert settings.read_text(encoding="utf-8") == content


def test_an_upstream_that_is_not_reached_is_not_put_into_the_settings(
    run: Cli, settings: Path, environ: dict[str, str]
) -> None:
    environ["CLAUDITOR_UPSTREAM"] = "http://127.0.0.1:1"
    for _ in range(2):  # with a stack that was started now, and with one that ran before
        done = run("install", "--yes")
        assert done.returncode == 1
        assert "refuses connections" in done.stderr
        assert settings.read_text(encoding="utf-8") == THEIRS


def test_a_company_proxy_is_not_asked_for_this_machine(run: Cli, settings: Path) -> None:
    content = json.dumps({"env": {"NO_PROXY": ".corp", "HTTPS_PROXY": "http://proxy.corp:3128"}})
    settings.write_text(content, encoding="utf-8")
    done = run("install", "--yes", environ={"no_proxy": "elsewhere"})
    env = read(settings)["env"]
    assert (env["NO_PROXY"], env["no_proxy"]) == (
        ".corp,127.0.0.1,localhost",
        "elsewhere,127.0.0.1,localhost",
    )
    assert "NO_PROXY" in done.stdout
    settings.write_text("{}", encoding="utf-8")
    run("install", "--yes", environ={"HTTPS_PROXY": "http://proxy.corp:3128"})
    assert "Nothing to change" in run("install", "--yes").stdout  # from a shell that knows no proxy
    run("uninstall", "--yes")
    assert settings.read_text(encoding="utf-8") == "{}"
    settings.write_text(content, encoding="utf-8")
    run("install", "--yes")
    run("uninstall", "--yes")
    assert settings.read_text(encoding="utf-8") == content


def test_what_beats_the_users_settings_is_said(run: Cli, settings: Path, tmp_path: Path) -> None:
    project = tmp_path / "work" / ".claude"
    project.mkdir()
    (project / "settings.json").write_text(
        json.dumps({"env": {"ANTHROPIC_BASE_URL": "https://llm.corp"}, "statusLine": {}}), encoding="utf-8"
    )
    settings.write_text('{"disableAllHooks": true}', encoding="utf-8")
    done = run("install", "--dry-run")
    assert "https://llm.corp in this project" in done.stderr
    assert "status line of its own" in done.stderr
    assert "disableAllHooks" in done.stderr


def test_another_configuration_directory_is_respected(run: Cli, settings: Path, tmp_path: Path) -> None:
    other = tmp_path / "other claude"
    assert run("install", "--yes", environ={"CLAUDE_CONFIG_DIR": str(other)}).returncode == 0
    assert "env" in read(other / "settings.json")
    assert settings.read_text(encoding="utf-8") == THEIRS
    run("uninstall", "--yes")  # also from a shell that does not know of it
    assert not other.exists()


def lose_records(directory: Path) -> None:
    for path in (directory / "data" / "installed").glob("*.json"):
        path.unlink()


def test_a_lost_record_is_no_obstacle(run: Cli, settings: Path, tmp_path: Path) -> None:
    run("install", "--yes")
    lose_records(tmp_path)
    assert "Nothing to change" in run("install", "--yes").stdout
    lose_records(tmp_path)
    done = run("uninstall", "--yes")
    assert "Sending open sessions direct first" in done.stdout
    assert read(settings) == json.loads(THEIRS)


def test_the_record_is_private(run: Cli, settings: Path, tmp_path: Path) -> None:
    run("install", "--yes")
    kept = [path for path in (tmp_path / "data" / "installed").rglob("*") if path.is_file()]
    assert kept
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}


def answered(environ: dict[str, str], directory: Path, answers: str, *arguments: str) -> tuple[int, str]:
    """Run a command in a terminal where a person types `answers`: its exit code and what it showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "clauditor", *arguments],
        env=environ,
        cwd=directory,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.close(theirs)
    try:
        os.write(ours, answers.encode())
        shown, _ = process.communicate(timeout=30)
    finally:
        os.close(ours)
    return process.returncode, shown


def test_a_person_who_says_no_has_everything_as_before(
    run: Cli, environ: dict[str, str], settings: Path, tmp_path: Path
) -> None:
    code, shown = answered(environ, tmp_path / "work", "n\n", "install")
    assert (code, settings.read_text(encoding="utf-8")) == (0, THEIRS)
    assert "Write this? [y/N]" in shown
    assert "Nothing was changed." in shown
    assert run("status").returncode == 1
    run("install", "--yes")
    installed = settings.read_bytes()
    code, shown = answered(environ, tmp_path / "work", "n\n", "uninstall")
    assert (code, settings.read_bytes()) == (0, installed)
    assert "~/.claude/settings.json" in shown


def test_a_gateway_is_adopted_when_a_person_wants_that(
    run: Cli, environ: dict[str, str], settings: Path, vendor: Simulator, tmp_path: Path
) -> None:
    del environ["CLAUDITOR_UPSTREAM"]  # Anthropic's, then
    content = json.dumps({"env": {"ANTHROPIC_BASE_URL": vendor.url}})
    settings.write_text(content, encoding="utf-8")
    code, shown = answered(environ, tmp_path / "work", "n\n", "install")
    assert (code, settings.read_text(encoding="utf-8")) == (0, content)
    code, shown = answered(environ, tmp_path / "work", "y\ny\n", "install")
    assert code == 0, shown
    assert f"~/.claude/settings.json sends Claude to {vendor.url}" in shown
    assert json.loads(run("status", "--json").stdout)["upstream"] == vendor.url
    assert read(settings)["env"]["ANTHROPIC_BASE_URL"] == url_of(run)
    run("uninstall", "--yes")
    assert settings.read_text(encoding="utf-8") == content
