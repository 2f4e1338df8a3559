"""A wire tap in front of the proxy: passes bytes on as they are and keeps what the client really sent and got."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Message:
    """One HTTP/1.1 message as it stood on the wire; `body` without chunk framing."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Tap:
    """Listens on a loopback port of its own (`url`) and forwards every connection to `target_port`."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._kept: list[tuple[bytearray, bytearray]] = []
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def exchanges(self) -> list[tuple[Message, Message]]:
        """Every request with its answer, connection by connection."""
        return [
            pair
            for sent, received in self._kept
            for pair in zip(_messages(bytes(sent)), _messages(bytes(received)), strict=False)
        ]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                proxy = socket.create_connection(("127.0.0.1", self._target_port))
                self._kept.append((bytearray(), bytearray()))
                sent, received = self._kept[-1]
                for ends in ((client, proxy, sent), (proxy, client, received)):
                    thread = threading.Thread(target=_pump, args=ends, daemon=True)
                    thread.start()
                    self._threads.append(thread)


def _pump(source: socket.socket, sink: socket.socket, kept: bytearray) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            kept += data
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _messages(wire: bytes) -> Iterator[Message]:
    """The messages of one direction of one connection; the last one may be cut."""
    while b"\r\n\r\n" in wire:
        head, _, wire = wire.partition(b"\r\n\r\n")
        start, *lines = head.decode("latin-1").split("\r\n")
        headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
        known = {name.lower(): value for name, value in headers}
        if known.get("transfer-encoding", "").lower() == "chunked":
            body, wire = _unchunked(wire)
        else:
            size = int(known.get("content-length", 0))
            body, wire = wire[:size], wire[size:]
        yield Message(start, headers, body)


def _unchunked(wire: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        line, _, wire = wire.partition(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if size == 0:
            return body, wire.partition(b"\r\n")[2]
        body, wire = body + wire[:size], wire[size + 2 :]
