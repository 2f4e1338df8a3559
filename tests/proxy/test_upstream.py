from __future__ import annotations

from pathlib import Path

import pytest

from clauditor.config import Settings, load_settings
from clauditor.errors import ClauditorError
from clauditor.proxy.upstream import Upstream, proxy_address, trusted_certificates

PEM = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"


def settings(tmp_path: Path, **flags: object) -> Settings:
    (tmp_path / "config.toml").touch()
    return load_settings({"config": str(tmp_path / "config.toml"), "data_dir": str(tmp_path), **flags}, {})


@pytest.mark.parametrize(
    ("url", "authority", "prefix", "loopback"),
    [
        ("https://api.anthropic.com", "api.anthropic.com", "", False),
        ("https://api.anthropic.com:8443/gw", "api.anthropic.com:8443", "/gw", False),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", "", True),
        ("https://[::1]", "[::1]", "", True),
        ("http://localhost:80", "localhost", "", True),
    ],
)
def test_the_parts_of_an_upstream(url: str, authority: str, prefix: str, *, loopback: bool) -> None:
    upstream = Upstream.of(url)
    assert (upstream.authority, upstream.prefix, upstream.is_loopback) == (authority, prefix, loopback)


@pytest.mark.parametrize(
    ("flags", "environ", "expected"),
    [
        ({}, {}, None),
        ({}, {"HTTPS_PROXY": "http://127.0.0.1:3128"}, ("127.0.0.1", 3128)),
        ({}, {"HTTPS_PROXY": "http://127.0.0.1:3128", "NO_PROXY": "x,.anthropic.com"}, None),
        ({}, {"HTTPS_PROXY": "http://127.0.0.1:3128", "no_proxy": "*"}, None),
        ({}, {"HTTPS_PROXY": "http://127.0.0.1:3128", "NO_PROXY": "thropic.com"}, ("127.0.0.1", 3128)),
        ({"upstream": "https://localhost:1"}, {"HTTPS_PROXY": "http://127.0.0.1:3128"}, None),
        ({"upstream": "http://llm.example"}, {"HTTPS_PROXY": "http://127.0.0.1:3128"}, None),
        ({"upstream_proxy": "none"}, {"HTTPS_PROXY": "http://127.0.0.1:3128"}, None),
        ({"upstream_proxy": "127.0.0.1:8"}, {"HTTPS_PROXY": "x", "NO_PROXY": "*"}, ("127.0.0.1", 8)),
    ],
)
def test_the_company_proxy_is_the_chosen_one_or_the_environments(
    tmp_path: Path, flags: dict[str, str], environ: dict[str, str], expected: tuple[str, int] | None
) -> None:
    assert proxy_address(settings(tmp_path, **flags), environ) == expected


def test_a_company_proxy_with_a_password_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(
        ClauditorError, match="HTTPS_PROXY cannot be used: a proxy that asks for a password"
    ) as refusal:
        proxy_address(settings(tmp_path), {"HTTPS_PROXY": "http://me:secret@proxy:3128"})
    assert "secret" not in str(refusal.value)


def test_certificates_of_the_environment_are_added_once_each(tmp_path: Path) -> None:
    one, two = tmp_path / "one.pem", tmp_path / "two.pem"
    one.write_text("# a comment\n" + PEM.format("QQ=="))
    two.write_text(
        PEM.format("QQ==")
        + "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"
        + PEM.format("Qg==")
    )
    environ = {"SSL_CERT_FILE": str(one), "NODE_EXTRA_CA_CERTS": str(two)}
    found = trusted_certificates(settings(tmp_path), environ)
    assert found.startswith(PEM.format("QQ==") + PEM.format("Qg=="))
    assert "PRIVATE" not in found
    assert trusted_certificates(settings(tmp_path, upstream_ca=str(one)), environ) == PEM.format("QQ==")
