"""Requests whose end two readers could see in different places (request smuggling), through a real Envoy.

Whatever is sent: the upstream reads exactly the requests that were answered, each framed in one way, or none. Sources of
the forms: RFC 9112 section 6 and 11.2, and what is known of proxies that disagreed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from clauditor.proxy.envoy import Admin
from support.witness import Witness, talk

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
HOST = b"Host: x\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"


@dataclass(frozen=True)
class Case:
    """What a client sends, the statuses of the answers, and the bodies that the upstream gets."""

    sent: bytes
    answers: tuple[int, ...] = (400,)
    bodies: tuple[bytes, ...] = ()


def post(*fields: bytes, body: bytes = b"") -> bytes:
    return b"POST /v1/messages HTTP/1.1\r\n" + HOST + b"".join(fields) + b"\r\n" + body


def length(value: bytes | int) -> bytes:
    return b"Content-Length: %b\r\n" % (value if isinstance(value, bytes) else b"%d" % value)


def chunks(body: bytes) -> Case:
    """A refused body in chunks: its head was forwarded, its end never comes."""
    return Case(post(CHUNKED, body=body))


ONE = ((200,), (b"hello",))
REFUSED: dict[str, Case] = {
    "length and chunks, length first": Case(
        post(length(5 + len(SMUGGLED)), CHUNKED, body=b"0\r\n\r\n" + SMUGGLED)
    ),
    "chunks and length, chunks first": Case(
        post(CHUNKED, length(4), body=b"23\r\n" + SMUGGLED + b"\r\n0\r\n\r\n")
    ),
    "two lengths that differ": Case(post(length(5), length(5 + len(SMUGGLED)), body=b"hello" + SMUGGLED)),
    "a list of lengths that differ": Case(post(length(b"5, 41"), body=b"hello" + SMUGGLED)),
    "a negative length": Case(post(length(-5), body=SMUGGLED)),
    "a length with a sign": Case(post(length(b"+5"), body=b"hello")),
    "a length in hexadecimal": Case(post(length(b"0x5"), body=b"hello")),
    "a length with words behind": Case(post(length(b"5 bytes"), body=b"hello")),
    "a length beyond 64 bits": Case(post(length(b"18446744073709551621"), body=b"hello")),
    "an empty length": Case(post(length(b""), body=SMUGGLED)),
    "a length of letters": Case(post(length(b"five"), body=b"hello")),
    "an unknown coding": Case(post(b"Transfer-Encoding: xchunked\r\n", body=HELLO), (501,)),
    "chunks before identity": Case(post(b"Transfer-Encoding: chunked, identity\r\n", body=HELLO), (501,)),
    "gzip before chunks": Case(post(b"Transfer-Encoding: gzip, chunked\r\n", body=HELLO), (501,)),
    "chunks twice": Case(post(CHUNKED, CHUNKED, body=HELLO), (501,)),
    "a space before the colon": Case(post(b"Transfer-Encoding : chunked\r\n", length(5), body=b"hello")),
    "a first field that begins with a space": Case(
        b"POST / HTTP/1.1\r\n " + CHUNKED + HOST + b"\r\n" + HELLO
    ),
    "a NUL in a value": Case(post(b"X: a\0b\r\n", length(5), body=b"hello")),
    "a line without a colon": Case(post(b"nonsense\r\n", length(5), body=b"hello")),
    "a name with a space": Case(post(b"X Y: 1\r\n", length(5), body=b"hello")),
    "a space in the target": Case(b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n"),
    "the same length twice": Case(post(length(5), length(5), body=b"hello")),
    "a vertical tab before the value": Case(post(b"Transfer-Encoding: \x0bchunked\r\n", body=HELLO)),
    "HTTP/0.9": Case(b"GET /\r\n\r\n", (426,)),
    "HTTP/2.0 in the first line": Case(b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", (426,)),
    "no Host": Case(b"GET / HTTP/1.1\r\n\r\n"),
    "HTTP/1.0": Case(b"GET / HTTP/1.0\r\n" + HOST + b"\r\n", (426,)),
    "an odd version": Case(b"GET / HTTP/1.10\r\n" + HOST + b"\r\n"),
    "chunks in HTTP/1.0": Case(b"POST / HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n" + HELLO, (426,)),
    "a chunk's size with 0x": chunks(b"0x5\r\nhello\r\n0\r\n\r\n"),
    "a negative chunk": chunks(b"-5\r\nhello\r\n0\r\n\r\n"),
    "a chunk beyond 64 bits": chunks(b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    "a chunk without its end": chunks(b"5\r\nhello0\r\n\r\n"),
    "a chunk whose size is no number": chunks(b"five\r\nhello\r\n0\r\n\r\n"),
    "an empty chunk size": chunks(b"\r\nhello\r\n0\r\n\r\n"),
    "chunks with bare LF": chunks(b"5\nhello\n0\n\n"),
    "a chunk extension with a bare LF": chunks(b"5;\nx\r\nhello\r\n0\r\n\r\n"),
}
FORWARDED: dict[str, Case] = {
    "a length": Case(post(length(5), body=b"hello"), *ONE),
    "chunks": Case(post(CHUNKED, body=HELLO), *ONE),
    "chunks in other letters": Case(post(b"tRANSFER-eNCODING: Chunked\r\n", body=HELLO), *ONE),
    "a length with spaces around": Case(post(b"Content-Length:  5 \r\n", body=b"hello"), *ONE),
    "a chunk extension": Case(post(CHUNKED, body=b'5;name="a;b"\r\nhello\r\n0\r\n\r\n'), *ONE),
    "a length that is none": Case(post(b"Content_Length: 99\r\n", length(5), body=b"hello"), *ONE),
    "a length called hop-by-hop": Case(
        post(b"Connection: content-length\r\n", length(5), body=b"hello"), *ONE
    ),
    "chunks called hop-by-hop": Case(post(b"Connection: transfer-encoding\r\n", CHUNKED, body=HELLO), *ONE),
    "trailers that say another length": Case(
        post(CHUNKED, body=b"5\r\nhello\r\n0\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n"),
        *ONE,
    ),
    "a GET with a body": Case(b"GET / HTTP/1.1\r\n" + HOST + length(5) + b"\r\nhello", *ONE),
    "a folded coding": Case(post(b"Transfer-Encoding:\r\n chunked\r\n", body=HELLO), *ONE),
    "a bare CR in a value": Case(
        post(b"X: a\rTransfer-Encoding: chunked\r\n", length(5), body=b"hello"), *ONE
    ),
    "a chunk longer than it says": Case(post(CHUNKED, body=b"5\r\nhello, you\r\n0\r\n\r\n"), *ONE),
    "a folded value": Case(post(b"X: a\r\n b\r\n", length(5), body=b"hello"), *ONE),
    "an empty line before the first": Case(b"\r\n" + post(length(5), body=b"hello"), *ONE),
    "two requests, one after the other": Case(
        post(length(5), body=b"hello") + post(CHUNKED, body=HELLO), (200, 200), (b"hello", b"hello")
    ),
    "more than its length": Case(post(length(5), body=b"hello, you\r\n\r\n"), (200, 400), (b"hello",)),
    "bare LF": Case(post(length(5), body=b"hello").replace(b"\r\n", b"\n"), *ONE),
}


@pytest.mark.parametrize("cases", [REFUSED, FORWARDED], ids=["refused", "forwarded"])
async def test_one_request_stays_one_and_an_unclear_one_goes_nowhere(
    start_proxy: Any, cases: dict[str, Case]
) -> None:
    async with Witness().listening() as upstream:
        proxy = start_proxy(f"http://127.0.0.1:{upstream.port}")
        admin = Admin(proxy.run.admin_socket)
        wrong = {}
        for name, case in cases.items():
            upstream.forget()
            answers = await talk(proxy.port, case.sent, max(1, len(case.answers)))
            async with asyncio.timeout(10):
                while admin.open_connections():  # noqa: ASYNC110 - until what the client left is over for Envoy too
                    await asyncio.sleep(0.005)
            found = Case(case.sent, tuple(answers), tuple(seen.body for seen in upstream.requests))
            if found != case:
                wrong[name] = (found.answers, found.bodies)
            for seen in upstream.requests:
                assert seen.target != "/smuggled", name
                assert not {b"content-length", b"transfer-encoding"} <= {n.encode() for n in seen.names()}, (
                    name
                )
        assert wrong == {}
        assert proxy.process.poll() is None, "Envoy goes on"


def test_the_corpus_is_as_large_as_is_promised() -> None:
    assert len(REFUSED) + len(FORWARDED) >= 50


async def test_an_answer_too_many_reaches_no_other_client(
    raw_upstream: Any, start_proxy: Any, exchange: Any
) -> None:
    """An upstream that answers one request twice cannot leave the second answer to whoever asks next."""
    one = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n%b"
    raw_upstream.answer = lambda request: (
        one % b"own" + (one % b"bad" if request.start.startswith("GET /twice") else b"")
    )
    async with raw_upstream.listening():
        proxy = start_proxy(f"http://127.0.0.1:{raw_upstream.port}")
        bodies = []
        for number in range(20):
            path = b"/twice" if number % 2 == 0 else b"/once"
            bodies.append((await exchange(proxy.port, b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path)).body)
        assert bodies[1::2] == [b"own"] * 10
        assert b"bad" not in bodies


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 5\r\n\r\nhello",
        b"nonsense\r\n\r\n",
    ],
    ids=["length and chunks", "two lengths", "no chunk", "a NUL", "no HTTP"],
)
async def test_an_unclear_answer_is_none(
    raw_upstream: Any, start_proxy: Any, exchange: Any, answer: bytes
) -> None:
    raw_upstream.answer = lambda _: answer
    async with raw_upstream.listening():
        proxy = start_proxy(f"http://127.0.0.1:{raw_upstream.port}")
        try:
            response = await exchange(proxy.port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        except asyncio.IncompleteReadError:
            return  # it began well, and was cut off
        assert response.start.startswith("HTTP/1.1 502 ")
