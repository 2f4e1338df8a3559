"""100,000 examples that Hypothesis makes up, over what reads foreign bytes: `python fuzz/properties.py [EXAMPLES]`.

Events of a stream, JSON, content codings, whole exchanges, the redactor: the same for every way to cut the bytes, no error,
and no input that takes long for its length. Prints how many examples were run, and the longest any of them took; then the
slowest of each are repeated eightfold, which may take eight times as long (and a half more), not sixty-four.
"""

# ruff: noqa: INP001, S101, T201  (a program that prints; asserts are what it is about)

from __future__ import annotations

import runpy
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests"), str(HERE.parent)]

import harnesses  # noqa: E402

from clauditor.redaction import redact  # noqa: E402
from clauditor.text import clean, label, width  # noqa: E402
from clauditor.wire import jsontext  # noqa: E402
from clauditor.wire.content_encoding import BodyDecoder  # noqa: E402
from clauditor.wire.sse import SseParser  # noqa: E402
from privacy.hostile import UNITS  # noqa: E402
from security.bomb_corpus import packed  # noqa: E402

EXAMPLES: Final = 100_000
MOST_SECONDS: Final = 1.0
SLOWEST: Final = 12
REPEATED: Final = 8
MOST_RATIO: Final = 1.5 * REPEATED
WORTH_A_LOOK_SECONDS: Final = 0.002  # below that, a timer and a cache are most of it

# One draw of bytes an example, read as a list of pieces: drawing them one by one takes Hypothesis ten times as long.
_BYTES: Final = st.binary(min_size=4, max_size=80)
_PIECES: Final = (
    b"\r", b"\n", b"\r\n", b"\n\n", b"data:", b"data: ", b"event: ", b"event: message_delta\n", b":", b"\xef\xbb\xbf", b"\xff", b"id: 1", b"{}",
    b"x" * 40,
)  # fmt: skip
_JSON_PIECES: Final = (
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"\\ud83d", b"\\ude00", b"\\\\", b"NaN", b"1e999", b"9" * 400, b"-", b"null",
    b'"a"', b"\xff", b"\xc3", b" ", b'"role"', b'"type":"text"', b"[" * 300,
)  # fmt: skip
_WORDS: Final = (
    *UNITS,
    "password",
    "the ",
    "=",
    "://",
    "@",
    "sk-ant-",
    "eyJ",
    "-----BEGIN ",
    "\n",
    "\x1b[",
    "日本",
    "\ud800",
    "\u202e",
)
_CODINGS: Final = ("gzip", "deflate", "br", "zstd", "gzip, br", "zstd, deflate", "br, zstd, gzip")
_DAMAGES: Final = (0, 0, 1, 128, 255)


def _joined(drawn: bytes, pieces: tuple[bytes, ...]) -> bytes:
    return b"".join(pieces[one] if one < len(pieces) else bytes([one]) for one in drawn)


def _stream(drawn: bytes) -> tuple[bytes, list[int], int]:
    return _joined(drawn[4:], _PIECES), [1 + one % 60 for one in drawn[:4]], (7, 60, 100_000)[drawn[0] % 3]


def _coded(drawn: bytes) -> tuple[bytes, str, list[int], int, int]:
    head, body = drawn[:4], drawn[4:] * (1 if drawn[0] % 2 else 200)
    at = int.from_bytes(head, "big")
    return (
        body,
        _CODINGS[head[1] % len(_CODINGS)],
        [1 + one % 60 for one in head],
        _DAMAGES[head[2] % len(_DAMAGES)],
        at,
    )


def _exchange(drawn: bytes) -> bytes:
    """One of the corpus, with some bytes of it replaced."""
    seed, at = _SEEDS["exchange"][drawn[0] % len(_SEEDS["exchange"])], int.from_bytes(drawn[1:3], "big")
    at %= len(seed)
    return bytes([drawn[3]]) + seed[1:at] + drawn[4:] + seed[at + len(drawn) :]


def _text(drawn: bytes) -> str:
    return "".join(_WORDS[one] if one < len(_WORDS) else chr(one) for one in drawn)


_SEEDS: Final[dict[str, list[bytes]]] = runpy.run_path(str(HERE / "seeds.py"))["seeds"]()


@dataclass(slots=True)
class Target:
    """`check` takes an example apart and fails if a promise is broken; `again` makes the same input `n` times as long."""

    strategy: st.SearchStrategy[Any]
    check: Callable[[Any], None]
    again: Callable[[Any, int], Any]
    share: float
    run: int = 0
    times: list[tuple[float, Any]] = field(default_factory=list)

    def take(self, example: Any) -> None:
        self.run += 1
        took = _timed(self.check, example)
        assert took < MOST_SECONDS, f"{took:.2f} s"
        self.times.append((took, example))
        if len(self.times) > 200:
            self.times = sorted(self.times, key=lambda each: -each[0])[:SLOWEST]


def _timed(check: Callable[[Any], None], example: Any) -> float:
    began = time.process_time()
    check(example)
    return time.process_time() - began


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    pieces, start = [], 0
    for cut in cuts:
        pieces.append(data[start : start + cut])
        start += cut
    return [*pieces, data[start:]]


def sse(example: tuple[bytes, list[int], int]) -> None:
    stream, cuts, line_bytes = example
    whole, parser = SseParser(line_bytes=line_bytes), SseParser(line_bytes=line_bytes)
    expected = whole.feed(stream)
    assert [event for piece in _cut(stream, cuts) for event in parser.feed(piece)] == expected
    assert (parser.is_skipping, parser.lines) == (whole.is_skipping, whole.lines)


def json(data: bytes) -> None:
    reached: list[str] = []
    value = jsontext.decode_any(bytearray(data), reached.append)
    assert value == jsontext.decode_any(data) or value != value  # noqa: PLR0124 - what is no number differs from itself
    text = jsontext.text(data)
    assert text is None or text.encode()


def decoders(example: tuple[bytes, str, list[int], int, int]) -> None:
    body, coding, cuts, damage, at = example
    data = bytearray(b"".join(packed(coding, [body])))
    if damage and data:
        data[at % len(data)] ^= damage
    outputs, stops = [], []
    for pieces in ([bytes(data)], _cut(bytes(data), cuts)):
        decoder = BodyDecoder(coding, total_bytes=1 << 20, call_bytes=1 << 20)
        outputs.append(b"".join(out for piece in pieces for out in decoder.decode(piece)))
        stops.append(decoder.stopped)
    assert stops == [None, None] or all(stops), stops
    assert damage or (outputs == [body, body] and stops == [None, None])
    assert any(stops) or outputs[0] == outputs[1]


def redactor(text: str) -> None:
    shown = redact(clean(text))
    assert shown.isprintable()
    assert width(label(text, 80)) <= 80


TARGETS: Final = {
    "events of a stream": Target(_BYTES.map(_stream), sse, lambda made, n: (made[0] * n, *made[1:]), 0.26),
    "JSON": Target(_BYTES.map(lambda drawn: _joined(drawn, _JSON_PIECES)), json, lambda data, n: data * n, 0.26),
    "content codings": Target(_BYTES.map(_coded), decoders, lambda made, n: (made[0] * n, *made[1:]), 0.25),
    "the redactor": Target(_BYTES.map(_text), redactor, lambda text, n: text * n, 0.2),
    "whole exchanges": Target(_BYTES.map(_exchange), harnesses.exchange, lambda data, n: data + data[-2000:] * n, 0.03),
}  # fmt: skip
"""The last ones take thirty times as long as any other."""


def ratio(target: Target, example: Any) -> float | None:
    """How much longer the input takes when it is eight times as long; None where it is too short to say."""
    short, long = target.again(example, REPEATED), target.again(example, REPEATED * REPEATED)
    took = statistics.median(_timed(target.check, short) for _ in range(5))
    return (
        None
        if took < WORTH_A_LOOK_SECONDS
        else statistics.median(_timed(target.check, long) for _ in range(5)) / took
    )


def main(arguments: list[str]) -> int:
    examples = int(arguments[0]) if arguments else EXAMPLES
    began, total, worst = time.perf_counter(), 0, 0
    print(
        "| what | examples | longest, ms | eight times as long takes, at most |\n|---|--:|--:|--:|",
        flush=True,
    )
    for name, target in TARGETS.items():
        checks = settings(
            max_examples=int(examples * target.share),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        checks(given(target.strategy)(target.take))()
        slowest = sorted(target.times, key=lambda each: -each[0])[:SLOWEST]
        ratios = [found for _, example in slowest if (found := ratio(target, example)) is not None]
        shown = f"{max(ratios):.1f} x" if ratios else "too short to say"
        print(f"| {name} | {target.run:,} | {slowest[0][0] * 1000:.1f} | {shown} |", flush=True)
        total += target.run
        worst += sum(found > MOST_RATIO for found in ratios)
    print(
        f"{total:,} examples in {time.perf_counter() - began:.0f} s; {worst} inputs took long in proportion"
    )
    return 1 if worst or total < examples else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
