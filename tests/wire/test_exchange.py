"""The life of one exchange: order, cuts, early answers, compressed answers."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard

from clauditor.model.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    Event,
    FirstToken,
    Malformed,
    ResponseStarted,
)
from clauditor.wire.bounds import Limits
from support.messages_api import (
    ANSWER,
    HEADERS,
    SESSION,
    STREAM_HEAD,
    Player,
    assistant,
    body,
    message_delta,
    message_start,
    request,
    sse,
    text_block,
    user,
)

TOO_LARGE = {":status": "413", "content-type": "application/json"}


def test_a_call_starts_with_the_last_byte_of_its_request() -> None:
    player = Player().head()
    data = body(request())
    player.send(data[:10], end=False)
    player.at += 30
    assert player.events == []
    player.send(data[10:])
    assert player.one(AttemptStarted).at == 1030.0


def test_all_events_of_an_exchange_name_it() -> None:
    for event in Player().ask().stream().close().events:
        assert (event.session_id, event.agent_id, event.exchange_id) == (SESSION, "main", "c1-1")


def test_the_session_is_known_from_the_headers_on() -> None:
    player = Player()
    assert player.exchange.session_id is None
    assert player.head().exchange.session_id == SESSION


def test_a_client_that_goes_away_before_an_answer_aborts_the_attempt() -> None:
    event = Player().ask().close().one(AttemptFailed)
    assert (event.kind, event.status, event.usage) == ("aborted", None, None)


def test_a_client_that_goes_away_in_mid_answer_leaves_what_was_counted() -> None:
    player = Player().ask().stream(message_start() + text_block("Hel"), end=False).close()
    event = player.one(AttemptFailed)
    assert (event.kind, event.status, event.model) == ("aborted", 200, "claude-opus-5-5")
    assert event.usage is not None
    assert event.usage.input == 10


def test_a_stream_that_ends_without_its_last_event_has_failed() -> None:
    event = Player().ask().stream(message_start() + text_block("x") + message_delta()).one(AttemptFailed)
    assert event.kind == "stream"
    assert event.usage is not None
    assert event.usage.output == 42


def test_the_last_event_is_enough_even_if_the_connection_breaks_then() -> None:
    player = Player().ask().stream(ANSWER, end=False).close()
    assert player.of(AttemptFailed) == []
    assert player.one(AttemptFinished).stop_reason == "end_turn"


def test_an_upload_given_up_before_any_answer_is_nothing() -> None:
    assert Player().head().send(body(request())[:50], end=False).close().events == []


def test_closing_twice_says_nothing_more() -> None:
    player = Player().ask().close().close()
    assert len(player.of(AttemptFailed)) == 1
    assert player.exchange.is_finished


def test_bytes_after_the_close_say_nothing() -> None:
    assert Player().head().close().send(body(request())).stream().close().events == []


def test_trailers_end_an_answer() -> None:
    player = Player().ask().stream(message_start(), end=False)
    assert not player.exchange.is_finished
    player.events += player.exchange.response_trailers(at=player.at)
    assert player.one(AttemptFailed).kind == "stream"
    assert player.exchange.is_finished


def test_informational_answers_are_passed_over() -> None:
    player = Player().ask().answer_head({":status": "100"}).stream()
    assert player.one(ResponseStarted).status == 200
    assert player.of(AttemptFinished)


def test_a_refusal_before_the_request_was_whole_waits_for_its_end() -> None:
    player = Player().head()
    data = body(request(user("x" * 1000)))
    player.send(data[:100], end=False)
    player.answer_head(TOO_LARGE).answer(b'{"type":"error","error":{"type":"request_too_large"}}')
    assert player.events == []
    assert not player.exchange.is_finished
    player.at += 5
    player.send(data[100:])
    assert [type(event) for event in player.events[-2:]] == [ResponseStarted, AttemptFailed]
    assert player.one(AttemptFailed).error_type == "request_too_large"
    assert player.one(AttemptStarted).at == 1000.0
    assert player.close().exchange.is_finished


def test_a_refusal_of_a_request_that_came_whole_but_was_never_ended_is_told_at_the_close() -> None:
    player = Player().head().send(body(request()), end=False).answer_head(TOO_LARGE).answer(b"{}").close()
    assert isinstance(player.events[0], AttemptStarted)
    assert player.one(AttemptFailed).status == 413


def test_a_refusal_of_a_request_that_never_came_whole_starts_nothing() -> None:
    player = (
        Player().head().send(body(request())[:50], end=False).answer_head(TOO_LARGE).answer(b"{}").close()
    )
    assert [type(event) for event in player.events] == [Malformed]
    assert player.exchange.session_id == SESSION
    assert player.exchange.partial == ["request_unreadable"]


def test_an_answer_that_comes_while_the_request_is_being_read_is_not_lost() -> None:
    player = Player().head()
    events: list[Event] = []
    for index, event in enumerate(player.exchange.request_body(body(request()), end=True, at=player.at)):
        if index == 0:
            player.stream()
        if event is not None:
            events.append(event)
    kinds = [type(event) for event in events]
    assert kinds[0] is AttemptStarted
    assert kinds[-1] is AttemptFinished
    assert player.events == []


def test_an_early_answer_is_bounded() -> None:
    player = (
        Player(limits=Limits(early_response_bytes=100)).head().send(b"{", end=False).answer_head(TOO_LARGE)
    )
    for _ in range(20_000):
        player.answer(b"x" * 50, end=False)
    assert len(player.exchange._early) <= 10_000
    player.send(body(request())[1:]).close()
    assert player.one(AttemptFailed).status == 413
    assert player.exchange.partial == ["limit_early_answer"]


def test_a_request_without_a_body_is_unreadable() -> None:
    assert [type(event) for event in Player().head(end=True).close().events] == [Malformed]


@pytest.mark.parametrize("status", ["", "abc", "20", "٢٠٠", "99999"])
def test_a_nonsense_status_is_no_success(status: str) -> None:
    event = Player().ask().answer_head({":status": status}).answer(ANSWER).one(AttemptFailed)
    assert (event.kind, event.status) == ("http", None)


def gzip_pieces(parts: list[bytes]) -> list[bytes]:
    compressor = zlib.compressobj(wbits=31)
    flushed = [compressor.compress(part) + compressor.flush(zlib.Z_SYNC_FLUSH) for part in parts]
    return [*flushed, compressor.flush()]


def brotli_pieces(parts: list[bytes]) -> list[bytes]:
    compressor = brotli.Compressor()
    return [*(compressor.process(part) + compressor.flush() for part in parts), compressor.finish()]


def zstd_pieces(parts: list[bytes]) -> list[bytes]:
    compressor = zstandard.ZstdCompressor().compressobj()
    flush = zstandard.COMPRESSOBJ_FLUSH_BLOCK
    return [*(compressor.compress(part) + compressor.flush(flush) for part in parts), compressor.flush()]


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip_pieces), ("br", brotli_pieces), ("zstd", zstd_pieces)]
)
def test_compressed_streams_tell_each_event_as_it_comes(
    encoding: str, pack: Callable[[list[bytes]], list[bytes]]
) -> None:
    parts = [message_start(), text_block("Hel"), message_delta(), sse("message_stop")]
    player = Player().ask().answer_head({**STREAM_HEAD, "content-encoding": encoding})
    first, second, *rest = pack(parts)
    player.answer(first, end=False)
    assert player.of(FirstToken) == []
    player.answer(second, end=False)
    assert player.of(FirstToken)
    for piece in rest:
        player.answer(piece, end=False)
    assert player.answer(b"").close().finished_usage.output == 42
    assert player.exchange.partial == []


@pytest.mark.parametrize(
    ("encoding", "data", "reason"),
    [
        ("unheard-of", b"x", "response_unknown_encoding"),
        ("gzip", b"no gzip at all", "response_corrupt"),
        ("gzip", gzip.compress(ANSWER)[:10] + b"\xff" * 50, "response_corrupt"),
        ("gzip", gzip.compress(b"\0" * 200_000), "limit_expansion"),
    ],
    ids=["unknown", "no gzip", "damaged", "bomb"],
)
def test_an_answer_that_cannot_be_decoded_is_lost_by_us(encoding: str, data: bytes, reason: str) -> None:
    player = Player(limits=Limits(response_bytes=100_000)).ask()
    player.answer_head({**STREAM_HEAD, "content-encoding": encoding}).answer(data).close()
    assert player.one(AttemptFailed).kind == "proxy"
    assert player.exchange.partial == [reason]


def test_an_oversize_event_is_skipped_and_marked() -> None:
    huge = sse("content_block_delta", index=0, delta={"type": "text_delta", "text": "x" * 5000})
    player = Player(limits=Limits(line_bytes=1000)).ask().stream(message_start() + huge + message_delta())
    player.answer(b"")
    assert player.exchange.partial == ["limit_line"]
    assert (player.one(Malformed).where, player.one(Malformed).reason) == ("limit", "line")
    whole = message_start() + huge + text_block("x") + message_delta() + sse("message_stop")
    assert Player(limits=Limits(line_bytes=1000)).ask().stream(whole).finished_usage.output == 42


def test_header_junk_is_survived() -> None:
    junk = [
        ("", ""),
        ("x" * 100_000, "y"),
        ("X-Claude-Code-Session-Id", "\xff\xfe\x00"),
        ("User-Agent", "\x80" * 50_000),
    ]
    player = Player()
    pairs = [*list(HEADERS.items())[:2], *junk, *[(f"x-{i}", "v") for i in range(5000)]]
    player.events += player.exchange.request_headers(pairs, end=False, at=1.0)
    player.send(body(request())).stream()
    assert player.one(AttemptStarted).identity == "derived"
    assert player.of(AttemptFinished)


def test_no_credential_stays_in_the_exchange() -> None:
    player = Player().head(
        {**HEADERS, "authorization": "Bearer s3cret", "x-api-key": "s3cret", "cookie": "s3cret"}
    )
    assert "s3cret" not in repr(player.exchange._headers)


def test_the_body_is_forgotten_once_it_was_read() -> None:
    data = body(request(*[user("x" * 10_000), assistant("y")] * 300))
    tracemalloc.start()
    player = Player().head().send(data, chunks=[65536] * 100)
    left = tracemalloc.get_traced_memory()[0]
    player.stream()
    tracemalloc.stop()
    assert player.of(AttemptFinished)
    assert left < 500_000 < len(data)


def test_a_large_request_is_read_in_slices() -> None:
    data = body(request(*[user("x" * 100_000), assistant("y")] * 60))
    found = list(Player().head().exchange.request_body(data, end=True, at=1.0))
    assert found.count(None) >= 5
    assert found.index(None) < len(found) - 1


def test_a_request_that_is_no_utf8_is_counted_and_read_as_far_as_it_goes() -> None:
    player = Player().head().send(b'{"model":"\xff","messages":[{"role":"user","content":"x"}]}')
    assert (player.one(Malformed).where, player.one(Malformed).reason) == ("request", "not_utf8")
    assert player.one(AttemptStarted).model == "unknown"
