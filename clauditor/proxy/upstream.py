"""The one upstream: its parts, the certificates it is checked against, the proxy on the way to it.

Envoy reads neither HTTPS_PROXY nor SSL_CERT_FILE nor NODE_EXTRA_CA_CERTS, which the client would honour by itself,
so they are resolved here and written into Envoy's configuration.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from clauditor.config import Settings, parse_upstream_proxy
from clauditor.errors import ClauditorError

SYSTEM_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, BSD
)
BUNDLE_LIMIT_BYTES: Final = 16 << 20  # the usual bundle has 220 KB
CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A checked upstream address, in parts."""

    tls: bool
    host: str
    port: int
    prefix: str
    """Path in front of every request's own path, without its last slash; empty for none."""

    @classmethod
    def of(cls, url: str) -> Upstream:
        """The parts of an address that `config.parse_upstream` has passed."""
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        return cls(
            tls=tls, host=parts.hostname or "", port=parts.port or (443 if tls else 80), prefix=parts.path
        )

    @property
    def authority(self) -> str:
        """What the Host header says: the port only where it is not the scheme's own (RFC 9110 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address, which has no DNS name to look up or to send as SNI."""
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(self.host)
            return True
        return False

    @property
    def is_loopback(self) -> bool:
        if self.is_address:
            return ipaddress.ip_address(self.host).is_loopback
        return self.host == "localhost" or self.host.endswith(".localhost")


def proxy_address(settings: Settings, environ: Mapping[str, str]) -> tuple[str, int] | None:
    """IP address and port of the HTTP proxy towards the upstream, or None to go there directly.

    A proxy that somebody chose holds for every TLS upstream. The environment's is used as other programs would:
    never for a loopback upstream or one that NO_PROXY names. Raises ClauditorError for one that cannot be used.
    """
    upstream = Upstream.of(settings.upstream)
    if settings.upstream_proxy is not None:
        if settings.upstream_proxy == "none":
            return None
        if not upstream.tls:
            raise ClauditorError(
                "A company proxy is only used for an https upstream; leave --upstream-proxy out."
            )
        return _split(settings.upstream_proxy)
    found = environ.get("https_proxy") or environ.get("HTTPS_PROXY")
    if not found or not upstream.tls or upstream.is_loopback or _is_exempt(upstream.host, environ):
        return None
    try:
        return _split(parse_upstream_proxy(found))
    except ValueError as error:
        raise ClauditorError(
            f"HTTPS_PROXY cannot be used: {error}; give --upstream-proxy HOST:PORT, or none to go directly."
        ) from error


def trusted_certificates(settings: Settings, environ: Mapping[str, str]) -> str:
    """PEM certificates to check the upstream against, each once.

    Those of --upstream-ca alone; else SSL_CERT_FILE, NODE_EXTRA_CA_CERTS and the system's together. Raises
    ClauditorError if a named file has none, or if there is none at all.
    """
    found: dict[bytes, None] = {}
    for place, path in _bundles(settings, environ):
        try:
            with path.open("rb") as file:
                blocks = CERTIFICATE.findall(file.read(BUNDLE_LIMIT_BYTES))
        except OSError as error:
            raise ClauditorError(
                f"Cannot read the certificates in {path} ({place}): {error.strerror}."
            ) from error
        if not blocks:
            raise ClauditorError(f"{path} ({place}) holds no certificate in PEM form.")
        found.update(dict.fromkeys(blocks))
    if not found:
        raise ClauditorError("No certificates to check the upstream with; give them with --upstream-ca FILE.")
    return "".join(block.decode("ascii") + "\n" for block in found)


def _bundles(settings: Settings, environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    if settings.upstream_ca is not None:
        yield "--upstream-ca", settings.upstream_ca
        return
    for variable in ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"):
        if environ.get(variable):
            yield variable, Path(environ[variable])
    system = [*SYSTEM_BUNDLES, ssl.get_default_verify_paths().cafile or ""]
    with contextlib.suppress(StopIteration):
        yield "the system's", next(Path(name) for name in system if name and Path(name).is_file())


def _is_exempt(host: str, environ: Mapping[str, str]) -> bool:
    """Whether NO_PROXY names the host, a domain above it, or everything."""
    for word in (environ.get("no_proxy") or environ.get("NO_PROXY") or "").split(","):
        name = word.strip().lower().removeprefix("*.").removeprefix(".")
        if name and (name in ("*", host) or host.endswith("." + name)):
            return True
    return False


def _split(address: str) -> tuple[str, int]:
    """IP address and port of the company proxy: Envoy takes no name for it, so it is looked up here, once a start."""
    host, _, port = address.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except OSError as error:
        raise ClauditorError(
            f"The company proxy {host} cannot be looked up; check --upstream-proxy or HTTPS_PROXY, or give none."
        ) from error
    return str(found[0][4][0]), int(port)
