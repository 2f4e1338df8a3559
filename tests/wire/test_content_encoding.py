from __future__ import annotations

import gc
import gzip
import os
import tracemalloc
import weakref
import zlib
from collections.abc import Callable
from itertools import pairwise

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from clauditor.wire.content_encoding import BodyDecoder

MIB = 1024 * 1024


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=4),
    "zstd": zstandard.ZstdCompressor().compress,
}


def decode(
    encoding: str, data: bytes, cuts: list[int] | None = None, **bounds: int
) -> tuple[bytes, str | None]:
    decoder = BodyDecoder(encoding, **{"total_bytes": 64 * MIB, "call_bytes": 64 * MIB, **bounds})
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts or [])})
    out = b"".join(
        piece for start, end in pairwise([*places, len(data)]) for piece in decoder.decode(data[start:end])
    )
    return out, decoder.stopped


@pytest.mark.parametrize("encoding", [*ENCODERS, "GZIP", " Br "])
@given(
    data=st.binary(max_size=2000), repeat=st.integers(1, 50), cuts=st.lists(st.integers(0, 5000), max_size=10)
)
def test_every_coding_is_undone_for_every_chunking(
    encoding: str, data: bytes, repeat: int, cuts: list[int]
) -> None:
    plain = data * repeat
    packed = ENCODERS[encoding.strip().lower()](plain)
    assert decode(encoding, packed, cuts) == (plain, None)


@given(data=st.binary(max_size=500), cuts=st.lists(st.integers(0, 500), max_size=10))
def test_deflate_without_the_zlib_wrapper_is_understood(data: bytes, cuts: list[int]) -> None:
    assert decode("deflate", raw_deflate(data), cuts) == (data, None)


@given(
    parts=st.lists(st.binary(max_size=100), min_size=1, max_size=5),
    cuts=st.lists(st.integers(0, 500), max_size=9),
)
def test_gzip_of_several_members_is_one_body(parts: list[bytes], cuts: list[int]) -> None:
    packed = b"".join(map(gzip.compress, parts))
    assert decode("gzip", packed, cuts) == (b"".join(parts), None)
    assert decode("gzip", packed + b"\0\0\0", cuts) == (b"".join(parts), None)


def test_several_zstd_frames_are_one_body() -> None:
    compress = ENCODERS["zstd"]
    assert decode("zstd", compress(b"one") + compress(b"two")) == (b"onetwo", None)


@pytest.mark.parametrize(
    "encoding", ["gzip, br", "br,gzip", "deflate, zstd", "identity, gzip, identity", "gzip, gzip"]
)
@given(data=st.binary(max_size=500), cuts=st.lists(st.integers(0, 500), max_size=5))
def test_stacked_codings_are_undone_in_reverse(encoding: str, data: bytes, cuts: list[int]) -> None:
    packed = data
    for name in encoding.replace(" ", "").split(","):
        packed = ENCODERS[name](packed) if name != "identity" else packed
    assert decode(encoding, packed, cuts) == (data, None)


def test_a_large_output_comes_whole() -> None:
    for plain in (bytes(range(256)) * 16_000, os.urandom(3 * MIB)):
        for encoding, encode in ENCODERS.items():
            for cuts in ([], list(range(0, 4 * MIB, 100_000))):
                out, stopped = decode(encoding, encode(plain), cuts)
                assert (len(out), out == plain, stopped) == (len(plain), True, None), encoding


@pytest.mark.parametrize("encoding", ["", "identity", "identity,  identity"])
def test_no_coding_is_no_work(encoding: str) -> None:
    assert BodyDecoder(encoding, total_bytes=0, call_bytes=0).is_identity
    assert decode(encoding, b"as it is", total_bytes=0, call_bytes=0) == (b"as it is", None)


@pytest.mark.parametrize("encoding", ["compress", "gzip, unheard-of", "gzip,gzip,gzip,gzip"])
def test_an_unknown_coding_decodes_nothing(encoding: str) -> None:
    assert decode(encoding, b"data") == (b"", "unknown_encoding")


@pytest.mark.parametrize("encoding", ENCODERS)
@given(data=st.binary(min_size=10, max_size=500), cut=st.integers(0, 600))
def test_cut_input_gives_a_beginning_and_no_error(encoding: str, data: bytes, cut: int) -> None:
    packed = ENCODERS[encoding](data)
    out, stopped = decode(encoding, packed[: cut % len(packed)])
    assert data.startswith(out)
    assert stopped is None


@pytest.mark.parametrize("encoding", [*ENCODERS, "gzip, br", "zstd, zstd"])
@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=5))
def test_nonsense_never_raises(encoding: str, data: bytes, cuts: list[int]) -> None:
    assert decode(encoding, data, cuts)[1] in (None, "corrupt", "limit")


@pytest.mark.parametrize("encoding", ENCODERS)
def test_flipped_bytes_are_corrupt_or_cut_but_never_raise(encoding: str) -> None:
    packed = bytearray(ENCODERS[encoding](b"some plain words " * 100))
    for position in range(len(packed)):
        packed[position] ^= 0xFF
        decode(encoding, bytes(packed))
        packed[position] ^= 0xFF
    assert decode(encoding, b"\xff\xff\xff\xff" * 10)[1] == "corrupt"


@pytest.mark.parametrize("encoding", [*ENCODERS, "gzip, gzip", "br, br", "zstd, zstd"])
def test_a_bomb_stops_within_its_bounds(encoding: str) -> None:
    packed = b"\0" * (40 * MIB)
    for name in encoding.split(", "):
        packed = ENCODERS[name](packed)
    decoder = BodyDecoder(encoding, total_bytes=16 * MIB, call_bytes=16 * MIB)
    tracemalloc.start()
    size = sum(len(piece) for piece in decoder.decode(packed))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size <= 16 * MIB
    assert decoder.stopped == "limit"
    assert peak < 24 * MIB
    assert list(decoder.decode(packed)) == []


@pytest.mark.parametrize("encoding", ENCODERS)
def test_a_small_bomb_is_stopped_by_its_expansion(encoding: str) -> None:
    packed = ENCODERS[encoding](b"\n" * (30 * MIB))
    out, stopped = decode(encoding, packed)
    assert stopped == "limit"
    assert len(out) <= 4 * MIB + 100 * len(packed)


def test_one_call_is_bounded_apart_from_the_message() -> None:
    packed = gzip.compress(b"\0" * (4 * MIB))
    assert decode("gzip", packed, call_bytes=MIB)[1] == "limit"
    assert decode("gzip", packed, list(range(0, len(packed), 100)), call_bytes=MIB)[1] is None


def test_thousands_of_empty_members_stop() -> None:
    assert decode("gzip", gzip.compress(b"") * 20_000) == (b"", "limit")


def test_trailing_garbage_after_gzip_is_ignored() -> None:
    assert decode("gzip", gzip.compress(b"body") + b"garbage") == (b"body", None)


@pytest.mark.parametrize("encoding", ENCODERS)
@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_decoder_that_is_dropped_is_gone(encoding: str, is_damaged: bool) -> None:
    """zstd's writer is invisible to the garbage collector: a cycle through it would stay, 20 KB an answer."""
    data = ENCODERS[encoding](b"some text" * 100)
    decoder = BodyDecoder(encoding, total_bytes=MIB, call_bytes=MIB)
    list(decoder.decode(data[: len(data) // 2] + b"\xff\xff" if is_damaged else data))
    (stage,) = decoder._stages
    gone = weakref.ref(stage)
    del decoder, stage
    gc.collect()
    assert gone() is None
