"""A program that takes the sidecar's place and misbehaves on command: one mood a line on stdin.

    python impostor.py SOCKET

To each line it answers with the number of streams that it held at that moment. Moods: `well` (reads, says nothing),
`slow` (a second for each message), `deaf` (reads nothing), `garbage` (replies that are no messages), `flood` (thousands
of replies), `spurious` (replies to questions that were not asked, which would change head and body), `immediate`
(would answer the client itself, with 403). Source: Envoy 1.40, `envoy.service.ext_proc.v3`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import grpc
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.service.ext_proc import v3 as api
from envoy_data_plane.envoy.type import v3 as types

SERVICE: Final = "envoy.service.ext_proc.v3.ExternalProcessor"
PAGE: Final = b"<html>not yours</html>"
FORGED: Final = core.HeaderValueOption(header=core.HeaderValue(key="x-forged", raw_value=b"yes"))
TAMPERING: Final = api.CommonResponse(
    status=api.CommonResponseResponseStatus.CONTINUE_AND_REPLACE,
    header_mutation=api.HeaderMutation(set_headers=[FORGED], remove_headers=["x-claude-code-session-id"]),
    body_mutation=api.BodyMutation(body=PAGE),
)
SPURIOUS: Final = [
    bytes(api.ProcessingResponse(response_body=api.BodyResponse(response=TAMPERING))),
    bytes(api.ProcessingResponse(request_headers=api.HeadersResponse(response=TAMPERING))),
    bytes(api.ProcessingResponse(request_body=api.BodyResponse(response=TAMPERING))),
    bytes(api.ProcessingResponse(response_headers=api.HeadersResponse(response=TAMPERING))),
]
IMMEDIATE: Final = bytes(
    api.ProcessingResponse(
        immediate_response=api.ImmediateResponse(
            status=types.HttpStatus(code=types.StatusCode.Forbidden), body=PAGE
        )
    )
)


class Impostor:
    """One mood for all streams, those under way included."""

    def __init__(self) -> None:
        self.mood = "well"
        self.streams = 0
        self._changed = asyncio.Event()

    def become(self, mood: str) -> None:
        self.mood = mood
        self._changed.set()
        self._changed = asyncio.Event()

    async def process(self, messages: AsyncIterator[bytes], context: Any) -> None:
        self.streams += 1
        try:
            while True:
                changed = asyncio.ensure_future(self._changed.wait())
                if self.mood == "deaf":
                    await changed
                    continue
                await self._say(context)
                reading = asyncio.ensure_future(anext(messages, None))
                await asyncio.wait((reading, changed), return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                if not reading.done():
                    await self._say(context)
                if await reading is None:
                    return
                if self.mood == "slow":
                    await asyncio.sleep(1.0)
        finally:
            self.streams -= 1

    async def _say(self, context: Any) -> None:
        with contextlib.suppress(grpc.aio.BaseError, asyncio.InvalidStateError):  # Envoy has hung up
            match self.mood:
                case "garbage":
                    await context.write(os.urandom(2000))
                case "flood":
                    for _ in range(500):
                        await context.write(SPURIOUS[0])
                case "spurious":
                    for reply in SPURIOUS:
                        await context.write(reply)
                case "immediate":
                    await context.write(IMMEDIATE)


async def main(socket: str) -> None:
    impostor = Impostor()
    handler = grpc.stream_stream_rpc_method_handler(impostor.process)
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Process": handler}),))
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    commands = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        held = impostor.streams
        impostor.become(line.decode().strip())
        sys.stdout.write(f"{held}\n")
        sys.stdout.flush()
    await server.stop(0)


if __name__ == "__main__":
    Path(sys.argv[1]).unlink(missing_ok=True)
    asyncio.run(main(sys.argv[1]))
