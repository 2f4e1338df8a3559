"""The rendered configuration: complete in Envoy's own types, accepted by Envoy, and what its promises need."""

from __future__ import annotations

import dataclasses
import importlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import betterproto2
import pytest
import yaml

from clauditor.proxy.bootstrap import CONTAINER, CREDENTIALS, bootstrap, render
from clauditor.proxy.envoy import find_envoy
from clauditor.proxy.upstream import Upstream

# The typed messages are written for an older pydantic.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

VARIANTS = {
    "anthropic": CONTAINER,
    "plain": dataclasses.replace(CONTAINER, upstream=Upstream.of("http://127.0.0.1:8080/gw"), linux=False),
    "address": dataclasses.replace(CONTAINER, upstream=Upstream.of("https://[::1]:8443/a/b")),
    "company": dataclasses.replace(CONTAINER, upstream_proxy=("10.0.0.1", 3128)),
}


def type_names(value: Any) -> Iterator[str]:
    """Every `@type` in a configuration."""
    if isinstance(value, dict):
        if "@type" in value:
            yield value["@type"]
        for item in value.values():
            yield from type_names(item)
    elif isinstance(value, list):
        for item in value:
            yield from type_names(item)


def numbers_as_text(value: Any) -> Any:
    """Protobuf's JSON writes 64-bit numbers as text; so everything is compared as text."""
    if isinstance(value, dict):
        return {name: numbers_as_text(item) for name, item in value.items()}
    if isinstance(value, list):
        return [numbers_as_text(item) for item in value]
    return value if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("variant", VARIANTS)
def test_envoys_own_types_know_every_field_and_lose_none(variant: str) -> None:
    from envoy_data_plane.envoy.config.bootstrap.v3 import Bootstrap  # warns, see above, at import

    values = bootstrap(VARIANTS[variant])
    for name in type_names(values):  # importing a package registers its messages for `Any`
        package = name.removeprefix("type.googleapis.com/").rpartition(".")[0]
        importlib.import_module(f"envoy_data_plane.{package}")
    typed = Bootstrap.from_dict(values)  # refuses an unknown field
    back = Bootstrap.parse(bytes(typed)).to_dict(casing=betterproto2.Casing.SNAKE)
    assert numbers_as_text(back) == numbers_as_text(values)


@pytest.mark.parametrize("variant", VARIANTS)
def test_envoy_accepts_it_without_a_warning(variant: str, tmp_path: Path) -> None:
    config = VARIANTS[variant]
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    if config.upstream.tls and not bundle.exists():
        pytest.skip("no system certificates here")
    path = tmp_path / "envoy.yaml"
    path.write_text(
        render(
            dataclasses.replace(
                config,
                extproc_socket=Path("/tmp/e.sock"),
                admin_socket=Path("/tmp/a.sock"),
                access_log=tmp_path / "access.log",
            )
        )
    )
    found = subprocess.run(
        [find_envoy(None).path, "--mode", "validate", "--config-path", path, "--log-level", "warning"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.parametrize("variant", VARIANTS)
def test_yaml_says_what_the_values_say(variant: str) -> None:
    assert yaml.safe_load(render(VARIANTS[variant])) == bootstrap(VARIANTS[variant])


def test_the_checked_in_compose_configuration_is_the_rendered_one() -> None:
    root = Path(__file__).parents[2]
    assert yaml.safe_load((root / "envoy" / "envoy.yaml").read_text()) == bootstrap(CONTAINER)
    assert (root / "envoy" / "envoy.yaml").read_text().endswith(render(CONTAINER))


def test_no_retry_and_no_timeout_is_configured() -> None:
    text = render(CONTAINER)
    assert "retry" not in text
    assert 'timeout: "0s"' in text
    assert 'stream_idle_timeout: "0s"' in text


def test_the_observer_can_neither_delay_nor_fail_nor_see_credentials() -> None:
    listener = bootstrap(CONTAINER)["static_resources"]["listeners"][0]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    observer = manager["http_filters"][0]["typed_config"]
    assert observer["observability_mode"] is True
    assert observer["failure_mode_allow"] is True
    withheld = {pattern["exact"] for pattern in observer["forward_rules"]["disallowed_headers"]["patterns"]}
    assert withheld == {"authorization", "x-api-key", "cookie", "set-cookie", "proxy-authorization"}
    assert set(CREDENTIALS) == withheld
