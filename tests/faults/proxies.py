"""Envoys beside the watched one: the shipped configuration without the observing filter, or with Envoy's own timeouts.

Whatever else the shipped configuration says, these say as well, so that a difference is the filter's, or the timeouts'.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clauditor.proxy import ports
from clauditor.proxy.bootstrap import bootstrap
from clauditor.proxy.clusters import Json, ProxyConfig
from clauditor.proxy.envoy import Admin, find_envoy
from clauditor.proxy.process import LINUX
from clauditor.proxy.upstream import Upstream
from support.waiting import until

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Proxy:
    """A running Envoy that nobody supervises."""

    url: str
    admin: Admin


@contextlib.contextmanager
def envoy(directory: Path, upstream: str, change: Callable[[Json], None]) -> Iterator[Proxy]:
    """Envoy on a free port with the shipped configuration, after `change`; ends with the block."""
    directory.mkdir(parents=True)
    port, admin = ports.any_free(HOST), directory / "admin.sock"
    config = bootstrap(
        ProxyConfig(
            host=HOST,
            port=port,
            upstream=Upstream.of(upstream),
            upstream_ca=Path("/dev/null"),
            upstream_proxy=None,
            extproc_socket=directory / "extproc.sock",
            admin_socket=admin,
            access_log=directory / "access.log",
            linux=LINUX,
        )
    )
    change(config)
    file = directory / "envoy.json"
    file.write_text(json.dumps(config))
    command = find_envoy(None).command(file, directory / "envoy.log")
    with (directory / "envoy.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        proxy = Proxy(f"http://{HOST}:{port}", Admin(admin))
        until(proxy.admin.is_ready, f"an Envoy that is ready, see {log.name}")
        yield proxy
    finally:
        process.terminate()
        process.wait(10)


def unobserved(config: Json) -> None:
    """Take the observing filter out, and nothing else."""
    filters = _manager(config)["http_filters"]
    filters[:] = [each for each in filters if each["name"] != "envoy.filters.http.ext_proc"]
    clusters = config["static_resources"]["clusters"]
    clusters[:] = [each for each in clusters if each["name"] != "sidecar"]


def with_timeouts(config: Json, *, route_seconds: float, idle_seconds: float) -> None:
    """Put timeouts back where the shipped configuration has none; Envoy's own are 15 s and 300 s."""
    manager = _manager(config)
    manager["stream_idle_timeout"] = f"{idle_seconds}s"
    (host,) = manager["route_config"]["virtual_hosts"]
    for route in host["routes"]:
        route["route"]["timeout"] = f"{route_seconds}s"


def with_usual_windows(config: Json) -> None:
    """Leave the buffers and windows between Envoy and the sidecar as Envoy has them by itself."""
    (sidecar,) = (each for each in config["static_resources"]["clusters"] if each["name"] == "sidecar")
    del sidecar["per_connection_buffer_limit_bytes"]
    (options,) = sidecar["typed_extension_protocol_options"].values()
    http2 = options["explicit_http_config"]["http2_protocol_options"]
    for name in ("initial_stream_window_size", "initial_connection_window_size"):
        del http2[name]


def _manager(config: Json) -> dict[str, Any]:
    (listener,) = config["static_resources"]["listeners"]
    return listener["filter_chains"][0]["filters"][0]["typed_config"]  # type: ignore[no-any-return]
