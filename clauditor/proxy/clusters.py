"""Where Envoy connects to: the upstream, with its certificate checked, and the sidecar.

Source: Envoy 1.40 API reference, `config.cluster.v3` and `extensions.upstreams.http.v3`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from clauditor.proxy.upstream import Upstream

Json = dict[str, Any]

WINDOW_BYTES: Final = 256 << 20  # a stalled sidecar must not push back on traffic: room for minutes of copies
PLENTY: Final = 100_000  # Envoy's default of 1,024 answers 503 (upstream) or loses copies silently (sidecar)
HEAD_LIMIT_KB: Final = 8192  # the most that Envoy allows; its default answers a long head with 431 or 502
HEADERS_LIMIT: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyConfig:
    """All that differs between two proxies."""

    host: str
    port: int
    upstream: Upstream
    upstream_ca: Path
    """PEM file; only read for a TLS upstream."""
    upstream_proxy: tuple[str, int] | None
    """IP address and port of an HTTP proxy; only used for a TLS upstream."""
    extproc_socket: Path
    admin_socket: Path
    access_log: Path
    linux: bool
    """Whether TCP_USER_TIMEOUT exists."""


def upstream_cluster(config: ProxyConfig) -> Json:
    upstream = config.upstream
    cluster: Json = {
        "name": "upstream",
        "connect_timeout": "10s",
        "circuit_breakers": _breakers(),
        "typed_extension_protocol_options": _http_options(
            # An idle connection is closed before a NAT or a sleeping laptop can kill it unseen.
            common={
                "idle_timeout": "60s",
                "max_headers_count": HEADERS_LIMIT,
                "max_response_headers_kb": HEAD_LIMIT_KB,
            },
            explicit={"http_protocol_options": unchanged_heads()},
        ),
        "upstream_connection_options": {
            "tcp_keepalive": {"keepalive_probes": 3, "keepalive_time": 20, "keepalive_interval": 5},
        },
        "load_assignment": _endpoint("upstream", {"address": address(upstream.host, upstream.port)}),
    }
    if upstream.is_address:
        cluster["type"] = "STATIC"
    elif config.upstream_proxy is not None:
        # The company proxy looks the name up; inside a company nobody else may be able to. The address is one that
        # is never routed (RFC 5737), so that nothing can go around the proxy.
        cluster["type"] = "STATIC"
        endpoint = {"address": address("192.0.2.1", upstream.port), "hostname": upstream.host}
        cluster["load_assignment"] = _endpoint("upstream", endpoint)
    else:
        # One logical endpoint: open connections outlive a change of addresses, and IPv6 and IPv4 are both tried.
        # Nothing waits for a name that cannot be resolved now (offline): the proxy listens and recovers by itself.
        cluster["wait_for_warm_on_init"] = False
        cluster["cluster_type"] = named(
            "envoy.clusters.dns",
            "envoy.extensions.clusters.dns.v3.DnsCluster",
            {
                "all_addresses_in_single_endpoint": True,
                "dns_lookup_family": "ALL",
                "dns_refresh_rate": "30s",
                "dns_failure_refresh_rate": {"base_interval": "1s", "max_interval": "5s"},
                "typed_dns_resolver_config": named(
                    "envoy.network.dns_resolver.getaddrinfo",  # the system's own view: hosts file, VPN, mDNS
                    "envoy.extensions.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig",
                    {},
                ),
            },
        )
    if config.linux:
        # TCP_USER_TIMEOUT: a request on a dead pooled connection (sleep, VPN) becomes a 503, which the client
        # retries, after 15 s instead of after minutes.
        option = {"description": "TCP_USER_TIMEOUT", "level": 6, "name": 18, "int_value": 15000}
        cluster["upstream_bind_config"] = {"socket_options": [option]}
    if upstream.tls:
        cluster["transport_socket"] = _tls(config)
    return cluster


def _tls(config: ProxyConfig) -> Json:
    """TLS that fails closed: a known issuer, and the name that was asked for."""
    upstream = config.upstream
    name = {"matcher": {"exact": upstream.host}, "san_type": "IP_ADDRESS" if upstream.is_address else "DNS"}
    context: Json = {
        "common_tls_context": {
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "alpn_protocols": ["http/1.1"],
            "validation_context": {
                "trusted_ca": {"filename": str(config.upstream_ca)},
                "match_typed_subject_alt_names": [name],
            },
        },
    }
    if not upstream.is_address:  # an address is no name for SNI (RFC 6066 3)
        context["sni"] = upstream.host
    tls = named(
        "envoy.transport_sockets.tls", "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", context
    )
    if config.upstream_proxy is None:
        return tls
    return named(
        "envoy.transport_sockets.http_11_proxy",
        "envoy.extensions.transport_sockets.http_11_proxy.v3.Http11ProxyUpstreamTransport",
        {"transport_socket": tls, "default_proxy_address": address(*config.upstream_proxy)},
    )


def sidecar_cluster(config: ProxyConfig) -> Json:
    return {
        "name": "sidecar",
        "type": "STATIC",
        "connect_timeout": "5s",  # waiting costs the client nothing; a short limit loses copies in a burst
        "per_connection_buffer_limit_bytes": WINDOW_BYTES,
        "circuit_breakers": _breakers(max_connections=1024),
        "typed_extension_protocol_options": _http_options(
            # With nothing to copy nobody needs to be pinged; a new connection to a Unix socket costs nothing.
            common={"idle_timeout": "60s"},
            explicit={
                "http2_protocol_options": {
                    "initial_stream_window_size": WINDOW_BYTES,
                    "initial_connection_window_size": WINDOW_BYTES,
                    # A stopped sidecar is given up after 6 s, which bounds the memory that its copies take.
                    "connection_keepalive": {"interval": "3s", "timeout": "3s"},
                }
            },
        ),
        "load_assignment": _endpoint("sidecar", {"address": {"pipe": {"path": str(config.extproc_socket)}}}),
    }


def unchanged_heads() -> Json:
    """Keep the case of header names, and trailers."""
    formatter = named(
        "preserve_case",
        "envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig",
        {},
    )
    return {"enable_trailers": True, "header_key_format": {"stateful_formatter": formatter}}


def _http_options(*, common: Json, explicit: Json) -> Json:
    name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    options: Json = {"@type": f"type.googleapis.com/{name}", "explicit_http_config": explicit}
    if common:
        options["common_http_protocol_options"] = common
    return {name: options}


def _breakers(*, max_connections: int = PLENTY) -> Json:
    limits = {"max_connections": max_connections, "max_pending_requests": PLENTY, "max_requests": PLENTY}
    return {"thresholds": [limits]}


def _endpoint(cluster: str, endpoint: Json) -> Json:
    return {"cluster_name": cluster, "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]}


def address(host: str, port: int) -> Json:
    return {"socket_address": {"address": host, "port_value": port}}


def named(name: str, message: str, fields: Json) -> Json:
    """An extension's configuration: its name and its typed message."""
    return {"name": name, "typed_config": {"@type": f"type.googleapis.com/{message}", **fields}}
