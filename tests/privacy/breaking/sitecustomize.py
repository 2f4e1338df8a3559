"""A sidecar that fails in many places, with what passes in the words of its errors.

Python imports this module by itself where PYTHONPATH names its folder (site, "sitecustomize"). Beside the data directory
it leaves `tape`: every byte that came over gRPC.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any


def _raising(original: Callable[..., Any], words: Callable[..., str | None]) -> Callable[..., Any]:
    """The same, but that it raises an error with these words, if there are any."""

    def broken(*args: Any, **named: Any) -> Any:
        if (said := words(*args, **named)) is not None:
            raise ValueError(said)
        return original(*args, **named)

    return broken


def _taped(deserialize: Callable[[bytes], Any], tape: Path) -> Callable[[bytes], Any]:
    def taped(raw: bytes) -> Any:
        with tape.open("ab") as file:
            file.write(raw)
        return deserialize(raw)

    return taped


def _break_all(tape: Path) -> None:
    import grpc

    from clauditor.edge.feed import Feed
    from clauditor.model.events import LabelFound
    from clauditor.signals import catalogue
    from clauditor.store.history import History
    from clauditor.store.sink import StoreSink
    from clauditor.wire.exchange import Exchange

    handler = grpc.stream_stream_rpc_method_handler

    def recorded(process: Any, *, request_deserializer: Any, **named: Any) -> Any:
        return handler(process, request_deserializer=_taped(request_deserializer, tape), **named)

    grpc.stream_stream_rpc_method_handler = recorded

    def body_words(_: Exchange, data: bytes, **__: Any) -> str | None:
        return data.decode("utf-8", "replace") if b"break here" in data else None

    Exchange.response_body = _raising(Exchange.response_body, body_words)  # type: ignore[method-assign]
    Exchange.request_body = _raising(Exchange.request_body, body_words)  # type: ignore[method-assign]

    def label_words(_: Any, event: Any, *__: Any) -> str | None:
        if not isinstance(event, LabelFound):
            return None
        loop = asyncio.get_running_loop()
        loop.call_soon(_fail, event.label)
        loop.create_task(_fail_later(event.label))  # noqa: RUF006 - nobody awaits it: that is the point
        threading.Thread(target=_fail, args=(event.label,)).start()
        return repr(event)

    StoreSink.observe = _raising(StoreSink.observe, label_words)  # type: ignore[method-assign]
    Feed.observe = _raising(Feed.observe, label_words)  # type: ignore[method-assign]
    object.__setattr__(catalogue.SIGNALS[0], "check", lambda session, _: _lookup(repr(session)))

    def search_words(_: History, *__: Any, search: str | None = None, **___: Any) -> str | None:
        return search if search and "break here" in search else None

    History.sessions = _raising(History.sessions, search_words)  # type: ignore[method-assign]


def _lookup(words: str) -> None:
    raise KeyError(words)


def _fail(words: str) -> None:
    raise RuntimeError(words)


async def _fail_later(words: str) -> None:
    raise RuntimeError(words)


if "serve" in sys.orig_argv and "--data-dir" in sys.orig_argv:
    _break_all(Path(sys.orig_argv[sys.orig_argv.index("--data-dir") + 1]).parent / "tape")
