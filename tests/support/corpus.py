"""Reads the hand-written exchanges of `tests/fixtures/wire` and compares events with what they expect.

The format is told in `tests/fixtures/wire/README.md`.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import brotli
import zstandard

from clauditor.model import events as vocabulary
from clauditor.model.events import IN_MEMORY_FIELDS, Event
from clauditor.model.request_shape import MESSAGE_BYTES, RequestShape
from clauditor.model.usage import Usage
from clauditor.wire.exchange import Exchange, Limits, Secrets

FOLDER = Path(__file__).parent.parent / "fixtures" / "wire"
SECRETS = Secrets(salt=b"corpus salt" * 3, start_secret=b"corpus secret" * 3)
SENT_AT, ANSWERED_AT, CLOSED_AT = 1000.0, 1001.0, 1002.0

_SECTION = re.compile(r"=== (request|response|events)\b *(.*)")
_INCLUDE = re.compile(r"@([\w.-]+)")
_PLACEHOLDER = re.compile(r"<[\w -]+>")
_ESCAPE = re.compile(r"\\(?:([nrt\\])|x([0-9a-f]{2}))")
# Checked by rules that hold for every exchange, instead of being spelled in each fixture.
_BY_RULE = frozenset({"at", "started_at", "exchange_id", "request_bytes"})


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`is_cut`: the connection broke after the body; `is_local`: the proxy itself answered."""

    headers: list[tuple[str, str]]
    body: bytes
    is_cut: bool
    is_local: bool


@dataclass(frozen=True, kw_only=True)
class Expected:
    type: type[Event]
    members: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One exchange. `answer` None: nothing came back before the connection closed."""

    name: str
    proves: str
    headers: list[tuple[str, str]]
    body: bytes
    answer: Answer | None
    expected: list[Expected]
    partial: list[str]
    text: str


def cases() -> list[Case]:
    """All exchanges, in the order of their names."""
    found = sorted(path for path in FOLDER.rglob("*.txt") if path.parent.name != "shared")
    return [read(path) for path in found]


def read(path: Path) -> Case:
    """One file. Raises ValueError where it is not of the format."""
    text = path.read_text(encoding="utf-8")
    proves, sections = _sections(text)
    flags, lines = sections["request"]
    headers, body = _message(lines, flags, is_request=True)
    answer = None
    flags, lines = sections["response"]
    if "none" not in flags:
        answer_headers, answer_body = _message(lines, flags, is_request=False)
        answer = Answer(
            headers=answer_headers, body=answer_body, is_cut="cut" in flags, is_local="local" in flags
        )
    expected, partial = _expected(sections["events"][1])
    name = str(path.relative_to(FOLDER).with_suffix(""))
    return Case(
        name=name, proves=proves, headers=headers, body=body, answer=answer, expected=expected,
        partial=partial, text=text,
    )  # fmt: skip


class Play:
    """Plays a case through a new `Exchange`; progress is asked for at every turn, and what it tells is not kept."""

    def __init__(self, case: Case, *, limits: Limits | None = None) -> None:
        self.exchange = Exchange("7-1", secrets=SECRETS, limits=limits or Limits())
        self.events: list[Event] = []
        self._case = case

    def ask(self, pieces: Iterator[bytes] | None = None) -> Play:
        case, exchange = self._case, self.exchange
        self.events += exchange.request_headers(case.headers, end=not case.body, at=SENT_AT)
        for piece in pieces or iter([case.body]):
            self._sent(piece, end=False)
        if case.body:
            self._sent(b"", end=True)
        return self

    def answer(self, pieces: Iterator[bytes] | None = None, *, end: bool | None = None) -> Play:
        """`end` None: as the case has it."""
        answer = self._case.answer
        if answer is None:
            return self
        is_last = not answer.is_cut if end is None else end
        self.events += self.exchange.response_headers(
            answer.headers, end=False, at=ANSWERED_AT, local_reply=answer.is_local
        )
        for piece in pieces or iter([answer.body]):
            self.events += self.exchange.response_body(piece, end=False, at=ANSWERED_AT)
            self.exchange.progress()
        if is_last:
            self.events += self.exchange.response_body(b"", end=True, at=ANSWERED_AT)
        return self

    def close(self) -> Play:
        self.events += self.exchange.closed(at=CLOSED_AT)
        return self

    def _sent(self, piece: bytes, *, end: bool) -> None:
        found = self.exchange.request_body(piece, end=end, at=SENT_AT)
        self.events += [event for event in found if event is not None]


def told(expected: list[Expected]) -> list[dict[str, Any]]:
    """What a case expects, every member spelled out."""
    return [_spelled(one) for one in expected]


def seen(events: list[Event], expected: list[Expected], names: dict[str, str]) -> list[dict[str, Any]]:
    """The events in the form of `told`. Placeholders of the fixture take the place of the values they stand
    for; `names` keeps those, and a value that is not the one of its placeholder shows as itself.
    """
    shown = []
    for number, event in enumerate(events):
        want = expected[number] if number < len(expected) else None
        members = {
            field.name: _plain(getattr(event, field.name))
            for field in fields(event)
            if field.name not in _BY_RULE
            and (field.name not in IN_MEMORY_FIELDS or (want and field.name in want.members))
        }
        spelled = _spelled(want) if want else {}
        shown.append(
            {
                "type": type(event).__name__,
                **{name: _named(spelled.get(name), value, names) for name, value in members.items()},
            }
        )
    return shown


def _sections(text: str) -> tuple[str, dict[str, tuple[list[str], list[str]]]]:
    proves: list[str] = []
    sections: dict[str, tuple[list[str], list[str]]] = {}
    current = proves
    name = ""
    for line in text.splitlines():
        section = _SECTION.fullmatch(line)
        if section:
            name = section[1]
            sections[name] = (section[2].split(), [])
            current = sections[name][1]
        else:
            current += _included(line, name)
    if set(sections) != {"request", "response", "events"}:
        raise ValueError("a fixture has a request, a response and events")
    return " ".join(line.strip() for line in proves if line.strip()), sections


def _included(line: str, section: str) -> list[str]:
    include = _INCLUDE.fullmatch(line)
    if include is None:
        return [line]
    shared = FOLDER / "shared" / f"{include[1]}.{section}"
    return [
        each
        for found in shared.read_text(encoding="utf-8").splitlines()
        for each in _included(found, section)
    ]


def _message(lines: list[str], flags: list[str], *, is_request: bool) -> tuple[list[tuple[str, str]], bytes]:
    start, *rest = lines
    if is_request:
        method, path = start.split(" ")
        headers = [(":method", method), (":path", path)]
    else:
        headers = [(":status", start)]
    blank = rest.index("") if "" in rest else len(rest)
    for line in rest[:blank]:
        name, _, value = (part.strip() for part in line.partition(":"))
        headers = [pair for pair in headers if pair[0].lower() != name.lower()]  # a later one replaces it
        headers += [(name, value)] if value else []
    named = {name.lower(): value for name, value in headers}
    text = "\n".join(rest[blank + 1 :]).strip("\n")
    if "escaped" in flags:
        body = _unescaped(text.replace("\n", ""))
    elif not text or "verbatim" in flags:
        body = text.encode()
    elif is_request:
        body = json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False).encode()
    else:
        ends = "\n\n" if "event-stream" in named.get("content-type", "") and "cut" not in flags else ""
        body = (text + ends).encode()
    return headers, _coded(body, named.get("content-encoding", ""), flags)


def _unescaped(text: str) -> bytes:
    plain = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}

    def one(match: re.Match[str]) -> str:
        return plain[match[1]] if match[1] else chr(int(match[2], 16))

    return _ESCAPE.sub(one, text).encode("latin-1")


def _coded(body: bytes, content_encoding: str, flags: list[str]) -> bytes:
    if "unencoded" in flags:
        return body
    for coding in (name.strip() for name in content_encoding.split(",") if name.strip()):
        match coding.lower():
            case "identity":
                pass
            case "gzip" if "members" in flags:
                third = len(body) // 3
                parts = (body[:third], body[third : 2 * third], body[2 * third :])
                body = b"".join(gzip.compress(part, mtime=0) for part in parts)
            case "gzip":
                body = gzip.compress(body, mtime=0)
            case "deflate" if "bare" in flags:
                body = zlib.compress(body, wbits=-15)
            case "deflate":
                body = zlib.compress(body)
            case "br":
                body = brotli.compress(body)
            case "zstd":
                body = zstandard.compress(body)
            case _:
                raise ValueError(f"no such coding: {coding}")
    return body


def _expected(lines: list[str]) -> tuple[list[Expected], list[str]]:
    shared: dict[str, Any] = {}
    found: list[Expected] = []
    partial: list[str] = []
    joined: list[str] = []
    for line in lines:
        if line.startswith(" ") and joined:
            joined[-1] += line
        elif line.strip():
            joined.append(line)
    for line in joined:
        name, _, value = line.partition(" ")
        members = json.loads(value or "{}")
        if name == "all":
            shared = members
        elif name == "partial":
            partial = members
        else:
            found.append(Expected(type=getattr(vocabulary, name), members={**shared, **members}))
    return found, partial


def _spelled(one: Expected) -> dict[str, Any]:
    spelled: dict[str, Any] = {"type": one.type.__name__}
    known = {field.name: field for field in fields(one.type)}
    unknown = set(one.members) - set(known)
    if unknown:
        raise ValueError(f"{one.type.__name__} has no {unknown}")
    for name, field in known.items():
        if name in one.members:
            spelled[name] = _filled(name, one.members[name])
        elif name not in _BY_RULE and name not in IN_MEMORY_FIELDS:
            if field.default is MISSING:
                raise ValueError(f"{one.type.__name__} needs {name}")
            spelled[name] = _plain(field.default)
    return spelled


def _filled(name: str, value: Any) -> Any:
    if name == "usage" and value is not None:
        extra = [[model, _filled("usage", usage)] for model, usage in value.get("extra", ())]
        runs = [_filled("usage", run) for run in value.get("runs", ())]
        return {**_plain(Usage()), **value, "extra": extra, "runs": runs}
    if name == "windows":
        return [
            {"used_ratio": None, "resets_at": None, "status": None, "surpassed_ratio": None, **window}
            for window in value
        ]
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, RequestShape):
        return {
            "tools": [name for name, *_ in value.tools],
            "system": len(value.system),
            "messages": len(value.messages) // MESSAGE_BYTES,
            "betas": list(value.betas),
            "effort": value.effort,
            "thinking": value.thinking,
            "speed": value.speed,
        }
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return round(value, 9) if isinstance(value, float) else value


def _named(want: Any, value: Any, names: dict[str, str]) -> Any:
    if isinstance(want, str) and _PLACEHOLDER.fullmatch(want) and isinstance(value, str) and value:
        return want if names.setdefault(want, value) == value else f"another {want}: {value}"
    if isinstance(want, Mapping) and isinstance(value, dict):
        return {name: _named(want.get(name), item, names) for name, item in value.items()}
    if isinstance(want, list) and isinstance(value, list) and len(want) == len(value):
        return [_named(one, item, names) for one, item in zip(want, value, strict=True)]
    return value
