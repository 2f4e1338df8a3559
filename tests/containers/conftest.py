"""Compose's own program, a Docker engine, and the stack's file as Compose reads it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NO_COMPOSE = "no Docker Compose here; CLAUDITOR_TEST_COMPOSE may name its program"


@dataclass(frozen=True)
class Compose:
    """Runs Compose on this project's file, with the environment given and nobody's own settings."""

    program: tuple[str, ...]
    files: tuple[Path, ...] = (ROOT / "docker-compose.yml",)
    project: str = "clauditor"

    def __call__(
        self, *arguments: str, env: Mapping[str, str] | None = None, check: bool = True, timeout: float = 60
    ) -> str:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST") if name in os.environ}
        files = [part for file in self.files for part in ("-f", str(file))]
        done = subprocess.run(
            [*self.program, "-p", self.project, "--env-file", os.devnull, *files, *arguments],
            env={**kept, **(env or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"compose {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    def config(self, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("config", "--format", "json", env=env))
        return found


@pytest.fixture(scope="session")
def compose() -> Compose:
    named = os.environ.get("CLAUDITOR_TEST_COMPOSE")
    if named:
        assert os.access(named, os.X_OK), f"CLAUDITOR_TEST_COMPOSE names {named}, which cannot be run"
        return Compose((named,))
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode
    ):
        pytest.skip(NO_COMPOSE)
    return Compose((docker, "compose"))


@pytest.fixture(scope="session")
def rendered(compose: Compose) -> dict[str, Any]:
    """The file with nothing set, as Compose understands it."""
    return compose.config()
