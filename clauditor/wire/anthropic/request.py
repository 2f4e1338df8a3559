"""Requests to the Messages API: bytes of one POST -> what kind of call it is, and the events of its start.

Sources: Messages API (2026-11) and Claude Code 2.1.330, its gateway protocol page included. Counting
tokens is a side call; every other path concerns no session.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

import msgspec

from clauditor import text
from clauditor.model.events import (
    MAIN_AGENT,
    AttemptStarted,
    Event,
    Identity,
    LabelFound,
    RequestClass,
    ToolReturned,
)
from clauditor.wire import jsontext
from clauditor.wire.anthropic.body import ReadBody, read_body, system_texts, tools
from clauditor.wire.anthropic.conversation import Tail, find_label, first_text, read_tail
from clauditor.wire.anthropic.environment import workplace
from clauditor.wire.anthropic.kinds import SIDE_CALLS, Kind, Signs, classify
from clauditor.wire.anthropic.shape import Shaping, without_cache_marks
from clauditor.wire.bounds import Limits
from clauditor.wire.identity import (
    Origin,
    Secrets,
    UserId,
    account_digest,
    client_and_entrypoint,
    digest,
    identifier,
    session_of,
    user_id,
)
from clauditor.wire.problems import Problems

__all__ = ["REQUEST_HEADERS", "SIDE_CALLS", "Call", "Endpoint", "endpoint", "read_request"]

Endpoint = Literal["messages", "count_tokens"]

REQUEST_HEADERS: Final = frozenset(
    {
        ":method",
        ":path",
        "anthropic-beta",
        "content-encoding",
        "user-agent",
        "x-claude-code-agent-id",
        "x-claude-code-agent-type",
        "x-claude-code-auxiliary-type",
        "x-claude-code-compaction",
        "x-claude-code-parent-agent-id",
        "x-claude-code-prev-tool-durations",
        "x-claude-code-prompt-id",
        "x-claude-code-request-class",
        "x-claude-code-session-id",
        "x-claude-1p-request-class",
    }
)
_SIGN_CHARACTERS: Final = 8 * 1024  # of each text that is searched for markers; they stand at the start
_SIGN_TEXTS: Final = 64
_UNKNOWN_MODEL: Final = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that was understood. `events` are those of its start (none for side calls)."""

    kind: Kind
    origin: Origin
    identity: Identity
    client: str | None
    model: str
    account: str | None
    is_stream: bool
    started_at: float
    events: tuple[Event, ...]


def endpoint(headers: dict[str, str]) -> Endpoint | None:
    """Which watched endpoint a request is for: a base URL may put a prefix before the path."""
    if headers.get(":method", "").upper() != "POST":
        return None
    path = headers.get(":path", "").split("?", 1)[0].rstrip("/")
    if path.endswith("/v1/messages"):
        return "messages"
    if path.endswith("/v1/messages/count_tokens"):
        return "count_tokens"
    return None


def read_request(
    data: bytes | bytearray,
    headers: dict[str, str],
    *,
    at: float,
    exchange_id: str,
    sent_bytes: int,
    secrets: Secrets,
    limits: Limits,
    problems: Problems,
) -> Generator[None, None, Call | None]:
    """Understands a whole, decoded request; pauses between slices of work and returns the call.

    Returns None if the data is not a JSON object with a list of messages. Never raises.
    """
    body = yield from read_body(data, problems.reach)
    if body is None:
        return None
    yield
    reading = _Reading(
        headers=headers, body=body, secrets=secrets, exchange_id=exchange_id, problems=problems
    )
    if endpoint(headers) == "count_tokens":
        return reading.call(Kind(call="side", name="count_tokens"), at, ())
    tail = read_tail(
        body.messages,
        headers.get("x-claude-code-prev-tool-durations"),
        limits.tool_calls,
        secrets=secrets,
        reach=problems.reach,
    )
    kind = classify(reading.signs(tail))
    if kind.call == "side":
        return reading.call(kind, at, ())
    yield
    events: list[Event] = []
    if kind.call == "turn":
        shaping = Shaping(body, headers.get("anthropic-beta", ""), secrets)
        yield from shaping.run()
        events += reading.start_events(kind, tail, shaping, at, sent_bytes)
    events += reading.tool_events(kind, tail, at)
    return reading.call(kind, at, tuple(events))


class _Reading:
    """One request being understood: what several parts of it need to know is worked out once."""

    def __init__(
        self,
        *,
        headers: dict[str, str],
        body: ReadBody,
        secrets: Secrets,
        exchange_id: str,
        problems: Problems,
    ) -> None:
        self._reach = problems.reach
        self._headers = headers
        self._body = body
        self._secrets = secrets
        self._exchange_id = exchange_id
        self._system_texts = system_texts(body, problems.reach)
        metadata = jsontext.mapping(jsontext.decode_any(body.metadata, self._reach))
        self._user: UserId = user_id(metadata.get("user_id"))
        self.client, self._entrypoint = client_and_entrypoint(headers.get("user-agent"))
        thread = jsontext.mapping(jsontext.decode_any(body.thread))
        self._is_continuation = thread.get("type") == "continue"  # `messages` holds only the new ones
        self._agent_header = identifier(headers.get("x-claude-code-agent-id"))
        self._session_id, self.identity = session_of(
            headers.get("x-claude-code-session-id"),
            self._user,
            lambda: (self.client or "", self._plain(body.system), self._first_user_content()),
            secrets=secrets,
        )
        model = jsontext.text(body.model)
        self._model = text.clean(model, 128) if model else _UNKNOWN_MODEL

    def call(self, kind: Kind, at: float, events: tuple[Event, ...]) -> Call:
        return Call(
            kind=kind,
            origin=self._origin(kind.request_class),
            identity=self.identity,
            client=self.client,
            model=self._model,
            account=self._account(),
            is_stream=self._is_stream(),
            started_at=at,
            events=events,
        )

    def signs(self, tail: Tail) -> Signs:
        body = self._body
        output_config = jsontext.mapping(jsontext.decode_any(body.output_config, self._reach))
        schema = jsontext.mapping(jsontext.mapping(output_config.get("format")).get("schema"))
        only = tail.texts[0].strip() if len(body.messages) == 1 and len(tail.texts) == 1 else None
        return Signs(
            headers=self._headers,
            agent_header=self._agent_header,
            tail_texts=_heads(tail.texts),
            system_texts=_heads(self._system_texts),
            tools=tuple((tool.name, tool.type) for tool in tools(body, self._reach)),
            schema_keys=frozenset(jsontext.mapping(schema.get("properties"))),
            max_tokens=jsontext.count(jsontext.decode_any(body.max_tokens)),
            is_stream=self._is_stream(),
            only_text=only,
            is_fork=self._is_fork,
        )

    def start_events(
        self, kind: Kind, tail: Tail, shaping: Shaping, at: float, sent_bytes: int
    ) -> list[Event]:
        headers, messages = self._headers, self._body.messages
        origin = self._origin(kind.request_class)
        is_main = kind.request_class == "main"
        agent_text = None if is_main or self._is_continuation else first_text(messages)
        place = workplace(self._body, self._system_texts)
        agent_type = headers.get("x-claude-code-agent-type")
        events: list[Event] = [
            AttemptStarted(
                at=at,
                identity=self.identity,
                request_class=kind.request_class,
                model=self._model,
                messages_digest=shaping.messages_digest,
                client=self.client,
                entrypoint=self._entrypoint,
                agent_type=text.clean(agent_type, 64) if agent_type and not is_main else None,
                parent_agent_id=identifier(headers.get("x-claude-code-parent-agent-id")),
                prompt_id=identifier(headers.get("x-claude-code-prompt-id")),
                new_prompt=is_main and tail.is_new_prompt,
                is_wake_up=is_main and tail.is_wake_up,
                stream=self._is_stream(),
                message_count=len(messages),
                request_bytes=sent_bytes,
                account=self._account(),
                project=place.project,
                branch=place.branch,
                long_context="context-1m" in headers.get("anthropic-beta", ""),
                cache_ttl_seconds=shaping.cache_ttl_seconds,
                first_text_digest=text_digest(self._secrets, agent_text) if agent_text else None,
                shape=shaping.shape,
                **origin,
            )
        ]
        label = find_label(messages) if is_main and not self._is_continuation else None
        if label:
            events.append(LabelFound(at=at, label=label, **origin))
        return events

    def tool_events(self, kind: Kind, tail: Tail, at: float) -> list[Event]:
        origin = self._origin(kind.request_class)
        return [
            ToolReturned(
                at=at,
                tool_use_id=result.tool_use_id,
                outcome=result.outcome,
                result_bytes=result.result_bytes,
                duration_seconds=result.duration_seconds,
                result_digest=result.digest,
                **origin,
            )
            for result in tail.results
        ]

    def _origin(self, request_class: RequestClass) -> Origin:
        agent_id = self._agent_header or MAIN_AGENT
        if self._agent_header is None and request_class != "main":
            # Clients without agent ids (up to 2.1.6x): one agent is one system prompt and first message.
            first = self._first_user_content()
            agent_id = "a" + digest(self._secrets.salt, "agent", self._plain(self._body.system), first)[:16]
        return Origin(session_id=self._session_id, agent_id=agent_id, exchange_id=self._exchange_id)

    def _account(self) -> str | None:
        return account_digest(self._secrets, self._user.account_uuid)

    def _is_stream(self) -> bool:
        return jsontext.decode_any(self._body.stream) is True

    def _is_fork(self) -> bool:
        return any(b"<fork-boilerplate>" in bytes(message.content) for message in self._body.messages)

    def _first_user_content(self) -> bytes:
        first = next((message for message in self._body.messages if message.role == "user"), None)
        return b"" if first is None else self._plain(first.content)

    @staticmethod
    def _plain(raw: msgspec.Raw) -> bytes:
        return without_cache_marks(raw)[0]


def text_digest(secrets: Secrets, value: str) -> str:
    """Links an agent's first text to the prompt in the tool call that started it."""
    return digest(secrets.start_secret, "agent prompt", value)


def _heads(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(value[:_SIGN_CHARACTERS].lstrip() for value in islice(values, _SIGN_TEXTS))
