"""spend: as a process, against an API over a real socket."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ui.pretend_api import TOKEN, PretendApi, pretend_api

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
SPENT = {
    "calls": 5,
    "turns": 4,
    "tokens": {"input": 10, "output": 2_000, "cache_read": 0, "cache_write_5m": 0, "cache_write_1h": 0},
    "cost_usd": 1.25,
    "cost_complete": True,
    "estimated": True,
}
ANSWER: dict[str, Any] = {
    "schema_version": 1,
    "by": "day",
    "days": 7,
    "rows": [{"key": "2026-11-22"} | SPENT],
    "total": SPENT,
}


class SpendApi(PretendApi):
    def answer(self, path: str) -> Any:
        return ANSWER | {"rows": self.sessions} if path == "/api/v1/spend" else None


@pytest.fixture
def api(tmp_path: Path) -> Iterator[PretendApi]:
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    (data_dir / "token").write_text(TOKEN, encoding="utf-8")
    with pretend_api(ANSWER["rows"]) as running:
        running.__class__ = SpendApi
        yield running


def test_it_prints_a_table_with_a_total(cli: Cli, api: PretendApi) -> None:
    done = cli("spend", "--url", api.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["DAY", "2026-11-22", "total", "~"]
    assert api.requests == ["/api/v1/spend?by=day&days=7"]


def test_it_asks_for_what_was_asked_for(cli: Cli, api: PretendApi) -> None:
    assert cli("spend", "--by", "project", "--days", "30", "--url", api.url).returncode == 0
    assert api.requests == ["/api/v1/spend?by=project&days=30"]


def test_csv_and_json_are_for_programs(cli: Cli, api: PretendApi) -> None:
    lines = cli("spend", "--csv", "--url", api.url).stdout.splitlines()
    assert lines[0].startswith("day,calls,turns,input_tokens,")
    assert lines[1:] == ["2026-11-22,5,4,10,2000,0,0,0,0,1.250000,true,true"]
    assert json.loads(cli("spend", "--json", "--url", api.url).stdout) == ANSWER
    both = cli("spend", "--json", "--csv", "--url", api.url)
    assert both.returncode == 2
    assert "exclude each other" in both.stderr


def test_nothing_spent_is_said(cli: Cli, api: PretendApi) -> None:
    api.sessions = []
    assert cli("spend", "--url", api.url).stdout == "Nothing was recorded in this time.\n"
    assert len(cli("spend", "--csv", "--url", api.url).stdout.splitlines()) == 1


@pytest.mark.parametrize("wrong", [["--by", "year"], ["--days", "0"], ["--days", "x"], ["--pdf"]])
def test_wrong_options_exit_2(cli: Cli, wrong: list[str]) -> None:
    assert cli("spend", *wrong).returncode == 2


def test_without_a_sidecar_one_sentence_names_the_remedy(cli: Cli) -> None:
    done = cli("spend")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "clauditor: Clauditor does not run here. Start it: clauditor up\n"
