"""The way to the upstream: certificates and names are checked and fail closed, names resolve, a company proxy is used."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clauditor.proxy.reach import Check
from clauditor.proxy.upstream import Upstream

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="needs the openssl command for certificates"
)

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Authority:
    """A certificate authority of our own, for one test."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory, self._name = directory, name
        self.certificate = directory / f"{name}.pem"
        self._key = directory / f"{name}.key"
        self._openssl(
            "req", "-x509", *self._new_key(self._key), "-out", self.certificate, "-subj", f"/CN={name}"
        )

    def server(self, *alternative_names: str, days: int = 2) -> ssl.SSLContext:
        """A server context with a certificate for these names, such as `DNS:localhost`; none: for its subject only."""
        stem = self._directory / f"{self._name}-server"
        key, request, certificate = (stem.with_suffix(suffix) for suffix in (".key", ".csr", ".crt"))
        extension = stem.with_suffix(".ext")
        names = f"subjectAltName={','.join(alternative_names)}\n" if alternative_names else ""
        extension.write_text(f"basicConstraints=CA:FALSE\n{names}")
        self._openssl("req", *self._new_key(key), "-out", request, "-subj", "/CN=localhost")
        signing = ("-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial", "-extfile", extension)
        self._openssl("x509", "-req", "-in", request, "-out", certificate, "-days", str(days), *signing)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context

    def self_signed(self) -> ssl.SSLContext:
        """A server context with a certificate that nobody but itself speaks for."""
        key, certificate = self._directory / "self.key", self._directory / "self.crt"
        names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
        self._openssl("req", "-x509", *self._new_key(key), "-out", certificate, *names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context

    @staticmethod
    def _new_key(path: Path) -> tuple[str | Path, ...]:
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path)

    @staticmethod
    def _openssl(*arguments: str | Path) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "good")


Listen = Callable[..., Any]


@pytest.mark.parametrize(("host", "name"), [("localhost", "DNS:localhost"), ("127.0.0.1", "IP:127.0.0.1")])
async def test_a_known_issuer_and_the_right_name_pass(
    raw_upstream: Any, start_proxy: Any, exchange: Any, authority: Authority, host: str, name: str
) -> None:
    async with raw_upstream.listening(authority.server(name)):
        address = f"https://{host}:{raw_upstream.port}"
        proxy = start_proxy(address, upstream_ca=authority.certificate)
        response = await exchange(proxy.port, REQUEST)
        assert (response.start, response.body) == ("HTTP/1.1 200 OK", b"ok")
        reach = await asyncio.to_thread(Check(Upstream.of(address), authority.certificate, None).result)
        assert reach.ok
        assert reach.text.startswith("TLS and name verified, ")


def _stranger(authority: Authority) -> ssl.SSLContext:
    return Authority(authority.certificate.parent, "stranger").server("DNS:localhost")


def _too_old(authority: Authority) -> ssl.SSLContext:
    context = authority.server("DNS:localhost")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


WRONG: dict[str, tuple[Callable[[Authority], ssl.SSLContext], str]] = {
    "wrong name": (lambda good: good.server("DNS:other.test"), "for another name"),
    "a name that begins alike": (lambda good: good.server("DNS:localhost.other.test"), "for another name"),
    "an address instead of the name": (lambda good: good.server("IP:127.0.0.1"), "for another name"),
    "no alternative name": (lambda good: good.server(), "for another name"),
    "expired": (lambda good: good.server("DNS:localhost", days=-1), "has expired"),
    "unknown issuer": (
        _stranger,
        'unknown issuer "stranger". Give the company\'s CA: clauditor up --upstream-ca FILE',
    ),
    "self-signed": (lambda good: good.self_signed(), "unknown issuer"),
    "TLS 1.1": (_too_old, "does not speak TLS as expected"),
}


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
@pytest.mark.parametrize("how", WRONG)
async def test_a_wrong_certificate_gets_no_request(
    raw_upstream: Any, start_proxy: Any, exchange: Any, authority: Authority, how: str
) -> None:
    make, words = WRONG[how]
    async with raw_upstream.listening(make(authority)):
        address = f"https://localhost:{raw_upstream.port}"
        proxy = start_proxy(address, upstream_ca=authority.certificate)
        response = await exchange(proxy.port, REQUEST)
        assert response.start.startswith("HTTP/1.1 503 ")
        assert raw_upstream.requests == []
        reach = await asyncio.to_thread(Check(Upstream.of(address), authority.certificate, None).result)
        assert not reach.ok
        assert words in reach.text


async def test_an_upstream_that_speaks_no_tls_gets_no_request(
    start_proxy: Any, exchange: Any, authority: Authority
) -> None:
    got = []

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.read(65536))
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    address = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    proxy = start_proxy(address, upstream_ca=authority.certificate)
    response = await exchange(proxy.port, REQUEST)
    assert response.start.startswith("HTTP/1.1 503 ")
    assert got
    assert all(first.startswith(b"\x16\x03") for first in got), "a handshake and nothing else"
    reach = await asyncio.to_thread(Check(Upstream.of(address), authority.certificate, None).result)
    assert (reach.ok, "does not speak TLS as expected" in reach.text) == (False, True)
    server.close()


async def test_a_name_without_address_leaves_the_proxy_listening(start_proxy: Any, exchange: Any) -> None:
    proxy = start_proxy("http://no-such-host.invalid")
    response = await exchange(proxy.port, REQUEST)
    assert response.start.startswith("HTTP/1.1 503 ")


async def test_a_company_proxy_gets_a_tunnel_request_and_no_request_in_clear(
    raw_upstream: Any, start_proxy: Any, exchange: Any, authority: Authority
) -> None:
    asked: list[bytes] = []

    async def company_proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        there, back = await asyncio.open_connection("127.0.0.1", raw_upstream.port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_copy(reader, back), _copy(there, writer))

    async with raw_upstream.listening(authority.server("DNS:localhost")):
        server = await asyncio.start_server(company_proxy, "127.0.0.1", 0)
        address = ("127.0.0.1", server.sockets[0].getsockname()[1])
        proxy = start_proxy(
            f"https://localhost:{raw_upstream.port}",
            upstream_ca=authority.certificate,
            upstream_proxy=address,
        )
        response = await exchange(proxy.port, REQUEST)
        assert response.body == b"ok"
        server.close()
    assert asked[0].startswith(f"CONNECT localhost:{raw_upstream.port} HTTP/1.1\r\n".encode())


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
