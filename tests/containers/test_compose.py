"""docker-compose.yml as Compose's own program reads it: valid, hardened, and in step with Envoy's configuration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SERVICES = {"prepare", "envoy", "sidecar", "prometheus", "grafana"}
OURS = {"prepare", "envoy", "sidecar"}
"""Services that share the volumes with the sockets, as one numeric user."""


def mounts(service: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {mount["target"]: mount for mount in service.get("volumes", [])}


def envoy_values() -> Any:
    return yaml.safe_load((ROOT / "envoy" / "envoy.yaml").read_text(encoding="utf-8"))


def test_the_file_is_valid_and_plain_up_starts_everything(rendered: dict[str, Any]) -> None:
    assert set(rendered["services"]) == SERVICES
    assert all(service.get("scale", 1) == 1 for service in rendered["services"].values())
    assert not any(service.get("profiles") for service in rendered["services"].values())


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_has_no_privilege_that_it_does_not_need(rendered: dict[str, Any], name: str) -> None:
    service = rendered["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:\d+", service["user"])
    assert int(service["mem_limit"]) > 0
    assert service["pids_limit"] > 0
    assert service["ulimits"]["core"] == {}, "nought, which Compose does not print"
    assert service["init"] is True
    assert service["logging"]["options"]["max-size"]
    assert service["restart"] == ("no" if name == "prepare" else "unless-stopped")
    assert not any("docker.sock" in str(mount.get("source")) for mount in service.get("volumes", []))
    assert all(mount.get("read_only") for mount in service.get("volumes", []) if mount["type"] == "bind")


def test_ports_are_published_on_loopback_only(rendered: dict[str, Any]) -> None:
    published = {
        (name, port["target"]): (port["host_ip"], port["published"])
        for name, service in rendered["services"].items()
        for port in service.get("ports", [])
    }
    assert published == {
        ("envoy", 10000): ("127.0.0.1", "10000"),
        ("sidecar", 9091): ("127.0.0.1", "9091"),
        ("prometheus", 9090): ("127.0.0.1", "9090"),
        ("grafana", 3000): ("127.0.0.1", "3000"),
    }
    assert not any(service.get("network_mode") == "host" for service in rendered["services"].values())


def test_images_are_pinned_to_a_version(rendered: dict[str, Any]) -> None:
    for service in rendered["services"].values():
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), service["image"]
    version = re.search(r":v(\d+)\.(\d+)\.(\d+)$", rendered["services"]["envoy"]["image"])
    assert version is not None
    assert tuple(map(int, version.groups())) >= (1, 40, 2), "older ones have known holes"


def test_the_proxy_depends_on_nothing_that_keeps_running(rendered: dict[str, Any]) -> None:
    needed = rendered["services"]["envoy"]["depends_on"]
    assert {name: need["condition"] for name, need in needed.items()} == {
        "prepare": "service_completed_successfully"
    }
    assert "depends_on" not in rendered["services"]["prepare"]


def test_every_long_lived_service_says_whether_it_is_healthy(rendered: dict[str, Any]) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for name in SERVICES - {"prepare", "sidecar"}:
        assert rendered["services"][name]["healthcheck"]["test"][0] == "CMD"
    assert "HEALTHCHECK" in dockerfile, "the sidecar's own"
    assert rendered["services"]["prepare"]["healthcheck"] == {"disable": True}


def test_only_the_proxy_and_its_preparation_have_a_way_out(rendered: dict[str, Any]) -> None:
    inside = rendered["networks"]["inside"]["driver_opts"]
    assert inside["com.docker.network.bridge.enable_ip_masquerade"] == "false"
    networks = {name: set(service.get("networks") or {}) for name, service in rendered["services"].items()}
    assert networks == {
        "prepare": {"outside"},
        "envoy": {"outside"},
        "sidecar": {"inside"},
        "prometheus": {"inside"},
        "grafana": {"inside"},
    }


def test_envoy_and_the_sidecar_meet_in_one_volume_as_one_user(rendered: dict[str, Any]) -> None:
    services = rendered["services"]
    assert {services[name]["user"] for name in OURS} == {"10001:10001"}
    run = {name: mounts(services[name])["/data/run"] for name in OURS}
    assert {mount["source"] for mount in run.values()} == {"run"}
    assert {mount["type"] for mount in run.values()} == {"volume"}
    assert not any(mount.get("read_only") for mount in run.values())
    assert "run" in rendered["volumes"]
    assert set(mounts(services["envoy"])) == {"/data/run"}, "Envoy sees nothing else of the sidecar's"
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "USER 10001:10001" in dockerfile
    assert "install -d -o 10001 -g 10001 -m 0700 /data /data/run" in dockerfile


def test_every_path_in_envoys_configuration_lies_in_the_shared_volume(rendered: dict[str, Any]) -> None:
    config = envoy_values()
    clusters = {cluster["name"]: cluster for cluster in config["static_resources"]["clusters"]}
    (endpoint,) = clusters["sidecar"]["load_assignment"]["endpoints"][0]["lb_endpoints"]
    (listener,) = config["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    (access_log,) = manager["access_log"]
    volume = Path("/data/run")
    assert endpoint["endpoint"]["address"] == {"pipe": {"path": str(volume / "extproc.sock")}}
    assert Path(config["admin"]["address"]["pipe"]["path"]).parent == volume
    assert Path(access_log["typed_config"]["path"]).parent == volume
    envoy = rendered["services"]["envoy"]
    assert str(volume) in mounts(envoy)
    command = envoy["command"]
    assert Path(command[command.index("--config-path") + 1]) == volume / "envoy.yaml"
    listens = listener["address"]["socket_address"]
    assert [port["target"] for port in envoy["ports"]] == [listens["port_value"]]
    assert listens["address"] == "0.0.0.0", (  # noqa: S104 - what the container listens on
        "a published port comes in on the container's own address"
    )


def test_prometheus_scrapes_the_sidecar_with_its_token(rendered: dict[str, Any]) -> None:
    services = rendered["services"]
    config = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = config["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    host, _, port = target.partition(":")
    assert host in services
    assert int(port) in [published["target"] for published in services[host]["ports"]]
    assert host in services[host]["environment"]["CLAUDITOR_ALLOWED_HOST"].split(",")
    assert services["prometheus"]["user"] == services["sidecar"]["user"], (
        "the token is readable to its owner only"
    )
    token = Path(job["authorization"]["credentials_file"])
    data = mounts(services["prometheus"])[str(token.parent)]
    assert data["source"] == mounts(services["sidecar"])[str(token.parent)]["source"]
    assert data["read_only"] is True


def test_a_change_of_upstream_starts_envoy_anew_with_its_settings(compose: Any) -> None:
    env = {
        "CLAUDITOR_UPSTREAM": "https://gateway.example/claude",
        "CLAUDITOR_ALLOW_OTHER_UPSTREAM": "true",
        "CLAUDITOR_UPSTREAM_CA": "/etc/company.pem",
    }
    services = compose.config(env)["services"]
    assert services["envoy"]["environment"] == services["prepare"]["environment"]
    assert services["prepare"]["environment"] == {
        "CLAUDITOR_UPSTREAM": "https://gateway.example/claude",
        "CLAUDITOR_ALLOW_OTHER_UPSTREAM": "true",
        "CLAUDITOR_UPSTREAM_PROXY": "",
        "CLAUDITOR_UPSTREAM_CA": "/etc/clauditor/upstream-ca.pem",
    }
    assert mounts(services["prepare"])["/etc/clauditor/upstream-ca.pem"]["source"] == "/etc/company.pem"


def test_dashboards_can_be_left_out(compose: Any) -> None:
    services = compose.config({"CLAUDITOR_DASHBOARDS": "0"})["services"]
    assert {name for name, service in services.items() if service.get("scale", 1) == 0} == {
        "prometheus",
        "grafana",
    }


def test_every_variable_of_the_file_stands_in_the_example_with_its_default(compose: Any) -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    used = set(re.findall(r"\$\{([A-Z_]+)", text))
    shown = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", example, re.MULTILINE))
    assert set(shown) == used
    for name, default in re.findall(r"\$\{([A-Z_]+):-([^}]+)\}", text):
        assert name == "CLAUDITOR_UPSTREAM_CA" or shown[name] == default
    changes = {
        name: value
        for name, value in shown.items()
        if not name.startswith("CLAUDITOR_") or "UPSTREAM" not in name
    }
    assert compose.config(changes) == compose.config(), "the example shows the defaults"
