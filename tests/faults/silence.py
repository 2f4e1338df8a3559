"""A stream in which nothing is said for a long time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clauditor.demo import Pause, Reply, Simulator, Text
from clauditor.proxy.clusters import Json
from faults.clients import Heard, exchange
from faults.kinds import request
from faults.proxies import envoy
from support.stack import running_stack
from support.waiting import until


@dataclass(frozen=True)
class Silence:
    """How a silent stream ended."""

    heard: Heard
    is_identical: bool

    @property
    def survived(self) -> bool:
        return self.heard.is_whole and self.is_identical


def _asked(vendor: Simulator, url: str, seconds: float) -> Silence:
    vendor.script("silent", Reply(steps=(Text("I think."), Pause(seconds), Text("Therefore I am."))))
    heard = exchange(url, "silent", request(200), patience_seconds=seconds + 60)
    (record,) = until(lambda: vendor.ledger.of("silent") or None, "the vendor's record")
    told = (record.response_sha256, record.response_bytes)
    return Silence(heard, (heard.response_sha256, heard.response_bytes) == told)


def through_the_stack(directory: Path, seconds: float) -> Silence:
    """Through everything as it is shipped."""
    with Simulator(seed=9) as vendor, running_stack(directory, vendor.url) as stack:
        return _asked(vendor, stack.proxy_url, seconds)


def through_envoy(directory: Path, seconds: float, change: Callable[[Json], None]) -> Silence:
    """Through an Envoy of the shipped configuration, after `change`."""
    with Simulator(seed=9) as vendor, envoy(directory, vendor.url, change) as proxy:
        return _asked(vendor, proxy.url, seconds)
