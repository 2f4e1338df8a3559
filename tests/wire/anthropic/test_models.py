"""Lists of models as they pass -> windows, and nothing else."""

from __future__ import annotations

import gzip
import json
import time
import zlib
from typing import Any

import brotli
import pytest
import zstandard

from clauditor.model.events import Malformed, ModelsSeen
from clauditor.model.models import ModelLimits
from clauditor.wire.bounds import MIB, Limits
from support.messages_api import HEADERS, JSON_HEAD, SESSION, Player, body

HOUSE = {"type": "model", "id": "house-model", "max_input_tokens": 262_144, "max_tokens": 32_768}
TOLD = ModelLimits(model="house-model", max_input_tokens=262_144, max_tokens=32_768)


def asked(path: str = "/v1/models?limit=1000", method: str = "GET") -> Player:
    """A client that names its session asks; the answer is still to come."""
    return Player().head({**HEADERS, ":method": method, ":path": path}, end=True)


def told(value: Any, **limits: int) -> Player:
    """The exchange of a list, answered with the JSON of `value`."""
    player = Player(limits=Limits(**limits))
    player.head({**HEADERS, ":method": "GET", ":path": "/v1/models"}, end=True)
    return player.answer_head(JSON_HEAD).answer(body(value)).close()


def problems(player: Player) -> list[tuple[str, str]]:
    assert not player.of(ModelsSeen)
    return [(event.where, event.reason) for event in player.of(Malformed)]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/v1/models", {"data": [HOUSE], "has_more": True}),
        ("/v1/models/?after_id=x", {"data": [HOUSE]}),
        ("/gateway/v1/models", {"data": [HOUSE]}),
        ("/v1/models/house-model", HOUSE),
        ("/v1/models/house%2Fmodel/", HOUSE),
    ],
)
def test_windows_are_told_once_and_of_no_session(path: str, answer: Any) -> None:
    player = asked(path).answer_head(JSON_HEAD).answer(body(answer)).close()
    assert player.events == [ModelsSeen(at=1000.0, session_id="", exchange_id="c1-1", models=(TOLD,))]
    assert player.exchange.session_id is None
    assert player.exchange.is_finished
    assert (player.exchange.is_watched, player.exchange.partial) == (False, [])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/models"),
        ("HEAD", "/v1/models"),
        ("GET", "/v1/models/house/endpoints"),
        ("GET", "/v1/modelsx"),
        ("GET", "/v1/models/" + "x" * 2000),
        ("GET", "/v1/files?of=/v1/models"),
        ("GET", "/v1"),
        ("GET", ""),
    ],
)
def test_other_paths_and_methods_are_traffic(method: str, path: str) -> None:
    player = asked(path, method).answer_head(JSON_HEAD).answer(body({"data": [HOUSE]})).close()
    assert player.events == []
    assert player.exchange.response_bytes > 0


@pytest.mark.parametrize("chunks", [(), (1,) * 500, (3, 40, 1)])
@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("identity", bytes),
        ("gzip", gzip.compress),
        ("br", brotli.compress),
        ("zstd", zstandard.compress),
        ("deflate", zlib.compress),
    ],
)
def test_every_coding_and_chunking_tells_the_same(
    encoding: str, encode: Any, chunks: tuple[int, ...]
) -> None:
    player = asked().answer_head({**JSON_HEAD, "content-encoding": encoding})
    player.answer(encode(body({"data": [HOUSE]})), chunks=chunks)
    assert player.one(ModelsSeen).models == (TOLD,)
    assert not player.of(Malformed)


@pytest.mark.parametrize(
    "head",
    [
        {":status": "404", "content-type": "application/json"},
        {":status": "302", "content-type": "application/json"},
        {":status": "200", "content-type": "text/html"},
        {":status": "200"},
        {},
    ],
)
def test_refusals_and_pages_tell_nothing(head: dict[str, str]) -> None:
    assert asked().answer_head(head).answer(body({"data": [HOUSE]})).close().events == []


def test_the_proxys_own_answer_tells_nothing() -> None:
    player = asked().answer_head(JSON_HEAD, local_reply=True).answer(body(HOUSE)).close()
    assert player.events == []


def test_half_a_list_tells_nothing_and_neither_do_bytes_after_the_end() -> None:
    data = body({"data": [HOUSE]})
    assert asked().answer_head(JSON_HEAD).answer(data, end=False).close().answer(data).events == []
    player = asked().answer_head(JSON_HEAD).answer(data).answer(data).close()
    assert len(player.events) == 1


def test_trailers_end_a_list() -> None:
    player = asked().answer_head(JSON_HEAD).answer(body(HOUSE), end=False)
    player.events += player.exchange.response_trailers(at=player.at)
    assert player.one(ModelsSeen).models == (TOLD,)


@pytest.mark.parametrize("value", [{}, {"data": []}, {"data": None}, {"data": "x"}, {"data": {"id": "x"}}])
def test_a_list_without_windows_is_no_event(value: Any) -> None:
    assert told(value).events == []


@pytest.mark.parametrize("value", [[], [HOUSE], "models", 7, None])
def test_what_is_no_list_is_counted(value: Any) -> None:
    assert problems(told(value)) == [("models", "unreadable")]


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b'{"data":' + b"[" * 100_000, b"<html>"])
def test_what_is_no_json_is_counted(data: bytes) -> None:
    assert problems(asked().answer_head(JSON_HEAD).answer(data)) == [("models", "unreadable")]


def test_a_list_that_is_too_long_is_counted_and_not_kept() -> None:
    data = body({"data": [HOUSE], "padding": "x" * MIB})
    assert problems(asked().answer_head(JSON_HEAD).answer(data)) == [("limit", "models")]
    packed = {**JSON_HEAD, "content-encoding": "gzip"}
    assert problems(asked().answer_head(packed).answer(gzip.compress(data))) == [("limit", "models")]
    assert problems(asked().answer_head(packed).answer(b"no gzip")) == [("models", "corrupt")]
    odd = {**JSON_HEAD, "content-encoding": "rot13"}
    assert problems(asked().answer_head(odd).answer(data)) == [("models", "unknown_encoding")]


def test_of_too_many_models_the_first_count() -> None:
    player = told({"data": [{**HOUSE, "id": f"house-{number}"} for number in range(1001)]})
    assert [limits.model for limits in player.one(ModelsSeen).models] == [f"house-{n}" for n in range(1000)]
    assert [event.reason for event in player.of(Malformed)] == ["models"]


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_spellings_of_a_model_the_smallest_window_counts(order: int) -> None:
    spellings = [
        {"id": "anthropic/claude-haiku-4.5", "max_input_tokens": 200_000, "max_tokens": 64_000},
        {"id": "claude-haiku-4-5-20251001[1m]", "max_input_tokens": 1_000_000, "max_tokens": 128_000},
    ]
    (limits,) = told({"data": spellings[::order]}).one(ModelsSeen).models
    assert limits == ModelLimits(model="claude-haiku-4-5", max_input_tokens=200_000, max_tokens=64_000)


def test_ids_are_cleaned() -> None:
    (limits,) = told({"data": [{**HOUSE, "id": "\x1b[31mhouse\u202e-" + "x" * 1000}]}).one(ModelsSeen).models
    assert limits.model.startswith("house-x")
    assert len(limits.model) <= 128


def test_the_worst_list_within_the_bounds_is_read_at_once() -> None:
    data = b'{"data":[' + b"[]," * ((MIB - 20) // 3) + b"{}]}"
    assert MIB - 10 < len(data) <= MIB
    player = asked().answer_head(JSON_HEAD)
    started = time.perf_counter()
    player.answer(data)
    took = time.perf_counter() - started
    started = time.perf_counter()
    json.loads(data)
    assert took < 5 * (time.perf_counter() - started)
    assert problems(player) == [("limit", "models")]


def test_a_session_of_the_same_client_is_not_touched() -> None:
    assert SESSION not in repr(told({"data": [HOUSE], "nonsense": 1}).events)
    assert SESSION not in repr(told([]).events)
