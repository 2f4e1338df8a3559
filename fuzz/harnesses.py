"""One function a target: takes any bytes, returns nothing, and fails if a promise of the wire layer breaks.

The promises: nothing is raised, no input takes a second, what is kept and told has bounds, the events do not
depend on how the bytes were cut, and each start has exactly one end.
"""

# ruff: noqa: INP001, S101  (a folder of programs; asserts are what it is about; time is measured here)

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Final, get_args

from clauditor import text
from clauditor.model.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    Compacted,
    Event,
    InputLimit,
    Malformed,
    Progress,
    SideCallFinished,
)
from clauditor.wire import identity
from clauditor.wire.anthropic import errors
from clauditor.wire.anthropic.limits import MAX_WINDOWS, limits_seen
from clauditor.wire.anthropic.request import read_request
from clauditor.wire.anthropic.tool_target import target
from clauditor.wire.bounds import Limits
from clauditor.wire.content_encoding import BodyDecoder
from clauditor.wire.exchange import Exchange
from clauditor.wire.problems import Problems
from clauditor.wire.sse import SseParser

MOST_SECONDS: Final = 1.0
SEPARATOR: Final = b"\n=====\n"
"""Between the parts of an exchange: a byte that steers, request head, request body, answer head, answer body."""

_SECRETS: Final = identity.Secrets(salt=b"fuzz salt", start_secret=b"fuzz secret")
_ORIGIN: Final = identity.Origin(session_id="s", agent_id="main", exchange_id="x")
_LIMITS: Final = Limits()
_SMALL: Final = Limits(
    request_bytes=3000,
    early_response_bytes=300,
    response_bytes=3000,
    response_bytes_per_call=2000,
    json_answer_bytes=1000,
    error_bytes=200,
    line_bytes=300,
    tool_input_bytes=40,
    open_blocks=2,
    tool_calls=3,
)
_ENCODINGS: Final = (
    "gzip",
    "br",
    "zstd",
    "deflate",
    "gzip, br",
    "zstd, deflate, gzip",
    "identity",
    "squeeze",
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_ENDS: Final = (AttemptFinished, AttemptFailed)


def sse(data: bytes) -> None:
    """The same events for any cut, and never more kept than the bound."""
    line_bytes = 1 + data[0] if data else 10
    stream = data[1:]
    whole = SseParser(line_bytes=line_bytes)
    expected = whole.feed(stream)
    parser = SseParser(line_bytes=line_bytes)
    found = [event for piece in _pieces(stream, line_bytes) for event in parser.feed(piece)]
    assert found == expected
    assert parser.is_skipping == whole.is_skipping
    assert all(len(value) <= line_bytes for _, value in found)


def decoders(data: bytes) -> None:
    """Bounded output, and the same for any cut unless the data is damaged or too much."""
    coding = _ENCODINGS[data[0] % len(_ENCODINGS)] if data else ""
    body = data[1:]
    outputs, stops = [], []
    for pieces in (iter([body]), _pieces(body, 7)):
        decoder = BodyDecoder(coding, total_bytes=1 << 20, call_bytes=1 << 20)
        outputs.append(b"".join(out for piece in pieces for out in decoder.decode(piece)))
        stops.append(decoder.stopped)
        assert len(outputs[-1]) <= max(1 << 20, len(body))
    assert stops == [None, None] or all(stops), stops
    if stops == [None, None]:
        assert outputs[0] == outputs[1]


def request(data: bytes) -> None:
    """A body that is JSON or not: understood or refused, with clean words and bounded lists."""
    steer, body = (data[0], data[1:]) if data else (0, b"")
    path = "/v1/messages/count_tokens" if steer & 1 else "/v1/messages"
    headers = {":method": "POST", ":path": path, "anthropic-beta": "context-1m-2025-08-07"}
    if steer & 2:
        headers["x-claude-code-prev-tool-durations"] = "Read=11;Bash=445;mcp__tiny__add=8"
    if steer & 4:
        headers["x-claude-code-request-class"] = ("main", "subagent", "compaction", "auxiliary")[
            steer >> 3 & 3
        ]
    reading = read_request(
        body,
        headers,
        at=1.0,
        exchange_id="x",
        sent_bytes=len(body),
        secrets=_SECRETS,
        limits=_SMALL,
        problems=Problems(8, []),
    )
    while True:
        try:
            next(reading)
        except StopIteration as stop:
            call = stop.value
            break
    if call is not None:
        _check_events(list(call.events))
        assert sum(isinstance(event, AttemptStarted) for event in call.events) == (call.kind.call == "turn")


def names(data: bytes) -> None:
    """Ids, users, accounts, limits and targets out of any text."""
    value = data.decode("utf-8", "replace")
    user = identity.user_id(value)
    for found in (identity.identifier(value), user.session_id, user.account_uuid):
        assert found is None or (0 < len(found) <= 128 and not _CONTROL.search(found))
    client, entrypoint = identity.client_and_entrypoint(value)
    assert client is None or (len(client) <= 64 and not _CONTROL.search(client))
    assert entrypoint is None or len(entrypoint) <= 40
    session_id, kind = identity.session_of(value, user, lambda: (value, data), secrets=_SECRETS)
    assert session_id
    assert kind in ("header", "metadata", "derived")
    assert not _CONTROL.search(text.label(value, 80))
    for tool in ("Bash", "Read", "Agent", "Skill"):
        keys = ("command", "file_path", "subagent_type", "skill", "prompt")
        word = target(tool, dict.fromkeys(keys, value))
        assert word is None or (len(word) <= 64 and not _CONTROL.search(word))
    lines = [line.partition(":") for line in value.split("\n")]
    headers = identity.pick_headers(
        [(name, said.strip()) for name, _, said in lines],
        lambda name: name.startswith(("anthropic-", "retry")),
    )
    wait = errors.retry_after_seconds(headers, 1000.0)
    assert wait is None or 0 <= wait < 1e8
    limits = limits_seen(headers, account=None, origin=_ORIGIN, at=1.0)
    assert limits is None or 0 < len(limits.windows) <= MAX_WINDOWS


def exchange(data: bytes) -> None:
    """A whole exchange: one end for a start, nothing after the close, the same events for any cut."""
    parts = [*data.split(SEPARATOR, 4), b"", b"", b"", b"", b""]
    steer = parts[0][0] if parts[0] else 0
    limits = _SMALL if steer & 1 else _LIMITS
    whole, events = _play(parts, steer, limits, size=1 << 20)
    cut, found = _play(parts, steer, limits, size=1 + (steer >> 4))
    for one in (events, found):
        _check_events(one)
        starts = sum(isinstance(event, AttemptStarted) for event in one)
        ends = sum(isinstance(event, _ENDS) for event in one)
        others = sum(isinstance(event, SideCallFinished | Compacted) for event in one)
        assert starts == ends
        assert starts + others <= 1
    # Small bounds count calls as well as bytes, and damage is met sooner or later: then the ends may differ.
    if limits is _LIMITS and not whole.partial and not cut.partial:
        assert _told(events) == _told(found)


def _play(parts: list[bytes], steer: int, limits: Limits, *, size: int) -> tuple[Exchange, list[Event]]:
    _, request_head, request_body, answer_head, answer_body, *_ = parts
    play = Exchange("1-1", secrets=_SECRETS, limits=limits)
    events: list[Event] = []

    def ask() -> None:
        for piece in _pieces(request_body, size):
            events.extend(event for event in play.request_body(piece, end=False, at=2.0) if event is not None)
        events.extend(event for event in play.request_body(b"", end=True, at=2.0) if event is not None)

    def answer() -> None:
        headers = _headers(answer_head, ":status")
        events.extend(play.response_headers(headers, end=False, at=3.0, local_reply=bool(steer & 8)))
        for piece in _pieces(answer_body, size):
            events.extend(play.response_body(piece, end=False, at=3.0))
        if steer & 2:
            events.extend(play.response_body(b"", end=True, at=3.0))

    events += play.request_headers([(":method", "POST"), *_headers(request_head, ":path")], end=False, at=1.0)
    for step in (answer, ask) if steer & 4 else (ask, answer):
        step()
    events += play.closed(at=4.0)
    assert play.is_finished
    assert play.closed(at=5.0) == []
    assert play.response_body(b"event: message_stop\n\n", end=True, at=5.0) == []
    return play, events


def _headers(head: bytes, first: str) -> list[tuple[str, str]]:
    start, *lines = head.decode("utf-8", "replace").split("\n")
    named = [line.partition(":") for line in lines]
    return [(first, start.strip()), *((name, value.strip()) for name, _, value in named)]


def _check_events(events: list[Event]) -> None:
    assert sum(isinstance(event, Malformed) for event in events) <= _LIMITS.malformed + len(
        get_args(InputLimit)
    )
    for event in events:
        assert event.session_id or isinstance(event, Malformed)
        assert not _CONTROL.search(event.session_id + event.agent_id)
        assert not _CONTROL.search(getattr(event, "label", "") or "")


def _told(events: list[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Progress)]


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def timed(harness: Callable[[bytes], None], data: bytes) -> None:
    """Runs the harness once. CPU time is what counts: others may have the machine."""
    began = time.process_time()
    harness(data)
    took = time.process_time() - began
    assert took < MOST_SECONDS, f"{took:.2f} s for {len(data)} bytes"


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "sse": sse,
    "decoders": decoders,
    "request": request,
    "names": names,
    "exchange": exchange,
}
