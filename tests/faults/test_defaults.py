"""What is unusual in Envoy's configuration is needed: with Envoy's own values these very faults are noticed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from clauditor.demo import Simulator
from clauditor.proxy.clusters import Json
from faults.clients import Heard, exchange
from faults.kinds import SIXTY_FOUR, reply, request
from faults.lab import Pretender
from faults.proxies import envoy, with_timeouts, with_usual_windows
from faults.silence import through_envoy, through_the_stack

# Envoy's own are 15 s for a route and 300 s for a silent stream: a twentieth and a two-hundredth of them.
SILENT_SECONDS = 3.0
NEVER = 3600.0


def test_a_silent_stream_comes_to_its_end(tmp_path: Path) -> None:
    assert through_the_stack(tmp_path, SILENT_SECONDS).survived


def test_a_silent_stream_dies_of_a_route_timeout(tmp_path: Path) -> None:
    change = partial(with_timeouts, route_seconds=0.75, idle_seconds=NEVER)
    assert not through_envoy(tmp_path / "envoy", SILENT_SECONDS, change).survived


def test_a_silent_stream_dies_of_an_idle_timeout(tmp_path: Path) -> None:
    change = partial(with_timeouts, route_seconds=NEVER, idle_seconds=1.5)
    assert not through_envoy(tmp_path / "envoy", SILENT_SECONDS, change).survived


def as_shipped(_config: Json) -> None: ...


def past_one_that_does_not_read(directory: Path, change: Callable[[Json], None]) -> Heard:
    """An answer of 64 MiB while nobody reads its copy; the client waits two seconds for a piece, and no longer."""
    with Simulator(seed=3) as vendor, envoy(directory, vendor.url, change) as proxy:
        vendor.reply_with(lambda _: reply(SIXTY_FOUR))
        pretender = Pretender(directory / "extproc.sock")
        try:
            pretender.become("deaf")
            return exchange(proxy.url, "long", request(500), patience_seconds=2.0)
        finally:
            pretender.end()


def test_a_sidecar_that_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    heard = past_one_that_does_not_read(tmp_path / "envoy", as_shipped)
    assert (heard.is_whole, heard.error) == (True, None)


@pytest.mark.timeout(60)
def test_with_usual_windows_it_would_hold_up_a_client_for_good(tmp_path: Path) -> None:
    heard = past_one_that_does_not_read(tmp_path / "envoy", with_usual_windows)
    assert (heard.error, 0 < heard.response_bytes < SIXTY_FOUR.answer_bytes) == ("TimeoutError", True)
