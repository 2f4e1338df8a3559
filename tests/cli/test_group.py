"""The command line as a whole: its help, its default, its manners when something goes wrong."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from clauditor import __version__
from clauditor import cli as command_line
from clauditor.cli import COMMANDS, GROUPS, HIDDEN, Commands, main
from clauditor.cli.examples import EXAMPLES

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
# What only its makers can read: names of Python's private parts, of modules, of this machine.
PRIVATE = re.compile(r"\b_[a-z]|clauditor\.[a-z]+\.|/work/|/root/|None\b|Traceback|TODO")


def leaves() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its name as it is typed."""
    group = command_line.cli
    assert isinstance(group, Commands)
    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        yield from _inside(name, command)


def _inside(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for inner, sub in command.commands.items():
            yield from _inside(f"{name} {inner}", sub)
    else:
        yield name, command


LEAVES = dict(leaves())
QUICK = ("hook", "statusline")  # they read their options themselves, for speed


def test_help_has_three_groups_and_nothing_else(cli: Cli) -> None:
    text = cli("--help").stdout
    assert [line for line in text.splitlines() if line.endswith(":")] == ["Every day:", "Set-up:", "More:"]
    shown = [line.split()[0] for line in text.splitlines() if re.match(r"  \S+  +\S", line)]
    assert shown == [name for commands in GROUPS.values() for name in commands]
    assert not set(HIDDEN) & set(shown)
    assert max(map(len, text.splitlines())) <= 80
    assert "Exit codes: 0 " in text


@pytest.mark.parametrize("name", LEAVES)
def test_every_commands_help_works_and_has_examples(name: str) -> None:
    done = CliRunner().invoke(command_line.cli, [*name.split(), "--help"])
    assert done.exit_code == 0, done.output
    assert "Examples:" in done.output
    assert PRIVATE.search(done.output) is None
    assert LEAVES[name].help


@pytest.mark.parametrize("name", sorted(set(LEAVES) - set(QUICK)))
def test_every_command_takes_data_dir_and_config_after_its_name(name: str) -> None:
    taken = {option for parameter in LEAVES[name].params for option in parameter.opts}
    assert {"--data-dir", "--config"} <= taken


@pytest.mark.parametrize("name", QUICK)
def test_the_quick_ones_take_them_too(name: str, cli: Cli, tmp_path: Path) -> None:
    done = cli(name, "--data-dir", str(tmp_path / "x"), "--config", str(tmp_path / "none.toml"), stdin="{}")
    assert (done.returncode, done.stderr) == (0, "")


def test_examples_belong_to_commands_that_exist() -> None:
    groups = {name for name in COMMANDS if name not in LEAVES}
    assert set(EXAMPLES) == set(LEAVES) | groups


@pytest.mark.parametrize("line", [line for examples in EXAMPLES.values() for line, _ in examples])
def test_every_example_is_a_line_that_works(line: str) -> None:
    """Its words are taken as the command line takes them; nothing is run."""
    told = re.search(r"clauditor\b([^|>)]*)", line)
    assert told is not None
    words = shlex.split(told[1].replace("$(", "").strip('"')) or ["top"]
    name = next(name for name in (" ".join(words[:2]), words[0]) if name in LEAVES)
    command, given = LEAVES[name], words[len(name.split()) :]
    if name in QUICK:
        assert all(word == "--wrap" or not word.startswith("--") for word in given)
    else:
        command.make_context(name, given)


def test_help_imports_no_heavy_library() -> None:
    code = (
        "import sys\nfrom clauditor.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'grpc', 'textual', 'uvicorn', 'httpx', 'asyncio', 'ssl', 'sqlite3', 'apsw', 'clauditor.daemon'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stderr == "[]\n"


def test_version(cli: Cli) -> None:
    assert cli("--version").stdout == f"clauditor {__version__}\n"


def test_without_a_command_it_is_top() -> None:
    group = command_line.cli
    assert group.make_context("clauditor", [])._protected_args == ["top"]
    assert group.make_context("clauditor", ["--once"])._protected_args == ["top"]
    assert group.make_context("clauditor", ["status"])._protected_args == ["status"]


def test_an_unknown_command_is_a_usage_error(cli: Cli) -> None:
    refused = cli("upp")
    assert refused.returncode == 2
    assert "No such command 'upp'" in refused.stderr


def test_help_is_a_command_too(cli: Cli) -> None:
    assert cli("help").stdout == cli("--help").stdout
    assert cli("help", "down").stdout == cli("down", "--help").stdout


@pytest.mark.parametrize("arguments", [["status", "extra"], ["run"], ["show"], ["up", "--port", "x"]])
def test_a_usage_error_is_whole_sentences(cli: Cli, arguments: list[str]) -> None:
    refused = cli(*arguments)
    assert refused.returncode == 2
    assert re.fullmatch(rf"clauditor: [^\n]+[^.]\. See clauditor {arguments[0]} --help\.\n", refused.stderr)


def test_output_that_cannot_be_written_is_one_sentence(cli_environ: dict[str, str]) -> None:
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(
            [sys.executable, "-P", "-m", "clauditor", "status", "--json"],
            env=cli_environ,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert found.returncode == 1
    assert found.stderr == "clauditor: Cannot write the output: No space left on device.\n"


def test_ctrl_c_while_it_is_loaded_shows_no_traceback(cli_environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("print('loading', flush=True)\nimport time\ntime.sleep(30)\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "clauditor", "status"],
        env=cli_environ | {"PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"loading\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=10) == (b"", b"")
    assert process.returncode == -signal.SIGINT


def test_a_reader_that_has_enough_is_no_error(cli_environ: dict[str, str]) -> None:
    readable, writable = os.pipe()
    os.close(readable)
    found = subprocess.run(
        [sys.executable, "-P", "-m", "clauditor", "--help"],
        env=cli_environ,
        stdout=writable,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writable)
    assert (found.returncode, found.stderr) == (1, b"")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, ""),
        (
            FileNotFoundError(2, "No such file or directory", "/x"),
            1,
            "clauditor: No such file or directory (/x).\n",
        ),
        (ValueError("odd"), 1, "clauditor: A mistake in Clauditor itself: ValueError in test_group.py:"),
    ],
)
def test_failures_have_a_code_and_no_traceback(
    error: BaseException,
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.delenv("CLAUDITOR_DEBUG", raising=False)
    monkeypatch.setattr(Commands, "get_command", lambda *_: failing)
    with pytest.raises(SystemExit) as exit_:
        main(["status"])
    assert exit_.value.code == code
    said = capsys.readouterr().err
    assert said.strip().startswith(words.strip())
    assert "Traceback" not in said


def test_a_mistyped_command_names_the_one_that_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    for typed, said in (("sesions", "'sesions' (sessions?)"), ("xyzzy", "'xyzzy'")):
        with pytest.raises(SystemExit) as ended:
            main([typed])
        assert ended.value.code == 2
        assert capsys.readouterr().err == f"clauditor: No such command {said}. See clauditor --help.\n"
