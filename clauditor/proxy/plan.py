"""What is to run: two programs and their addresses, written down for the supervisor, for `status` and for restarts."""

from __future__ import annotations

import hashlib
import http.client
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from clauditor.proxy.process import PROBE_SECONDS, Process

EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a wildcard listener is reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One program to keep running."""

    name: Literal["envoy", "sidecar"]
    command: tuple[str, ...]
    fingerprint: str
    """Changes with everything the program was started with: a running one with the same may be adopted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole stack of one data directory."""

    version: str
    envoy_version: str
    host: str
    port: int
    api_host: str
    api_port: int
    upstream: str
    choices: dict[str, str | int]
    """The settings somebody asked for when the stack was started, by name."""
    envoy: Job
    sidecar: Job
    owner: Process | None = None
    """The process whose end also ends the stack (a demo); None: it runs until it is stopped."""

    @property
    def proxy_url(self) -> str:
        return url(self.host, self.port)

    @property
    def api_url(self) -> str:
        return url(self.api_host, self.api_port)

    def text(self) -> str:
        return msgspec.json.format(msgspec.json.encode(self)).decode() + "\n"

    @classmethod
    def read(cls, path: Path) -> Plan | None:
        """The plan in a file, if there is one that this version understands."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.MsgspecError):
            return None


def fingerprint(*parts: str) -> str:
    """One short word that differs when any part does."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def url(host: str, port: int) -> str:
    reached = EVERY_ADDRESS.get(host, host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def is_healthy(host: str, port: int, timeout_seconds: float = PROBE_SECONDS) -> bool:
    """Whether a sidecar answers `GET /healthz` there."""
    connection = http.client.HTTPConnection(EVERY_ADDRESS.get(host, host), port, timeout=timeout_seconds)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
