"""What runs once before the compose stack starts."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from clauditor.errors import ClauditorError
from clauditor.proxy.bootstrap import CONTAINER, render
from clauditor.proxy.container import prepare

ROOT = Path(__file__).parents[2]


def environ(tmp_path: Path, **more: str) -> dict[str, str]:
    empty = tmp_path / "config.toml"
    empty.touch()
    return {"CLAUDITOR_DATA_DIR": str(tmp_path / "data"), "CLAUDITOR_CONFIG": str(empty), **more}


def upstream(tmp_path: Path) -> dict[str, Any]:
    config = yaml.safe_load((tmp_path / "data" / "run" / "envoy.yaml").read_text())
    found: dict[str, Any] = next(
        it for it in config["static_resources"]["clusters"] if it["name"] == "upstream"
    )
    return found


def test_with_nothing_set_it_writes_the_configuration_that_the_project_shows(tmp_path: Path) -> None:
    prepare(environ(tmp_path))
    written = (tmp_path / "data" / "run" / "envoy.yaml").read_text()
    assert written == render(CONTAINER)
    assert yaml.safe_load(written) == yaml.safe_load((ROOT / "envoy" / "envoy.yaml").read_text())


def test_everything_it_makes_is_private(tmp_path: Path) -> None:
    prepare(environ(tmp_path))
    for path in (tmp_path / "data", *(tmp_path / "data").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_another_upstream_and_its_proxy_reach_envoy(tmp_path: Path) -> None:
    prepare(
        environ(
            tmp_path,
            CLAUDITOR_UPSTREAM="https://gateway.example:8443",
            CLAUDITOR_ALLOW_OTHER_UPSTREAM="true",
            CLAUDITOR_UPSTREAM_PROXY="127.0.0.1:3128",
        )
    )
    cluster = upstream(tmp_path)
    way = cluster["transport_socket"]["typed_config"]
    assert way["transport_socket"]["typed_config"]["sni"] == "gateway.example"
    assert way["default_proxy_address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 3128}


def test_certificates_of_ones_own_are_copied_to_where_envoy_can_read_them(tmp_path: Path) -> None:
    certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    (tmp_path / "company.pem").write_text("Company\n" + certificate)
    prepare(environ(tmp_path, CLAUDITOR_UPSTREAM_CA=str(tmp_path / "company.pem")))
    trusted = upstream(tmp_path)["transport_socket"]["typed_config"]["common_tls_context"][
        "validation_context"
    ]
    copy = Path(trusted["trusted_ca"]["filename"])
    assert copy == tmp_path / "data" / "run" / "upstream-ca.pem"
    assert copy.read_text() == certificate


def test_an_upstream_without_consent_is_refused_in_one_sentence(tmp_path: Path) -> None:
    env = environ(tmp_path, CLAUDITOR_UPSTREAM="https://elsewhere.example")
    with pytest.raises(ClauditorError, match=r"would send your keys to https://elsewhere\.example"):
        prepare(env)
    done = subprocess.run(
        [sys.executable, "-m", "clauditor.proxy.container"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()
