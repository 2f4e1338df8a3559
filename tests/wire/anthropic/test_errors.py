from __future__ import annotations

import gzip
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.model.events import AttemptFailed, AttemptFinished, ResponseStarted
from clauditor.wire.anthropic.errors import error_type, retry_after_seconds
from support.messages_api import STREAM_HEAD, Player, body, message_start, request, sse, text_block


def error(kind: Any) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": "private"}, "request_id": "req_2"}


def test_an_http_error_fails_the_attempt_with_its_type() -> None:
    head = {":status": "529", "content-type": "application/json", "request-id": "req_2", "retry-after": "2"}
    player = Player().ask().answer_head(head).answer(body(error("overloaded_error")), chunks=[5, 5]).close()
    event = player.one(AttemptFailed)
    assert (event.kind, event.status, event.error_type) == ("http", 529, "overloaded_error")
    assert (event.request_id, event.retry_after_seconds, event.usage) == ("req_2", 2.0, None)
    assert player.one(ResponseStarted).status == 529


@pytest.mark.parametrize(
    "data", [b"", b"upstream connect error or disconnect", b"\xff", b"[]", b'{"error":5}']
)
def test_an_http_error_without_a_readable_body_has_no_type(data: bytes) -> None:
    event = Player().ask().answer_head({":status": "503"}).answer(data).one(AttemptFailed)
    assert (event.kind, event.status, event.error_type) == ("http", 503, None)


def test_an_http_error_may_be_compressed_or_without_body_or_cut() -> None:
    packed = gzip.compress(body(error("api_error")))
    head = {":status": "500", "content-encoding": "gzip"}
    assert Player().ask().answer_head(head).answer(packed).one(AttemptFailed).error_type == "api_error"
    assert Player().ask().answer_head({":status": "401"}, end=True).one(AttemptFailed).status == 401
    cut = Player().ask().answer_head({":status": "500"}).answer(b'{"ty', end=False).close().one(AttemptFailed)
    assert (cut.kind, cut.status) == ("http", 500)


def test_a_huge_error_body_is_not_kept() -> None:
    player = Player().ask().answer_head({":status": "500"})
    player.answer(b"x" * 1_000_000, chunks=[1000] * 1000)
    assert player.one(AttemptFailed).error_type is None
    assert player.exchange.partial == ["limit_answer"]


def test_an_error_event_after_partial_content_fails_the_attempt_once() -> None:
    stream = (
        message_start() + text_block("Hel") + sse("error", error={"type": "overloaded_error", "message": "x"})
    )
    player = Player().ask().stream(stream + message_start() + sse("message_stop")).close()
    event = player.one(AttemptFailed)
    assert (event.kind, event.status, event.error_type) == ("stream", 200, "overloaded_error")
    assert event.model == "claude-opus-5-5"
    assert event.usage is not None
    assert event.usage.input == 10
    assert player.of(AttemptFinished) == []


def test_an_error_event_without_a_type_is_still_a_failure() -> None:
    assert Player().ask().stream(b"event: error\ndata: oops\n\n").one(AttemptFailed).error_type == "unknown"


def test_an_error_object_with_status_200_is_a_failure() -> None:
    head = {":status": "200", "content-type": "application/json"}
    event = (
        Player()
        .ask(request(stream=False))
        .answer_head(head)
        .answer(body(error("api_error")))
        .one(AttemptFailed)
    )
    assert (event.kind, event.error_type) == ("stream", "api_error")


def test_an_answer_of_the_proxy_itself_is_told_apart() -> None:
    player = Player().ask().answer_head({":status": "503"}, local_reply=True).answer(b"no healthy upstream")
    event = player.one(AttemptFailed)
    assert (event.kind, event.status) == ("proxy", 503)


@pytest.mark.parametrize("kind", ["a b", "\x1b[31m", "", None, 5, "x" * 500])
def test_a_hostile_error_type_is_unknown(kind: Any) -> None:
    assert error_type(body(error(kind))) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": formatdate(1_000_060, usegmt=True)}, 60.0),
        ({"retry-after": formatdate(999_000, usegmt=True)}, 0.0),
        ({}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Mon, 99 Foo 99999 99:99:99 GMT"}, None),
    ],
)
def test_the_wait_that_the_server_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers, 1_000_000.0) == seconds


@given(st.text(max_size=60))
def test_any_retry_after_is_survived(value: str) -> None:
    retry_after_seconds({"retry-after": value}, 0.0)


def test_an_unknown_stream_that_ends_without_a_word_is_a_stream_failure() -> None:
    event = Player().ask().answer_head(STREAM_HEAD, end=True).one(AttemptFailed)
    assert (event.kind, event.status) == ("stream", 200)
