"""postmortem: as a process, against an API over a real socket."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clauditor.reports.postmortem import as_json, postmortem
from reports import bad_afternoon as story
from ui.pretend_api import TOKEN, PretendApi, pretend_api

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
PATH = f"/api/v1/sessions/{story.SESSION_ID}/postmortem"


def report() -> dict[str, Any]:
    return as_json(
        postmortem(story.snapshot(), story.turns(), story.side_calls(), story.signals(), [], story.NOW)
    )


@pytest.fixture
def api(tmp_path: Path) -> Iterator[PretendApi]:
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    (data_dir / "token").write_text(TOKEN, encoding="utf-8")
    with pretend_api([story.snapshot()]) as running:
        others = running.answer

        def answer(path: str) -> Any:
            prefix, _, last = path.rpartition("/")
            if last != "postmortem":
                return others(path)
            return report() if others(prefix) is not None else None

        running.answer = answer  # type: ignore[method-assign]  # one more path of the pretended API
        yield running


def test_it_tells_the_story_on_the_terminal(cli: Cli, api: PretendApi) -> None:
    done = cli("postmortem", "0be1", "--url", api.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert api.requests == ["/api/v1/sessions/0be1/postmortem"]
    lines = done.stdout.splitlines()
    assert lines[0].startswith("── post-mortem: orders-api ")
    assert max(map(len, lines)) <= 80
    for title in (" WHAT WENT WRONG", " TIMELINE", " NEXT TIME", " HOW TO GO ON"):
        assert title in lines
    assert "\x1b" not in done.stdout


def test_last_is_the_session_of_the_newest_activity(cli: Cli, api: PretendApi) -> None:
    assert cli("postmortem", "last", "--url", api.url).returncode == 0
    assert api.requests == ["/api/v1/sessions?limit=1", PATH]


def test_last_without_any_session_is_one_sentence(cli: Cli, api: PretendApi) -> None:
    api.sessions.clear()
    done = cli("postmortem", "last", "--url", api.url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("clauditor: No session was seen yet;")


def test_json_is_what_the_api_says(cli: Cli, api: PretendApi) -> None:
    done = cli("postmortem", "last", "--json", "--url", api.url)
    assert json.loads(done.stdout) == json.loads(json.dumps(report()))
    assert json.loads(done.stdout)["schema_version"] == 1


def test_markdown_has_headings_and_tables(cli: Cli, api: PretendApi) -> None:
    done = cli("postmortem", "last", "--markdown", "--url", api.url)
    assert done.stdout.startswith("# post-mortem: orders-api\n")
    assert "\n## What went wrong\n" in done.stdout
    assert "| --- | ---: |" in done.stdout


def test_a_file_is_written_whole_and_for_its_owner_only(cli: Cli, api: PretendApi, tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    path.write_text("an older one", encoding="utf-8")
    path.chmod(0o644)
    done = cli("postmortem", "last", "-o", str(path), "--url", api.url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert path.read_text(encoding="utf-8").startswith("# post-mortem: orders-api\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert cli("postmortem", "last", "--json", "-o", str(path), "--url", api.url).returncode == 0
    assert json.loads(path.read_text(encoding="utf-8"))["schema_version"] == 1
    assert [left.name for left in tmp_path.glob(".report*")] == []


@pytest.mark.parametrize("where", ["gone/report.md", "."])
def test_a_file_that_cannot_be_written_is_one_sentence(
    cli: Cli, api: PretendApi, tmp_path: Path, where: str
) -> None:
    (tmp_path / "there").mkdir()
    done = cli("postmortem", "last", "-o", str(tmp_path / "there" / where), "--url", api.url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("clauditor: Cannot write ")
    assert done.stderr.count("\n") == 1
    assert list((tmp_path / "there").iterdir()) == []


def test_an_unknown_session_is_one_sentence(cli: Cli, api: PretendApi) -> None:
    done = cli("postmortem", "nope", "--url", api.url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "clauditor: There is no session like that.\n"


def test_without_a_sidecar_one_sentence_names_the_remedy(cli: Cli) -> None:
    done = cli("postmortem", "last")
    assert (done.returncode, done.stdout) == (1, "")
    assert "clauditor up" in done.stderr


@pytest.mark.parametrize("wrong", [[], ["last", "--json", "--markdown"], ["last", "--bogus"]])
def test_wrong_options_exit_2(cli: Cli, wrong: list[str]) -> None:
    assert cli("postmortem", *wrong).returncode == 2
