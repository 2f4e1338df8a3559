"""Alerts to a real web server."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from clauditor.alerts import webhook as webhook_module
from clauditor.alerts.alert import facts
from clauditor.alerts.webhook import Webhook
from clauditor.errors import ClauditorError
from support.ringing import Receiver, alert


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_module, "RETRY_SECONDS", 0.01)


def test_it_posts_the_facts_as_json(receiver: Receiver) -> None:
    way = Webhook(receiver.url)
    way.deliver(alert())
    ((line, headers, body),) = receiver.requests
    assert line == "POST /hook/secret-path?key=secret-key"
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == facts(alert())
    assert "label" not in json.loads(body)
    assert (way.host, way.retries) == ("127.0.0.1", 0)


def test_a_label_goes_only_where_the_alert_has_one(receiver: Receiver) -> None:
    Webhook(receiver.url).deliver(alert(label="fix the login test"))
    assert json.loads(receiver.requests[0][2])["label"] == "fix the login test"


@pytest.mark.parametrize("status", [500, 503, 429])
def test_trouble_of_the_server_is_tried_once_more(receiver: Receiver, status: int) -> None:
    receiver.answers = [status, 200]
    way = Webhook(receiver.url)
    way.deliver(alert())
    assert (len(receiver.requests), way.retries) == (2, 1)


def test_it_is_given_up_after_the_second_attempt(receiver: Receiver) -> None:
    receiver.answers = [503]
    way = Webhook(receiver.url)
    with pytest.raises(ClauditorError, match=r"^127\.0\.0\.1 answered 503\.$"):
        way.deliver(alert())
    assert (len(receiver.requests), way.retries) == (2, 1)


def test_a_refusal_is_not_tried_again(receiver: Receiver) -> None:
    receiver.answers = [404]
    with pytest.raises(ClauditorError, match="answered 404; check the address under"):
        Webhook(receiver.url).deliver(alert())
    assert len(receiver.requests) == 1


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    receiver.answers = [307]
    with pytest.raises(ClauditorError, match="a redirect, which is not followed"):
        Webhook(receiver.url).deliver(alert())
    assert len(receiver.requests) == 1


def test_nobody_there_is_told_without_the_secret_path() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(
        ClauditorError, match=r"127\.0\.0\.1 did not answer \(Connection refused\)"
    ) as refused:
        Webhook(f"http://127.0.0.1:{port}/secret?key=secret").deliver(alert())
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("drips", [False, True])
def test_a_server_that_takes_for_ever_is_left(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, *, drips: bool
) -> None:
    monkeypatch.setattr(webhook_module, "TIMEOUT_SECONDS", 0.4)
    over = threading.Event()

    def hang(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not over.wait(0.05):
            if drips:
                handler.wfile.write(b"X-More: of it\r\n")

    receiver.answers = [hang]
    try:
        with pytest.raises(ClauditorError, match=r"did not answer \(nothing within 0\.4 s\)"):
            Webhook(receiver.url).deliver(alert())
    finally:
        over.set()
    assert len(receiver.requests) == 2


def test_a_stop_does_not_wait_for_the_second_attempt(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_module, "RETRY_SECONDS", 600.0)
    way = Webhook(receiver.url)

    def close(handler: BaseHTTPRequestHandler) -> None:
        way.close()
        handler.send_error(503)

    receiver.answers = [close]
    with pytest.raises(ClauditorError):
        way.deliver(alert())


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command for certificates")
def test_only_a_trusted_certificate_gets_the_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            key,
            "-out",
            certificate,
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    seen: list[bytes] = []

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def serve() -> None:
            for _ in range(2):
                raw, _ = listener.accept()
                raw.settimeout(10)
                try:
                    with context.wrap_socket(raw, server_side=True) as tls:
                        while b'"next_step"' not in b"".join(seen):
                            seen.append(tls.recv(65536))
                        tls.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
                except ssl.SSLError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"https://localhost:{listener.getsockname()[1]}/secret"
        with pytest.raises(ClauditorError, match="certificate of localhost is not trusted") as refused:
            Webhook(url).deliver(alert())
        assert "secret" not in str(refused.value)
        assert not seen
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        Webhook(url).deliver(alert())
        thread.join(10)
    assert b"".join(seen).startswith(b"POST /secret HTTP/1.1\r\n")
