"""The compose stack on a real engine: built, started, used, hurt, and taken down without a trace.

Images come from this machine or its registry; ENVOY_IMAGE, PYTHON_IMAGE, PROMETHEUS_IMAGE and GRAFANA_IMAGE name
others, as in .env.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
import yaml

from support.dashboards import DASHBOARDS, questions
from support.surfaces import tcp_end

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
IMAGES = {
    "PYTHON_IMAGE": "python:3.11-slim-bookworm",
    "ENVOY_IMAGE": "envoyproxy/envoy:v1.40.2",
    "PROMETHEUS_IMAGE": "prom/prometheus:v3.13.3",
    "GRAFANA_IMAGE": "grafana/grafana:12.4.4",
}
KILL = """
import os, pathlib
(found,) = [p.parent.name for p in pathlib.Path("/proc").glob("[0-9]*/cmdline")
            if p.parent.name != "1" and p.read_bytes().endswith(b"clauditor\\0serve\\0")]
os.kill(int(found), 9)
"""
LOADED = importlib.util.spec_from_file_location("container_vendor", HERE / "vendor.py")
assert LOADED is not None
assert LOADED.loader is not None
vendor = importlib.util.module_from_spec(LOADED)
LOADED.loader.exec_module(vendor)

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]


def until(look: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """The first true value of `look`, which may fail in between; fails after a deadline."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(httpx.HTTPError, AssertionError, ValueError):
            if found := look():
                return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.2)


@dataclass(frozen=True)
class Running:
    compose: Any
    engine: Any
    env: dict[str, str]

    def run(self, *arguments: str, timeout: float = 120) -> str:
        return str(self.compose(*arguments, env=self.env, timeout=timeout))

    def container(self, service: str) -> Any:
        labels = [
            f"com.docker.compose.project={self.compose.project}",
            f"com.docker.compose.service={service}",
        ]
        (found,) = self.engine.containers.list(all=True, filters={"label": labels})
        return found

    def url(self, service: str, port: int) -> str:
        return "http://" + self.run("port", service, str(port)).strip()

    def clauditor(self, *arguments: str) -> str:
        """A command typed into the sidecar's container."""
        return self.run("exec", "-T", "sidecar", "clauditor", *arguments)

    def is_healthy(self, service: str) -> bool:
        return bool(self.container(service).attrs["State"]["Health"]["Status"] == "healthy")


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    try:
        client = docker.from_env(timeout=30)
        client.ping()
    except docker.errors.DockerException:
        pytest.skip("no Docker engine answers")
    yield client
    client.close()


def has_image(engine: Any, variable: str) -> bool:
    name = os.environ.get(variable, IMAGES[variable])
    try:
        engine.images.get(name)
    except docker.errors.ImageNotFound:
        try:
            engine.images.pull(name)
        except docker.errors.APIError:
            return False
    return True


def need_image(engine: Any, variable: str) -> None:
    if not has_image(engine, variable):
        pytest.skip(f"no image for {variable} here, and none can be pulled")


@pytest.fixture(scope="module")
def stack(engine: Any, compose: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Envoy alone, in front of the vendor, before any sidecar was started; taken down at the end."""
    need_image(engine, "PYTHON_IMAGE")
    need_image(engine, "ENVOY_IMAGE")
    extra = tmp_path_factory.mktemp("compose") / "vendor.yml"
    program = (HERE / "vendor.py").read_text(encoding="utf-8").replace("$", "$$")
    service = {
        "image": "clauditor-sidecar:0.1.0",
        "pull_policy": "never",
        "network_mode": "service:envoy",
        "command": ["python", "-c", program],
        "healthcheck": {"disable": True},
        "stop_grace_period": "0s",
    }
    extra.write_text(yaml.safe_dump({"services": {"vendor": service}}))
    name = f"clauditor-test-{uuid.uuid4().hex[:8]}"
    ports = ("CLAUDITOR_PORT", "CLAUDITOR_API_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT")
    env = {
        **{image: os.environ[image] for image in IMAGES if image in os.environ},
        **dict.fromkeys(ports, "0"),
        "CLAUDITOR_UPSTREAM": f"http://127.0.0.1:{vendor.PORT}",
        "CLAUDITOR_ALLOW_OTHER_UPSTREAM": "true",
    }
    files = (ROOT / "docker-compose.yml", extra)
    running = Running(replace(compose, files=files, project=name), engine, env)
    try:
        running.run("build", "sidecar", timeout=400)
        running.run("up", "-d", "envoy", "vendor")
        yield running
    finally:
        running.run("down", "-v", "--remove-orphans", "--timeout", "2")
    label = {"label": f"com.docker.compose.project={name}"}
    left = [*engine.containers.list(all=True, filters=label), *engine.volumes.list(filters=label)]
    assert left + engine.networks.list(filters=label) == []


@pytest.fixture(scope="module")
def whole(stack: Running) -> Running:
    """The same with the sidecar."""
    stack.run("up", "-d", "--wait", "envoy", "sidecar")
    return stack


def ask(stack: Running, session_id: str) -> httpx.Response:
    body = {
        "model": vendor.MODEL,
        "max_tokens": 100,
        "stream": True,
        "messages": [{"role": "user", "content": "name three rivers"}],
    }
    headers = {
        "x-claude-code-session-id": session_id,
        "anthropic-version": "2023-06-01",
        "x-api-key": "sk-ant-fake",
    }
    return httpx.post(stack.url("envoy", 10000) + "/v1/messages", json=body, headers=headers, timeout=30)


def session(stack: Running, session_id: str) -> dict[str, Any] | None:
    found = json.loads(stack.clauditor("sessions", "--json"))["sessions"]
    return next((shot for shot in found if shot["session_id"] == session_id and shot["turns"]), None)


def test_the_proxy_serves_before_any_sidecar_exists(stack: Running) -> None:
    until(lambda: ask(stack, str(uuid.uuid4())).content == vendor.message(), "an answer through Envoy alone")
    until(lambda: stack.is_healthy("envoy"), "a healthy proxy")


def test_a_call_is_forwarded_unchanged_and_seen_by_the_sidecar(whole: Running) -> None:
    session_id = str(uuid.uuid4())

    # Envoy finds the sidecar's socket again with its own back-off, so the first calls may pass unseen.
    def asked_and_seen() -> dict[str, Any] | None:
        assert ask(whole, session_id).content == vendor.message()
        return session(whole, session_id)

    shot = until(asked_and_seen, "the session on the sidecar's list")
    assert shot["identity"] == "header"
    assert shot["tokens"]["output"] == vendor.OUTPUT_TOKENS * shot["turns"]
    assert shot["tokens"]["cache_read"] == vendor.USAGE["cache_read_input_tokens"] * shot["turns"]
    assert session_id[:8] in whole.clauditor("top", "--once") or "rivers" in whole.clauditor("top", "--once")


@pytest.mark.parametrize("fault", ["pause", "kill"])
def test_a_stream_does_not_notice_what_happens_to_the_sidecar(whole: Running, fault: str) -> None:
    until(lambda: whole.is_healthy("sidecar"), "a healthy sidecar")
    digest = hashlib.sha256()
    gaps: list[float] = []
    with httpx.stream("GET", whole.url("envoy", 10000) + "/stream", timeout=30) as response:
        last = time.monotonic()
        for number, chunk in enumerate(response.iter_raw()):
            digest.update(chunk)
            now = time.monotonic()
            gaps.append(now - last)
            if number == 5:
                getattr(whole.container("sidecar"), fault)()
                now = time.monotonic()  # the engine's own time is not the stream's
            last = now
    if fault == "pause":
        whole.container("sidecar").unpause()
    else:
        whole.run("up", "-d", "sidecar")  # a kill by hand counts as a stop, which Docker leaves alone
    assert digest.digest() == hashlib.sha256(b"".join(vendor.chunks())).digest()
    assert max(gaps) < 1.0, "a chunk came every 0.1 s"
    session_id = str(uuid.uuid4())

    def seen_again() -> dict[str, Any] | None:
        ask(whole, session_id)
        return session(whole, session_id)

    until(seen_again, "sessions are seen again")


@pytest.mark.parametrize("service", ["envoy", "sidecar"])
def test_the_engine_grants_nothing_beyond_what_the_file_says(whole: Running, service: str) -> None:
    found = whole.container(service).attrs
    host = found["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    assert host["NetworkMode"] != "host"
    assert not host["PidMode"]
    assert {limit["Name"]: (limit["Soft"], limit["Hard"]) for limit in host["Ulimits"]} == {
        "core": (0, 0),
        "nofile": (16384, 16384),
    }
    assert found["Config"]["User"] == "10001:10001"
    assert {bound["HostIp"] for ports in host["PortBindings"].values() for bound in ports} == {"127.0.0.1"}
    code, output = whole.container(service).exec_run(["cat", "/proc/1/status"])
    assert code == 0
    status = dict(line.split(":\t", 1) for line in output.decode().splitlines() if ":\t" in line)
    assert status["Uid"].split() == ["10001"] * 4
    assert {status[name] for name in ("CapPrm", "CapEff", "CapBnd")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"


@pytest.mark.parametrize(("service", "ports"), [("envoy", {10000, vendor.PORT}), ("sidecar", {9091})])
def test_a_container_listens_on_its_one_port(whole: Running, service: str, ports: set[int]) -> None:
    """The vendor of the tests shares Envoy's network; the engine's own name server listens in every container."""
    _, output = whole.container(service).exec_run(["cat", "/proc/net/tcp", "/proc/net/tcp6"])
    rows = [line.split() for line in output.decode().splitlines()]
    ends = [tcp_end(fields[1]) for fields in rows if len(fields) > 3 and fields[3] == "0A"]
    assert {port for address, port in ends if address != "127.0.0.11"} == ports
    code, output = whole.container(service).exec_run(["ls", "-ln", "/data/run"])
    assert code == 0
    sockets = [line.split() for line in output.decode().splitlines() if line.startswith("s")]
    assert {(line[0][:10], line[2], line[-1]) for line in sockets} == {
        ("srw-------", "10001", "admin.sock"),
        ("srw-------", "10001", "extproc.sock"),
    }


def test_the_sidecar_cannot_reach_the_world(whole: Running) -> None:
    program = "import socket; socket.create_connection(('1.1.1.1', 443), 3)"
    code, output = whole.container("sidecar").exec_run(["python", "-c", program])
    assert code == 1
    assert b"timed out" in output or b"unreachable" in output


def test_the_image_brings_no_envoy_and_no_installer(whole: Running) -> None:
    program = (
        "import importlib.util as u; print([n for n in ('envoy', 'setuptools', 'pip') if u.find_spec(n)])"
    )
    code, output = whole.container("sidecar").exec_run(["/opt/clauditor/bin/python", "-c", program])
    assert (code, output.strip()) == (0, b"[]")


def test_prometheus_scrapes_the_sidecar_with_its_token(whole: Running, engine: Any) -> None:
    need_image(engine, "PROMETHEUS_IMAGE")
    whole.run("up", "-d", "--wait", "prometheus", timeout=180)
    url = whole.url("prometheus", 9090) + "/api/v1/query"

    def value(expression: str) -> float:
        answer = httpx.get(url, params={"query": expression}).json()
        assert answer["status"] == "success", answer
        result = answer["data"]["result"]
        return float(result[0]["value"][1]) if result else 0

    until(lambda: value('up{job="clauditor"}') == 1, "a scrape that worked")
    ask(whole, str(uuid.uuid4()))
    until(lambda: value("sum(clauditor_turns_total)") >= 1, "the calls in Prometheus", 90)
    until(lambda: value("clauditor:turns:total") >= 1, "what the rules record of them", 60)
    for dashboard in DASHBOARDS:
        for question in questions(dashboard):
            value(question.filled(shown_seconds=300, rate_seconds=60))


def test_grafana_shows_the_dashboards_and_asks_prometheus(whole: Running, engine: Any) -> None:
    need_image(engine, "PROMETHEUS_IMAGE")
    need_image(engine, "GRAFANA_IMAGE")
    whole.run("up", "-d", "--wait", "grafana", timeout=240)
    url = whole.url("grafana", 3000).replace("127.0.0.1", "localhost")
    found = until(
        lambda: httpx.get(url + "/api/search", params={"query": "Clauditor"}).json(), "the dashboard"
    )
    assert {it["uid"] for it in found} == {path.stem for path in DASHBOARDS}
    source = f"{url}/api/datasources/proxy/uid/clauditor-prometheus/api/v1/query"
    until(
        lambda: httpx.get(source, params={"query": "up"}).json()["data"]["result"], "an answer of Prometheus"
    )


def test_the_engine_restarts_a_sidecar_that_dies(whole: Running) -> None:
    before = whole.container("sidecar").attrs["RestartCount"]
    code, output = whole.container("sidecar").exec_run(["python", "-c", KILL])
    assert code in {0, 137}, output  # 137: the container ended before the killer could
    until(lambda: whole.container("sidecar").attrs["RestartCount"] > before, "a restart")
    until(lambda: whole.is_healthy("sidecar"), "a healthy sidecar")
