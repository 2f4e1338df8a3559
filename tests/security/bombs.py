"""Bombs through a real Envoy and sidecar, in requests and in answers: `PYTHONPATH=tests python -m security.bombs [NAME ...]`.

Sizes are in earnest: what can be packed has a gigabyte unpacked, and so has the longest line. For each bomb it prints what
came through unchanged, how much memory and processor time the sidecar took at most, and what it says of the exchange; an
ordinary client works all the while. Writes its section of docs/content.md, and exits 1 if a promise was broken.
"""

# ruff: noqa: T201  (a program that prints how long it took)

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import httpx

from security.bomb_corpus import BOMBS, MIB, Bomb, packed
from support.messages_api import ANSWER, JSON_HEAD, body, request
from support.stack import RunningStack, running_stack
from support.waiting import until

MOST_MIB: Final = 64
MOST_SECONDS: Final = 1.0
IN_EARNEST_MIB: Final = 1024
_PLAIN: Final = body(request())
_DONE: Final = b'{"type":"error","error":{"type":"invalid_request_error","message":"no"}}'


@dataclass(slots=True)
class Fell:
    """What came of one bomb. `growth_mib`: the sidecar's memory at its highest, above what it was. `carried_seconds`: the
    processor time that it takes to get so many bytes at all, without a look at them.
    """

    bomb: Bomb
    is_identical: bool
    sent_bytes: int
    growth_mib: float
    cpu_seconds: float
    carried_seconds: float
    reasons: list[str]
    limits: list[str]

    @property
    def complaints(self) -> list[str]:
        said = []
        if not self.is_identical:
            said.append("its bytes were changed")
        if self.growth_mib > MOST_MIB:
            said.append(f"{self.growth_mib:.0f} MiB more")
        if self.cpu_seconds - self.carried_seconds > MOST_SECONDS:
            said.append(f"{self.cpu_seconds:.2f} s of processor time")
        if self.bomb.limit is not None and self.bomb.limit not in self.limits:
            said.append(f"no counter says {self.bomb.limit}, but {self.limits}")
        if (
            self.bomb.limit not in (None, "tool_input", "headers")
            and f"limit_{self.bomb.limit}" not in self.reasons
        ):
            said.append(f"it is not partial for its limit, but for {self.reasons}")
        return said


class Vendor:
    """Answers what a request's `x-bomb` names, without reading more of either than it must hold."""

    def __init__(self, mib: int) -> None:
        self.bodies: dict[str, list[bytes]] = {}
        self.taken: dict[str, tuple[str, int]] = {}
        self.sent: dict[str, tuple[str, int]] = {}
        self._mib = mib
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.port = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        async def serve() -> None:
            server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=16 * MIB)
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()

        self._loop.run_until_complete(serve())
        self._loop.run_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._exchange(reader, writer):
                pass
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        headers = {
            name.lower(): value
            for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])
        }
        key = headers.get("x-bomb", "")
        hasher, size = hashlib.sha256(), 0
        async for piece in _body(reader, headers):
            hasher.update(piece)
            size += len(piece)
        self.taken[key] = (hasher.hexdigest(), size)
        bomb = next((one for one in BOMBS if key.startswith(f"{one.name}/")), None)
        if bomb is None or bomb.side == "request":
            answer = ANSWER if bomb is None else _DONE
            kind = "text/event-stream" if bomb is None else JSON_HEAD["content-type"]
            status = "200 OK" if bomb is None else "400 Bad Request"
            writer.write(
                f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(answer)}\r\n\r\n".encode()
                + answer
            )
            await writer.drain()
            return True
        lines = [f"{name}: {value}" for name, value in bomb.headers if not name.startswith(":")]
        lines += [
            f"content-type: {bomb.content_type}",
            *([f"content-encoding: {bomb.coding}"] if bomb.coding else []),
        ]
        status = dict(bomb.headers).get(":status", "200")
        writer.write(
            "\r\n".join([f"HTTP/1.1 {status} X", *lines, "transfer-encoding: chunked", "", ""]).encode()
        )
        hasher, size = hashlib.sha256(), 0
        for piece in bomb.make(self._mib):
            if piece:
                hasher.update(piece)
                size += len(piece)
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
        self.sent[key] = (hasher.hexdigest(), size)
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> AsyncIterator[bytes]:
    if headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readuntil(b"\r\n"), 16):
            yield await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readuntil(b"\r\n")
        return
    left = int(headers.get("content-length", "0"))
    while left:
        piece = await reader.read(min(left, MIB))
        if not piece:
            raise ConnectionError
        left -= len(piece)
        yield piece


@dataclass(slots=True)
class Range:
    """A stack, a vendor, and an ordinary client beside."""

    stack: RunningStack
    vendor: Vendor
    mib: int
    client: httpx.Client
    api: httpx.Client
    pid: int
    seconds_per_mib: float = 0.0

    def weigh(self) -> None:
        """How long the sidecar takes for a megabyte of an answer that it does not look at: no call of the API."""
        self._settle()
        cpu, size = _cpu_seconds(self.pid), 0
        with self.client.stream(
            "POST", "/v1/strange", content=b"", headers={"x-bomb": "one line/0"}
        ) as answer:
            size = sum(map(len, answer.iter_raw()))
        self._settle()
        self.seconds_per_mib = (_cpu_seconds(self.pid) - cpu) / (size / MIB)

    def drop(self, bomb: Bomb) -> Fell:
        """One bomb, and what came of it once the sidecar has nothing left to look at."""
        key, session_id = f"{bomb.name}/{uuid.uuid4()}", str(uuid.uuid4())
        before_limits, cpu = self.limits(), _cpu_seconds(self.pid)
        self._settle()
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        memory = _memory_mib(self.pid, "VmRSS")
        headers = {"x-claude-code-session-id": session_id, "x-bomb": key, "content-type": "application/json"}
        if bomb.side == "request":
            headers |= {**dict(bomb.headers), **({"content-encoding": bomb.coding} if bomb.coding else {})}
        cpu = _cpu_seconds(self.pid)
        hasher, received = hashlib.sha256(), 0
        sent, size = hashlib.sha256(), [0]
        content: Any = _counted(bomb.make(self.mib), sent, size) if bomb.side == "request" else _PLAIN
        with self.client.stream("POST", "/v1/messages", content=content, headers=headers) as answer:
            for piece in answer.iter_raw():
                hasher.update(piece)
                received += len(piece)
        self._settle()
        growth, took = _memory_mib(self.pid, "VmHWM") - memory, _cpu_seconds(self.pid) - cpu
        came = self.vendor.taken[key] if bomb.side == "request" else self.vendor.sent[key]
        mine = (sent.hexdigest(), size[0]) if bomb.side == "request" else (hasher.hexdigest(), received)
        reasons: list[str] = []
        if bomb.limit not in (None, "tool_input", "headers"):
            with contextlib.suppress(AssertionError):
                reasons = until(lambda: self._gaps(session_id) or None, "a gap", 8)
        limits: list[str] = []

        def is_counted() -> bool:
            limits[:] = [name for name, count in self.limits().items() if count > before_limits.get(name, 0)]
            return bomb.limit is None or bomb.limit in limits

        with contextlib.suppress(AssertionError):
            until(is_counted, "a counter", 8)
        return Fell(
            bomb=bomb,
            is_identical=came == mine,
            sent_bytes=came[1],
            growth_mib=growth,
            cpu_seconds=took,
            carried_seconds=came[1] / MIB * self.seconds_per_mib,
            reasons=reasons,
            limits=limits,
        )

    def limits(self) -> dict[str, float]:
        return dict(self._figures(r'clauditor_input_limits_total\{limit="(\w+)"\} (\S+)'))

    def internal_errors(self) -> dict[str, float]:
        return {
            part: count
            for part, count in self._figures(r'clauditor_internal_errors_total\{part="(\w+)"\} (\S+)')
            if count
        }

    def _figures(self, pattern: str) -> list[tuple[str, float]]:
        return [(name, float(count)) for name, count in re.findall(pattern, self.api.get("/metrics").text)]

    def _gaps(self, session_id: str) -> list[str]:
        gaps = self.api.get("/api/v1/gaps?limit=100").json()["gaps"]
        return [gap["reason"] for gap in gaps if gap["session_id"] == session_id]

    def _settle(self) -> None:
        """Until nothing waits to be looked at, and no processor time is taken."""

        def is_settled() -> bool:
            before = _cpu_seconds(self.pid)
            time.sleep(0.1)
            return _cpu_seconds(self.pid) - before < 0.02

        until(is_settled, "a sidecar at rest", 60)


def _counted(pieces: Iterable[bytes], hasher: Any, size: list[int]) -> Iterator[bytes]:
    for piece in pieces:
        if piece:
            hasher.update(piece)
            size[0] += len(piece)
            yield piece


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mib(pid: int, name: str) -> float:
    (kib,) = re.findall(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(kib) / 1024


class Ordinary:
    """A client that asks again and again while bombs fall; each of its calls is to be seen whole."""

    def __init__(self, proxy_url: str) -> None:
        self.session_id = str(uuid.uuid4())
        self.calls = 0
        self.failures = 0
        self._url = proxy_url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)

    def _ask(self) -> None:
        headers = {"x-claude-code-session-id": self.session_id}
        with httpx.Client(trust_env=False, base_url=self._url, timeout=60) as client:
            while not self._stop.wait(0.5):
                self.calls += 1
                ask = body(request({"role": "user", "content": f"call {self.calls}"}))
                answer = client.post("/v1/messages", content=ask, headers=headers)
                self.failures += answer.content != ANSWER


@contextlib.contextmanager
def shooting_range(directory: Path, mib: int) -> Iterator[Range]:
    with Vendor(mib) as vendor, running_stack(directory, f"http://127.0.0.1:{vendor.port}") as stack:
        token = (stack.data_dir / "token").read_text().strip()
        status = stack.status
        with (
            httpx.Client(trust_env=False, base_url=status["proxy"]["url"], timeout=300) as client,
            httpx.Client(
                trust_env=False,
                base_url=status["sidecar"]["url"],
                timeout=30,
                headers={"authorization": f"Bearer {token}"},
            ) as api,
        ):
            for _ in range(3):  # what is imported at the first call is no bomb's growth
                client.post(
                    "/v1/messages", content=_PLAIN, headers={"x-claude-code-session-id": str(uuid.uuid4())}
                )
            gzipped = b"".join(packed("zstd", [_PLAIN]))
            client.post("/v1/messages", content=gzipped, headers={"content-encoding": "zstd"})
            on = Range(stack, vendor, mib, client, api, status["sidecar"]["pid"])
            on.weigh()
            yield on


def campaign(
    directory: Path, bombs: Iterable[Bomb], mib: int, *, tell: Any = lambda _: None
) -> tuple[list[Fell], list[str]]:
    """Drop the bombs one after the other; what came of each, and what was broken besides."""
    fell: list[Fell] = []
    with shooting_range(directory, mib) as on:
        with Ordinary(on.stack.proxy_url) as ordinary:
            for bomb in bombs:
                fell.append(on.drop(bomb))
                tell(fell[-1])
        complaints = [f"{ordinary.failures} calls of the ordinary client failed"] if ordinary.failures else []
        seen = on.stack.session_when(ordinary.session_id, lambda shot: shot["turns"] >= ordinary.calls)
        if (seen["turns"], seen["failed_attempts"], seen["unobserved"]["exchanges"]) != (
            ordinary.calls,
            0,
            0,
        ):
            complaints.append(
                f"of {ordinary.calls} ordinary calls, {seen['turns']} were seen, {seen['unobserved']} not"
            )
        if errors := on.internal_errors():
            complaints.append(f"errors inside the sidecar: {errors}")
        log = (on.stack.data_dir / "run" / "sidecar.log").read_text()
        complaints += [line for line in log.splitlines() if re.search(r" (ERROR|CRITICAL) ", line)]
        if on.stack.status["sidecar"]["pid"] != on.pid:
            complaints.append("the sidecar was started anew")
    return fell, complaints


def row(fell: Fell) -> str:
    told = ", ".join(fell.reasons) or ", ".join(fell.limits) or "nothing to tell"
    return (
        f"| {fell.bomb.name} | {fell.sent_bytes:,} | {'yes' if fell.is_identical else '**no**'} | {fell.growth_mib:.0f} "
        f"| {fell.cpu_seconds:.2f} | {fell.carried_seconds:.2f} | {told} |{''.join(f' **{one}**' for one in fell.complaints)}"
    )


HEAD: Final = (
    "| bomb | bytes on the wire | identical | sidecar's memory, MiB more at most | processor time, s | of that unread, s | said of it |",
    "|---|--:|---|--:|--:|--:|---|",
)


def main(names: list[str]) -> int:
    bombs = [bomb for bomb in BOMBS if not names or bomb.name in names]
    print(*HEAD, sep="\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="bombs-") as directory:
        fell, complaints = campaign(
            Path(directory), bombs, IN_EARNEST_MIB, tell=lambda one: print(row(one), flush=True)
        )
    print(*complaints, sep="\n")
    worst = sum(bool(one.complaints) for one in fell)
    print(f"{len(fell)} bombs, {worst} broke a promise, {len(complaints)} complaints besides")
    return 1 if worst or complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
