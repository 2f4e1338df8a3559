"""Where fuzzing starts: the exchanges of tests/fixtures/wire, cut to the form of each target."""

# ruff: noqa: INP001  (a folder of programs)

from __future__ import annotations

import brotli
import zstandard
from harnesses import SEPARATOR

from support.corpus import Answer, Case, cases


def seeds() -> dict[str, list[bytes]]:
    """Inputs by target."""
    found: dict[str, list[bytes]] = {name: [] for name in ("sse", "decoders", "request", "names", "exchange")}
    for case in cases():
        answer = case.answer or Answer(headers=[], body=b"", is_cut=True, is_local=False)
        found["exchange"].append(_exchange(case, answer))
        found["request"].append(bytes([2]) + case.body)
        lines = [f"{name}: {value}".encode() for name, value in answer.headers]
        found["names"] += [value.encode() for name, value in case.headers if name.lower() == "user-agent"]
        found["names"].append(b"\n".join(lines))
        if answer.body.startswith(b"event:"):
            found["sse"].append(bytes([200]) + answer.body)
            found["decoders"] += [
                bytes([1]) + brotli.compress(answer.body),
                bytes([2]) + zstandard.compress(answer.body),
            ]
        for number, coding in enumerate(("gzip", "br", "zstd", "deflate")):
            if ("content-encoding", coding) in answer.headers:
                found["decoders"].append(bytes([number]) + answer.body)
    found["names"] += [
        b'{"device_id":"00aa","account_uuid":"","session_id":"11111111-aaaa-4bbb-8ccc-000000000001"}',
        b"user_00aa_account_33333333-aaaa-4bbb-8ccc-000000000009_session_55555555-aaaa-4bbb-8ccc-000000000001",
        b"cd '/srv/x' && TOKEN=x sudo timeout 5 npm test | tee log",
    ]
    return {
        name: sorted(set(values), key=lambda value: (len(value), value)) for name, values in found.items()
    }


def _exchange(case: Case, answer: Answer) -> bytes:
    def head(headers: list[tuple[str, str]], first: str) -> bytes:
        start = dict(headers).get(first, "")
        lines = [f"{name}: {value}" for name, value in headers if not name.startswith(":")]
        return "\n".join([start, *lines]).encode()

    steer = bytes([0x30 | (0 if answer.is_cut else 2) | (8 if answer.is_local else 0)])
    parts = (steer, head(case.headers, ":path"), case.body, head(answer.headers, ":status"), answer.body)
    return SEPARATOR.join(parts)
