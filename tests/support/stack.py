"""A real stack for a test: Envoy, the sidecar and its supervisor, in front of the pretend vendor."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from clauditor.demo import Simulator
from support.waiting import until


@dataclass
class RunningStack:
    """A stack under test; commands are run as a person runs them."""

    data_dir: Path
    env: dict[str, str]

    def clauditor(
        self, *arguments: str, check: bool = True, timeout: float = 40
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "clauditor",
                arguments[0],
                "--data-dir",
                str(self.data_dir),
                *arguments[1:],
            ],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"clauditor {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.clauditor(*arguments, "--json").stdout)

    @property
    def status(self) -> dict[str, Any]:
        return json.loads(self.clauditor("status", "--json", check=False).stdout)  # type: ignore[no-any-return]

    @cached_property
    def proxy_url(self) -> str:
        """Asked once: the port stays, and a command takes half a second."""
        return str(self.status["proxy"]["url"])

    def sessions(self) -> dict[str, dict[str, Any]]:
        return {shot["session_id"]: shot for shot in self.json("sessions")["sessions"]}

    def session_when(self, session_id: str, settled: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The session's snapshot once it is as `settled` wants it."""
        seen: dict[str, Any] = {}

        def look() -> dict[str, Any] | None:
            shot = self.sessions().get(session_id)
            if shot is None:
                return None
            seen.update(shot)
            return shot if settled(shot) else None

        try:
            return until(look, f"session {session_id} settled")
        except AssertionError as error:
            raise AssertionError(f"{error}; last seen: {json.dumps(seen, indent=1)}") from None


@contextlib.contextmanager
def running_stack(directory: Path, upstream: str) -> Iterator[RunningStack]:
    """`clauditor up` on free ports and a data directory of its own; `clauditor down` at the end."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("CLAUDITOR_")}
    env |= {"HOME": str(directory / "home"), "XDG_CONFIG_HOME": str(directory / "config")}
    stack = RunningStack(directory / "data", env)
    (directory / "home").mkdir(parents=True, exist_ok=True)
    stack.clauditor("up", "--port", "0", "--api-port", "0", "--upstream", upstream)
    try:
        yield stack
    finally:
        stack.clauditor("down", "--yes")


@contextlib.contextmanager
def watched_vendor(directory: Path, **vendor_options: Any) -> Iterator[tuple[Simulator, RunningStack]]:
    """The pretend vendor and a stack in front of it."""
    with Simulator(**vendor_options) as vendor, running_stack(directory, vendor.url) as stack:
        yield vendor, stack
