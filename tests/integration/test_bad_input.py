"""Input that makes no sense passes untouched, is counted, and leaves the sidecar as it was."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from clauditor.demo import Reply, Simulator
from clauditor.demo.ledger import Record
from support.stack import RunningStack, watched_vendor
from support.waiting import until

pytestmark = pytest.mark.timeout(180)

Pair = tuple[Simulator, RunningStack]

START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","model":"claude-opus-5-5",'
    b'"usage":{"input_tokens":7,"output_tokens":1}}}\n\n'
)
STREAM = "text/event-stream"
PLAIN = b'{"model":"claude-opus-5-5","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"x"}]}'

ANSWERS = {
    "not events": (STREAM, b"no events here at all\n\n" * 50),
    "unknown events": (STREAM, START + b'event: from_the_future\ndata: {"type":"x"}\n\n' * 50),
    "broken json": (STREAM, START + b'event: content_block_delta\ndata: {"type": "content_bl\n\n' * 50),
    "invalid utf-8": (
        STREAM,
        START + b'event: message_delta\ndata: {"usage":{"output_tokens":5},"x":"\xff"}\n\n',
    ),
    "deep nesting": (
        STREAM,
        START + b"event: content_block_delta\ndata: " + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"\n\n",
    ),
    "a line of 100 MB": (STREAM, START + b"data: " + b"x" * 100_000_000 + b"\n\n"),
    "not json": ("application/json", b"<html>a gateway's page</html>"),
}
REQUESTS = {
    "not json": (b"{not json", {}),
    "no object": (b"[1, 2, 3]", {}),
    "empty": (b"", {}),
    "invalid utf-8": (b'{"model":"\xff\xfe","messages":[]}', {}),
    "deep nesting": (b'{"model":"m","messages":' + b"[" * 50_000 + b"]" * 50_000 + b"}", {}),
    "truncated gzip": (gzip.compress(PLAIN * 100)[:60], {"content-encoding": "gzip"}),
    "lying encoding": (PLAIN, {"content-encoding": "zstd"}),
    "a gzip bomb": (gzip.compress(b'{"model":"' + b"x" * 200_000_000 + b'"}'), {"content-encoding": "gzip"}),
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with watched_vendor(tmp_path_factory.mktemp("stack"), seed=5) as both:
        yield both


@pytest.fixture
def client(pair: Pair) -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, base_url=pair[1].proxy_url, timeout=60) as client:
        yield client


def malformed(stack: RunningStack) -> float:
    token = (stack.data_dir / "token").read_text().strip()
    text = httpx.get(
        f"{stack.status['sidecar']['url']}/metrics",
        headers={"authorization": f"Bearer {token}"},
        trust_env=False,
    ).text
    return sum(
        float(value) for value in re.findall(r"^clauditor_malformed_total\{[^}]*\} (\S+)", text, re.MULTILINE)
    )


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    (kib,) = re.findall(r"VmRSS:\s+(\d+) kB", status)
    return int(kib) / 1024


def recorded(vendor: Simulator, digest: str) -> Record:
    return until(
        lambda: next((r for r in vendor.ledger.records if r.request_sha256 == digest), None),
        "the vendor's record",
    )


@pytest.mark.parametrize("name", ANSWERS)
def test_a_senseless_answer_passes_and_is_counted(pair: Pair, client: httpx.Client, name: str) -> None:
    vendor, stack = pair
    pid = stack.status["sidecar"]["pid"]
    before, memory = malformed(stack), resident_mib(pid)
    session_id = str(uuid.uuid4())
    content_type, body = ANSWERS[name]
    vendor.script(session_id, Reply(body=body, content_type=content_type))
    answer = client.post("/v1/messages", content=PLAIN, headers={"x-claude-code-session-id": session_id})
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(body).digest()
    shot = stack.session_when(session_id, lambda seen: seen["state"] not in {"thinking", "streaming"})
    assert (shot["turns"], shot["failed_attempts"]) == (1, 1)
    if name not in {"unknown events", "not events"}:
        until(lambda: malformed(stack) > before, "a counted malformed input")
    assert stack.status["sidecar"]["pid"] == pid
    assert resident_mib(pid) - memory < 64


@pytest.mark.parametrize("name", REQUESTS)
def test_a_senseless_request_passes_and_is_counted(pair: Pair, client: httpx.Client, name: str) -> None:
    vendor, stack = pair
    pid = stack.status["sidecar"]["pid"]
    before, memory = malformed(stack), resident_mib(pid)
    body, headers = REQUESTS[name]
    client.post("/v1/messages", content=body, headers=headers)
    assert recorded(vendor, hashlib.sha256(body).hexdigest()).request_bytes == len(body)
    until(lambda: malformed(stack) > before, "a counted malformed input")
    assert stack.status["sidecar"]["pid"] == pid
    assert resident_mib(pid) - memory < 64


def test_headers_may_be_missing_or_nonsense(pair: Pair, client: httpx.Client) -> None:
    vendor, stack = pair
    pid = stack.status["sidecar"]["pid"]
    body = json.dumps(
        {"model": "claude-opus-5-5", "max_tokens": 5, "messages": [{"role": "user", "content": "q"}]}
    )
    for headers in (
        {},
        {"x-claude-code-session-id": "../../etc/passwd"},
        {"x-claude-code-session-id": "\x9b31mred", "x-claude-code-agent-id": "a" * 9000},
        {"anthropic-beta": ",".join(["context-1m"] * 2000), "user-agent": "\x9b0m claude-cli/"},
        {"x-claude-code-prev-tool-durations": "Bash=-1;;=;Read=999999999999999999999;%zz=1"},
    ):
        raw = [(key.encode(), value.encode("latin-1")) for key, value in headers.items()]
        answer = client.post("/v1/messages", content=body, headers=raw)
        assert answer.status_code == 200
    listing = stack.clauditor("sessions").stdout
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", listing)
    assert "passwd" not in listing
    assert stack.status["sidecar"]["pid"] == pid
    assert len(vendor.ledger.records) > 0
