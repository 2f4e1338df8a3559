"""CPU of the sidecar for each chunk of an answer, against a handler that does nothing, in the same run.

    python bench/chunk_cpu.py [--streams 32] [--chunks 400] [--rounds 3]

Each round starts both servers in turn, each in a process of its own on a Unix socket, and plays the same streams
to them: a request, then `chunks` text deltas, one a message, as Envoy copies them. Printed: microseconds of the
server's CPU (user and system) for each chunk, the median over the rounds, and the ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc

from clauditor.edge.extproc import ExtProcServer, Message
from clauditor.edge.feed import Feed
from clauditor.edge.inbox import Inbox
from clauditor.edge.inspector import Inspector
from clauditor.edge.joining import Joining
from clauditor.hub import Hub
from clauditor.pb.ext_proc_pb2 import ProcessingRequest
from clauditor.pricing import Pricing
from clauditor.telemetry.metrics import Metrics
from clauditor.wire.exchange import Exchange
from clauditor.wire.identity import Secrets

METHOD = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"


class Nothing(ExtProcServer):
    """Reads every message, as ours does, and hands none on."""

    async def process(self, messages: AsyncIterator[Message], _context: Any) -> None:
        async for message, _ in messages:
            if message.response_body.end_of_stream:
                return


def serve(kind: str, socket: str, ready: Any, stop: Any, result: Any) -> None:
    async def run() -> None:
        secrets = Secrets(salt=b"s" * 32, start_secret=b"t" * 32)
        joining: Joining[Exchange] = Joining()
        hub = Hub(book=Pricing(), sinks=(Metrics(version="bench"), Feed(), joining))
        inbox = Inbox()
        inspector = Inspector(inbox, publish=hub.publish, now=time.time, secrets=secrets, joining=joining)
        looking = asyncio.create_task(inspector.run())
        server = (ExtProcServer if kind == "ours" else Nothing)(inbox, Path(socket), now=time.time)
        server.start()
        hub._book.price_list("claude-opus-5-5", speed=None, batch=False, at=time.time())
        before = resource.getrusage(resource.RUSAGE_SELF)
        ready.set()
        await asyncio.to_thread(stop.wait)
        after = resource.getrusage(resource.RUSAGE_SELF)
        result.put(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        await server.stop()
        looking.cancel()

    asyncio.run(run())


def head(**headers: str) -> dict[str, Any]:
    return {
        "headers": {"headers": [{"key": k.encode(), "raw_value": v.encode()} for k, v in headers.items()]}
    }


def messages(stream: int, chunks: int) -> list[bytes]:
    body = {
        "model": "claude-opus-5-5",
        "stream": True,
        "messages": [{"role": "user", "content": "hello"}],
        "system": "s",
    }
    request = head(
        **{
            ":method": "POST",
            ":path": "/v1/messages?beta=true",
            "x-claude-code-session-id": f"session-{stream}",
            "content-type": "application/json",
        }
    )
    start: dict[str, Any] = {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "model": "claude-opus-5-5",
            "usage": {"input_tokens": 3, "output_tokens": 1},
        },
    }
    delta = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "forty characters of text, more or less "},
    }
    events = [
        start,
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ]
    events += [delta] * chunks
    events += [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]
    out = [
        ProcessingRequest(request_headers=request),
        ProcessingRequest(request_body={"body": json.dumps(body).encode(), "end_of_stream": True}),
        ProcessingRequest(response_headers=head(**{":status": "200", "content-type": "text/event-stream"})),
    ]
    out += [
        ProcessingRequest(response_body={"body": f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode()})
        for e in events
    ]
    out.append(ProcessingRequest(response_body={"body": b"", "end_of_stream": True}))
    return [message.SerializeToString() for message in out]


async def play(socket: str, streams: int, chunks: int) -> None:
    async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
        call = channel.stream_stream(METHOD, request_serializer=None, response_deserializer=None)

        async def one(number: int) -> None:
            async def send() -> AsyncIterator[bytes]:
                for message in messages(number, chunks):
                    yield message
                    await asyncio.sleep(0)

            async for _ in call(send()):
                pass

        await asyncio.gather(*(one(number) for number in range(streams)))


def measure(kind: str, streams: int, chunks: int) -> float:
    context = multiprocessing.get_context("spawn")
    ready, stop, result = context.Event(), context.Event(), context.Queue()
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        socket = f"{directory}/s"
        server = context.Process(target=serve, args=(kind, socket, ready, stop, result))
        server.start()
        if not ready.wait(30):
            raise SystemExit("the server did not start")
        asyncio.run(play(socket, streams, chunks))
        stop.set()
        seconds = float(result.get(timeout=30))
        server.join(10)
    return seconds / (streams * chunks) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--chunks", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    took: dict[str, list[float]] = {"nothing": [], "ours": []}
    for _ in range(asked.rounds):
        for kind, runs in took.items():
            runs.append(measure(kind, asked.streams, asked.chunks))
    medians = {kind: statistics.median(runs) for kind, runs in took.items()}
    print(f"{asked.streams} streams x {asked.chunks} chunks, median of {asked.rounds} rounds")
    for kind, runs in took.items():
        print(f"  {kind:8} {medians[kind]:6.1f} us a chunk   ({', '.join(f'{run:.1f}' for run in runs)})")
    print(f"  ratio    {medians['ours'] / medians['nothing']:6.2f}")


if __name__ == "__main__":
    main()
