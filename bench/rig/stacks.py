"""What stands between client and vendor: the whole stack, bare Envoy, and the reference tool's synchronous filter."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import re
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import httpx

from bench.rig.vendor import Entry
from clauditor.pb.ext_proc_pb2 import ProcessingRequest
from clauditor.proxy.clusters import Json
from clauditor.proxy.envoy import Admin
from clauditor.proxy.process import Process
from clauditor.proxy.rundir import RunDir
from clauditor.proxy.running import Name, running
from faults.proxies import envoy
from support.stack import RunningStack, running_stack

_SERVICE: Final = "envoy.service.ext_proc.v3.ExternalProcessor"
_EXT_PROC: Final = "http.clauditor.ext_proc"
WITNESSES: Final = {
    "failed open": f"{_EXT_PROC}.failure_mode_allowed",
    "streams failed": f"{_EXT_PROC}.streams_failed",
    "overflow (pending)": "cluster.sidecar.upstream_rq_pending_overflow",
    "overflow (active)": "cluster.sidecar.upstream_rq_active_overflow",
    "backed up": "cluster.sidecar.upstream_flow_control_backed_up_total",
}
"""Envoy's own counters of what went wrong between it and the sidecar."""

_DROPPED: Final = {
    "clauditor_edge_overflows_total": "copies that found no room",
    "clauditor_store_rows_dropped_total": "rows dropped",
}


@dataclass(frozen=True)
class Watched:
    """The stack as `clauditor up` starts it."""

    stack: RunningStack
    url: str
    api_url: str

    @property
    def run(self) -> RunDir:
        return RunDir(self.stack.data_dir)

    @property
    def token(self) -> str:
        return (self.stack.data_dir / "token").read_text().strip()

    def process(self, name: Name) -> Process:
        found = running(self.run, name)
        if found is None:
            raise RuntimeError(f"no {name} runs")
        return found.process

    def pid(self, name: Name) -> int:
        return self.process(name).pid

    def witnesses(self) -> dict[str, int]:
        return Admin(self.run.admin_socket, 5.0).figures(WITNESSES.values())

    def troubles(self) -> list[str]:
        """Those of Envoy's counters that are not zero."""
        figures = self.witnesses()
        found = [f"{word} {figures[name]}" for word, name in WITNESSES.items() if figures.get(name)]
        return found if figures else ["Envoy does not say"]

    def metrics(self) -> dict[str, float]:
        """The sidecar's metrics, by name with labels."""
        answer = httpx.get(
            f"{self.api_url}/metrics",
            headers={"authorization": f"Bearer {self.token}"},
            trust_env=False,
            timeout=30,
        )
        lines = re.findall(r"^(clauditor_\S+) (\S+)$", answer.text, re.MULTILINE)
        return {name: float(value) for name, value in lines}

    def dropped(self) -> list[str]:
        """What the sidecar says that it let pass unseen."""
        counted = self._counted()
        return [f"{words} {counted[name]}" for name, words in _DROPPED.items() if counted[name]]

    def cut_short(self) -> int:
        """Copies that Envoy ended before their last message was read: of most of them all that matters was."""
        return self._counted()["clauditor_edge_cut_short_total"]

    def _counted(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for name, number in self.metrics().items():
            found[name.partition("{")[0]] += int(number)
        return found

    def captured(self) -> dict[str, tuple[int, bool]]:
        """What the history holds: output tokens, and whether all of it was seen, by the plan's name."""
        path = self.stack.data_dir / "clauditor.db"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
            rows = db.execute(
                "SELECT message_id, output, complete AND outcome = 0 FROM calls WHERE message_id NOT NULL"
            )
            return {name.removeprefix("msg_"): (output, bool(whole)) for name, output, whole in rows}

    def gaps(self) -> dict[str, int]:
        """Exchanges that the history names as not, or not wholly, seen, by the reason."""
        path = self.stack.data_dir / "clauditor.db"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
            return dict(
                db.execute(
                    "SELECT names.name, count(*) FROM gaps JOIN names ON names.key = gaps.reason GROUP BY 1"
                )
            )

    def missing(self, book: dict[str, Entry], seconds: float = 30.0) -> list[str]:
        """Names in the vendor's book that the history lacks, or holds with other tokens; waits for the last ones."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.captured()
            missing = [name for name, entry in book.items() if found.get(name) != (entry.output_tokens, True)]
            if not missing or time.monotonic() > deadline:
                return missing
            time.sleep(0.5)


@contextlib.contextmanager
def watched(directory: Path, upstream: str) -> Iterator[Watched]:
    """A whole stack on free ports, with a data directory of its own."""
    with running_stack(directory, upstream) as stack:
        status = stack.status
        yield Watched(stack, status["proxy"]["url"], status["sidecar"]["url"])


def synchronous(config: Json) -> None:
    """The observing filter as the reference tool has it: whole requests are held until the processor has answered, and
    each piece of an answer as well. Its limits are its own: 64 MiB of body, 10 s for a message, then it fails open.
    """
    (listener,) = config["static_resources"]["listeners"]
    listener["per_connection_buffer_limit_bytes"] = 64 << 20
    (manager,) = listener["filter_chains"][0]["filters"]
    observer = manager["typed_config"]["http_filters"][0]["typed_config"]
    for name in ("observability_mode", "deferred_close_timeout", "disable_immediate_response"):
        del observer[name]
    observer["message_timeout"] = "10s"
    observer["processing_mode"] = {
        "request_header_mode": "SEND",
        "request_body_mode": "BUFFERED",
        "response_header_mode": "SEND",
        "response_body_mode": "STREAMED",
    }


@contextlib.contextmanager
def processed(directory: Path, upstream: str, change: Callable[[Json], None]) -> Iterator[str]:
    """Envoy with its filter as `change` leaves it, and a processor that says "go on" to everything; its URL."""
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    processor = context.Process(target=_go_on, args=(str(directory / "extproc.sock"), ready), daemon=True)
    try:
        with envoy(directory, upstream, change) as proxy:
            processor.start()
            if not ready.wait(30):
                raise RuntimeError("the processor did not start")
            yield proxy.url
    finally:
        if processor.is_alive():
            processor.terminate()
            processor.join(10)


_ANSWERS: Final = {
    "request_headers": b"\x0a\x00",
    "response_headers": b"\x12\x00",
    "request_body": b"\x1a\x00",
    "response_body": b"\x22\x00",
    "request_trailers": b"\x2a\x00",
    "response_trailers": b"\x32\x00",
}
"""`ProcessingResponse` with an empty answer to each kind of message, which says: go on, nothing is changed."""


def _go_on(socket: str, ready: Any) -> None:
    async def process(messages: AsyncIterator[ProcessingRequest], _context: Any) -> AsyncIterator[bytes]:
        async for message in messages:
            yield _ANSWERS[str(message.WhichOneof("request"))]

    async def run() -> None:
        handler = grpc.stream_stream_rpc_method_handler(
            process, request_deserializer=ProcessingRequest.FromString
        )
        server = grpc.aio.server(options=(("grpc.max_receive_message_length", 64 << 20),))
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(_SERVICE, {"Process": handler}),)
        )
        server.add_insecure_port(f"unix:{socket}")
        await server.start()
        ready.set()
        await server.wait_for_termination()

    asyncio.run(run())
