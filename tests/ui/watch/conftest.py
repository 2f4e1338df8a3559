"""A tmux and a stack for the tests of `watch` in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clauditor.demo import Simulator
from support.stack import RunningStack, watched_vendor
from ui.watch.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    short = tmp_path / "t"  # the path of a socket must be short
    short.mkdir()
    running = Desk(short)
    yield running
    running.screen.tmux("kill-server")
    running.user.tmux("kill-server")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Simulator, RunningStack]]:
    with watched_vendor(tmp_path_factory.mktemp("stack"), seed=5) as both:
        yield both
