"""The real command line in processes of its own, each test with a home and a data directory of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
TIMEOUT_SECONDS = 30


@pytest.fixture
def cli_environ(tmp_path: Path) -> dict[str, str]:
    """Nothing of the machine's own settings; free ports; an upstream that refuses connections."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "LANG": "C.UTF-8",
        "CLAUDITOR_DATA_DIR": str(tmp_path / "data"),
        "CLAUDITOR_PORT": "0",
        "CLAUDITOR_API_PORT": "0",
        "CLAUDITOR_UPSTREAM": "http://127.0.0.1:1",
        "CLAUDITOR_ALLOW_OTHER_UPSTREAM": "true",
    }


@pytest.fixture
def cli(cli_environ: dict[str, str], tmp_path: Path) -> Iterator[Cli]:
    """Run `clauditor` with arguments to its end; `environ` adds variables. Whatever it started is stopped."""

    def run(
        *arguments: str, environ: dict[str, str] | None = None, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "clauditor", *arguments],
            env=cli_environ | (environ or {}),
            cwd=tmp_path / "work",
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

    yield run
    assert run("down", "--yes").returncode == 0
