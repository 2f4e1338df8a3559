"""What `make` says to somebody who starts from a clone."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone without its environment."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    return tmp_path


def make(clone: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    # The tests themselves may have been started by make.
    own = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments],
        cwd=clone,
        env={**own, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_a_python_that_cannot_be_run_is_named(clone: Path) -> None:
    done = make(clone, "up", "PYTHON=/nope")
    assert done.returncode == 2
    assert done.stdout.startswith("The Python /nope cannot be run: name another one")
    assert not (clone / ".venv").exists()


def test_the_way_to_the_path_is_said_last_and_only_where_it_is_needed(clone: Path) -> None:
    programs = clone / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "clauditor").write_text("#!/bin/sh\necho ready\n")
    (programs / "clauditor").chmod(0o755)
    for built in (programs / "python", clone / ".venv" / ".runtime"):
        built.touch()
    links = clone / "links"
    said = make(clone, "up", f"LINK_DIR={links}").stdout
    way = f'yet; put it there:\n  export PATH="{links}:$PATH"\nor run it from here: .venv/bin/clauditor top\n'
    assert said.endswith(way)
    assert "ready" in said
    said = make(clone, "up", f"LINK_DIR={links}", PATH=f"{links}:{os.environ['PATH']}").stdout
    assert said.endswith("ready\n")
