"""top --once, sessions, show: as processes, against an API over a real socket."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import click
import pytest

from clauditor.cli.spend import spend
from clauditor.cli.view import LEVELS, SORTS, STATES, sessions
from clauditor.edge.endpoints import SESSIONS, SPEND
from ui import afternoon
from ui.pretend_api import TOKEN, PretendApi, pretend_api

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[PretendApi]:
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    (data_dir / "token").write_text(TOKEN, encoding="utf-8")
    with pretend_api(afternoon.first_release()) as running:
        yield running


def test_once_prints_the_screen_as_text(cli: Cli, api: PretendApi) -> None:
    done = cli("top", "--once", "--url", api.url)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith(" clauditor   ")
    assert any(line.startswith("   webshop fix login test  approve ") for line in lines)
    assert "── webshop: fix login test " in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, lines)) <= 80


def test_without_a_terminal_top_prints_once(cli: Cli, api: PretendApi) -> None:
    done = cli("--url", api.url)
    assert done.returncode == 0
    assert "webshop fix login test" in done.stdout


@pytest.mark.parametrize("columns", ["40", "120"])
def test_width_follows_columns(cli: Cli, api: PretendApi, columns: str) -> None:
    done = cli("top", "--once", "--url", api.url, environ={"COLUMNS": columns})
    widest = max(map(len, done.stdout.splitlines()))
    assert int(columns) - 12 <= widest <= int(columns)


def test_top_json_lists_live_sessions_most_pressing_first(cli: Cli, api: PretendApi) -> None:
    answer = json.loads(cli("top", "--json", "--url", api.url).stdout)
    assert answer["schema_version"] == 1
    attention = [shot["attention"] for shot in answer["sessions"]]
    assert len(attention) == len(api.sessions)
    assert attention == sorted(attention, reverse=True)


def test_once_tells_the_newest_calls_of_the_first_session(cli: Cli, api: PretendApi) -> None:
    done = cli("top", "--once", "--url", api.url)
    (last,) = (line for line in done.stdout.splitlines() if line.startswith(" LAST "))
    assert re.findall(r"Read x2|answers|prompt 3", last) == ["Read x2", "answers", "prompt 3"]
    assert "/api/v1/sessions/5f0c2a11-aaaa/turns?limit=12" in api.requests


def test_compact_is_one_line_and_says_so_where_nobody_answers(cli: Cli, api: PretendApi) -> None:
    done = cli("top", "--compact", "--url", api.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("6 live · today ~$38.40")
    assert done.stdout.count("\n") == 1
    began = time.monotonic()
    away = cli("top", "--compact", "--url", "http://127.0.0.1:1")
    assert (away.returncode, away.stdout, away.stderr) == (1, "clauditor not recording: clauditor up\n", "")
    assert time.monotonic() - began < 4, "a status bar is not kept waiting for a restart"


def test_several_sidecars_are_one_screen_each_with_its_own_token(
    cli: Cli, api: PretendApi, tmp_path: Path
) -> None:
    with pretend_api(afternoon.first_release()[2:4], token="another-token-of-length") as build:
        (tmp_path / "build.token").write_text("another-token-of-length\n", encoding="utf-8")
        config = tmp_path / "config.toml"
        config.write_text(f'[tokens]\n"{build.url}/" = "{tmp_path}/build.token"\n', encoding="utf-8")
        both = ["--config", str(config), "--url", f"here={api.url}", "--url", f"build={build.url}"]
        done = cli("top", "--once", *both, environ={"COLUMNS": "120"})
        assert (done.returncode, done.stderr) == (0, "")
        rows = [line.split()[:5] for line in done.stdout.splitlines() if "migrate db" in line]
        assert sorted(row[3] for row in rows) == ["build", "here"]
        assert "today ~$76.80" in done.stdout
        answer = json.loads(cli("top", "--json", *both).stdout)
        assert {shot["host"] for shot in answer["sessions"]} == {"here", "build"}
    done = cli("top", "--once", *both, environ={"COLUMNS": "120"})
    assert done.returncode == 0
    assert f"build: Nothing answers at {build.url}; check --url." in done.stdout
    assert "today >= ~$38.40" in done.stdout


def test_sidecars_of_one_name_and_two_ways_at_once_are_refused(cli: Cli, api: PretendApi) -> None:
    done = cli("top", "--once", "--url", f"a={api.url}", "--url", f"a={api.url}/")
    assert (done.returncode, done.stderr) == (
        1,
        "clauditor: Two sidecars would be called a; name them: --url NAME=URL.\n",
    )
    assert cli("top", "--once", "--json").returncode == 2
    done = cli("top", "--once", "--url", f"a={api.url}", "--url", "b=nonsense")
    assert done.stderr == 'clauditor: "nonsense" is no address like http://127.0.0.1:9091.\n'


def test_sessions_hands_its_options_to_the_api(cli: Cli, api: PretendApi) -> None:
    done = cli("sessions", "--url", api.url, "--limit", "7", "--days", "3", "--search", "web shop")
    assert done.returncode == 0
    assert done.stdout.startswith("ID       LAST")
    assert "5f0c2a11" in done.stdout
    assert api.requests == ["/api/v1/sessions?limit=7&days=3&search=web+shop"]


def test_sessions_hands_every_filter_to_the_api(cli: Cli, api: PretendApi) -> None:
    asked = {
        "project": "webshop", "model": "opus", "state": "idle", "verdict": "act", "signal": "tool_loop", "sort": "cost",
    }  # fmt: skip
    options = [word for name, value in asked.items() for word in (f"--{name}", value)]
    assert cli("sessions", "--url", api.url, *options).returncode == 0
    (request,) = api.requests
    assert dict(parse_qsl(urlsplit(request).query)) == asked | {"limit": "50"}


def test_the_words_of_options_are_those_of_the_api() -> None:
    words = {parameter.name: parameter.choices for parameter in SESSIONS.parameters}
    assert (words["state"], words["verdict"], words["sort"]) == (STATES, LEVELS, SORTS)
    assert {parameter.name for parameter in spend.params} >= {
        parameter.name for parameter in SPEND.parameters
    }
    (by,) = (parameter for parameter in spend.params if parameter.name == "by")
    assert isinstance(by.type, click.Choice)
    assert tuple(by.type.choices) == SPEND.parameters[0].choices
    assert {parameter.name for parameter in sessions.params} >= set(words)


def test_sessions_json_has_a_schema_version(cli: Cli, api: PretendApi) -> None:
    answer = json.loads(cli("sessions", "--json", "--url", api.url).stdout)
    assert answer["schema_version"] == 1
    assert len(answer["sessions"]) == len(api.sessions)


def test_sessions_says_so_when_there_are_none(cli: Cli, api: PretendApi) -> None:
    api.sessions.clear()
    done = cli("sessions", "--url", api.url)
    assert (done.returncode, done.stdout) == (0, "No session found.\n")


def test_show_takes_the_beginning_of_an_id(cli: Cli, api: PretendApi) -> None:
    done = cli("show", "5f0c", "--url", api.url)
    assert done.returncode == 0
    for expected in (
        "── webshop: fix login test",
        "├ Explore",
        "── prompt 3 ──",
        "529 overloaded (overloaded_error)",
    ):
        assert expected in done.stdout
    answer = json.loads(cli("show", "5f0c", "--json", "--url", api.url).stdout)
    assert answer["session_id"] == "5f0c2a11-aaaa"


def test_unknown_session_is_one_sentence_and_exit_1(cli: Cli, api: PretendApi) -> None:
    done = cli("show", "nope", "--url", api.url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "clauditor: There is no session like that.\n"


@pytest.mark.parametrize("command", [["top", "--once"], ["sessions"], ["show", "5f0c"]])
def test_without_a_sidecar_one_sentence_names_the_remedy(cli: Cli, command: list[str]) -> None:
    done = cli(*command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("clauditor: ")
    assert "clauditor up" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_sidecar_that_hangs_costs_a_listing_seconds_and_is_one_sentence(cli: Cli, api: PretendApi) -> None:
    """Frozen, it still takes connections (the kernel does), and never answers."""
    commands = (["top", "--once"], ["sessions"], ["show", "5f0c"])
    done: list[subprocess.CompletedProcess[str]] = []
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        url = f"http://127.0.0.1:{frozen.getsockname()[1]}"
        asking = [
            threading.Thread(target=lambda words=words: done.append(cli(*words, "--url", url)))
            for words in commands
        ]
        began = time.monotonic()
        for each in asking:
            each.start()
        for each in asking:
            each.join()
        took = time.monotonic() - began
    assert [answer.stderr for answer in done] == [
        f"clauditor: The Clauditor at {url} does not answer; see: clauditor status\n"
    ] * 3
    assert {answer.returncode for answer in done} == {1}
    assert took < 9, "five seconds, and three programs that start at once"


@pytest.mark.parametrize(
    "wrong",
    [
        *(["sessions", "--limit", "0"], ["sessions", "--days", "x"], ["sessions", "--sort", "size"]),
        *(["sessions", "--verdict", "bad"], ["show"], ["top", "--bogus"]),
    ],
)
def test_wrong_options_exit_2(cli: Cli, wrong: list[str]) -> None:
    assert cli(*wrong).returncode == 2


def test_once_waits_for_a_sidecar_that_is_being_restarted(cli: Cli, api: PretendApi) -> None:
    with pretend_api([]) as stopped:
        free = int(stopped.url.rsplit(":", 1)[1])
    asked = threading.Event()
    done: list[subprocess.CompletedProcess[str]] = []

    def ask() -> None:
        asked.set()
        done.append(cli("top", "--once", "--url", f"http://127.0.0.1:{free}"))

    asking = threading.Thread(target=ask)
    asking.start()
    asked.wait()
    asking.join(1)  # the command is asking a port where nobody listens yet
    assert not done
    with pretend_api(afternoon.first_release(), port=free):
        asking.join(20)
    assert done
    assert done[0].returncode == 0
    assert "webshop" in done[0].stdout


@pytest.mark.parametrize("command", ["sessions", "show", "spend"])
def test_plain_commands_load_no_screen(command: str) -> None:
    code = (
        "import sys, clauditor.cli as cli;"
        f"cli.cli.main(['{command}', '--help'], standalone_mode=False);"
        "import clauditor.ui.views.screen, clauditor.ui.views.story, clauditor.ui.views.listing, clauditor.ui.views.spend;"
        "bad = [name for name in ('textual', 'rich', 'httpx', 'grpc', 'starlette') if name in sys.modules];"
        "sys.exit(' '.join(bad) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
