"""Envoy's whole configuration (bootstrap, API v3), rendered from typed settings as plain values.

What it promises: bytes pass unchanged, nothing is retried, no timeout ends a long thought, the upstream's
certificate and name are checked, and the observing filter can neither delay nor fail a request. Source: Envoy 1.40
API reference; each unusual value has its reason beside it. `python -m clauditor.proxy.bootstrap` prints the variant
for the compose stack, which is `envoy/envoy.yaml`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from clauditor.config import ANTHROPIC
from clauditor.proxy.clusters import (
    HEAD_LIMIT_KB,
    HEADERS_LIMIT,
    Json,
    ProxyConfig,
    address,
    named,
    sidecar_cluster,
    unchanged_heads,
    upstream_cluster,
)
from clauditor.proxy.envoy import STAT_PREFIX
from clauditor.proxy.upstream import Upstream

CREDENTIALS: Final = ("authorization", "x-api-key", "cookie", "set-cookie", "proxy-authorization")
NEVER: Final = "0s"
WATCHDOG: Final = {"miss_timeout": "5s", "megamiss_timeout": "10s"}
MAX_ID: Final = 128  # characters, as in wire.identity

CONTAINER: Final = ProxyConfig(
    host="0.0.0.0",  # noqa: S104 - inside the container; compose publishes it on the host's loopback only
    port=10000,
    upstream=Upstream.of(ANTHROPIC),
    upstream_ca=Path("/etc/ssl/certs/ca-certificates.crt"),
    upstream_proxy=None,
    # One volume that both containers mount, with the same numeric user: prompts cross no network.
    extproc_socket=Path("/data/run/extproc.sock"),
    admin_socket=Path("/data/run/admin.sock"),
    access_log=Path("/data/run/access.log"),
    linux=True,
)


def render(config: ProxyConfig) -> str:
    """The bootstrap as YAML: one value a line, in a stable order."""
    return "\n".join(_yaml(bootstrap(config))) + "\n"


def bootstrap(config: ProxyConfig) -> Json:
    """The bootstrap as plain values."""
    return {
        "admin": {"address": {"pipe": {"path": str(config.admin_socket), "mode": 0o600}}},
        # Freed memory goes back to the system; without this a burst stays in the resident size.
        "memory_allocator_manager": {"bytes_to_release": 64 << 20, "memory_release_interval": "1s"},
        # Envoy's own watchdogs look at each thread ten times a second, which is most of what it does while idle.
        "watchdogs": {"main_thread_watchdog": WATCHDOG, "worker_watchdog": WATCHDOG},
        "static_resources": {
            "listeners": [
                {
                    "name": "claude",
                    "address": address(config.host, config.port),
                    "filter_chains": [{"filters": [_connection_manager(config)]}],
                }
            ],
            "clusters": [upstream_cluster(config), sidecar_cluster(config)],
        },
    }


def _connection_manager(config: ProxyConfig) -> Json:
    route: Json = {
        "cluster": "upstream",
        "host_rewrite_literal": config.upstream.authority,
        "timeout": NEVER,
    }
    if config.upstream.prefix:
        # "/" is what matched and is replaced, so the prefix must bring its own last slash.
        route["prefix_rewrite"] = config.upstream.prefix + "/"
    return named(
        "envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        {
            "stat_prefix": STAT_PREFIX,
            "codec_type": "HTTP1",  # AUTO would accept HTTP/2 in clear text
            "http_protocol_options": {**unchanged_heads(), "allow_absolute_url": True},
            "common_http_protocol_options": {"max_headers_count": HEADERS_LIMIT},
            "max_request_headers_kb": HEAD_LIMIT_KB,
            "server_header_transformation": "PASS_THROUGH",
            "generate_request_id": False,
            "preserve_external_request_id": True,
            "skip_xff_append": True,
            "proxy_100_continue": True,  # else Envoy answers, and removes, the client's Expect itself
            "normalize_path": False,
            "stream_idle_timeout": NEVER,
            "route_config": {
                "name": "upstream",
                "request_headers_to_remove": ["x-forwarded-proto"],
                "virtual_hosts": [
                    {
                        "name": "any",
                        "domains": ["*"],
                        # No retry policy, ever: a retried POST is billed twice.
                        "routes": [{"match": {"prefix": "/"}, "route": route}],
                    }
                ],
            },
            "http_filters": [
                _observer(),
                named(
                    "envoy.filters.http.router",
                    "envoy.extensions.filters.http.router.v3.Router",
                    {"suppress_envoy_headers": True},
                ),
            ],
            "access_log": [_access_log(config)],
        },
    )


def _observer() -> Json:
    """The filter that copies every chunk to the sidecar and waits for nothing."""
    return named(
        "envoy.filters.http.ext_proc",
        "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
        {
            "grpc_service": {"envoy_grpc": {"cluster_name": "sidecar"}},
            "observability_mode": True,
            "failure_mode_allow": True,
            "disable_immediate_response": True,
            "deferred_close_timeout": "2s",
            "processing_mode": {
                "request_header_mode": "SEND",
                "response_header_mode": "SEND",
                "request_body_mode": "STREAMED",
                "response_body_mode": "STREAMED",
                "response_trailer_mode": "SEND",
            },
            "forward_rules": {"disallowed_headers": {"patterns": [{"exact": name} for name in CREDENTIALS]}},
            "request_attributes": ["connection.id", "request.time", "request.id"],
            "response_attributes": ["response.code", "response.code_details", "response.flags"],
        },
    )


def _access_log(config: ProxyConfig) -> Json:
    """One JSON object a line and exchange: what Envoy saw, to be compared with what the sidecar saw.

    No query, no header value but the client's own session and agent ids. A value that does not exist is null.
    """
    return named(
        "envoy.access_loggers.file",
        "envoy.extensions.access_loggers.file.v3.FileAccessLog",
        {
            "path": str(config.access_log),
            "log_format": {
                "json_format": {
                    "connection_id": "%CONNECTION_ID%",
                    "start_time_us": "%START_TIME(%s%6f)%",
                    "method": "%REQ(:METHOD):32%",
                    "path": "%PATH(NQ:PATH):256%",
                    "status": "%RESPONSE_CODE%",
                    "flags": "%RESPONSE_FLAGS%",
                    "code_details": "%RESPONSE_CODE_DETAILS%",
                    "bytes_received": "%BYTES_RECEIVED%",
                    "bytes_sent": "%BYTES_SENT%",
                    "duration_ms": "%DURATION%",
                    # One more than an id may have: what was cut is none, and no other session's either.
                    "session_id": f"%REQ(X-CLAUDE-CODE-SESSION-ID):{MAX_ID + 1}%",
                    "agent_id": f"%REQ(X-CLAUDE-CODE-AGENT-ID):{MAX_ID + 1}%",
                }
            },
        },
    )


def _yaml(value: Any) -> list[str]:
    """Lines of block YAML for dicts, lists and scalars; scalars are JSON, which YAML contains."""
    if isinstance(value, dict) and value:
        lines = []
        for key, item in value.items():
            below = _yaml(item)
            name = key if key.replace("_", "").isalnum() else json.dumps(key)
            if isinstance(item, (dict, list)) and item:
                lines += [f"{name}:", *("  " + line for line in below)]
            else:
                lines.append(f"{name}: {below[0]}")
        return lines
    if isinstance(value, list) and value:
        lines = []
        for item in value:
            first, *rest = _yaml(item)
            lines += [f"- {first}", *("  " + line for line in rest)]
        return lines
    return [json.dumps(value)]


if __name__ == "__main__":
    sys.stdout.write(
        "# Envoy in the compose stack. Generated: make envoy-config (clauditor/proxy/bootstrap.py says why each\n"
        "# value is what it is); a test holds the two together.\n" + render(CONTAINER)
    )
