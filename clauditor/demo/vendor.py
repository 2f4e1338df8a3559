"""The pretend vendor's mind: for each request the reply, its counts and its heads. It does no IO.

Who decides, in order: a responder given by a test, the script of the session, the default.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Any, Final

from clauditor.demo.answer import (
    Answer,
    Part,
    dump,
    error_body,
    error_status,
    json_part,
    prepare,
    stream_parts,
)
from clauditor.demo.counting import prefixes
from clauditor.demo.defaults import default_reply
from clauditor.demo.encoding import negotiate
from clauditor.demo.ledger import Tokens
from clauditor.demo.limits import Billing, Limits
from clauditor.demo.prompt_cache import CachePlan, PromptCache
from clauditor.demo.reply import Reply
from clauditor.demo.request import MAIN, Request
from clauditor.demo.seeded import stable_id, stable_uuid

Responder = Callable[[Request], Reply | None]
_SEEN_LIMIT: Final = 10_000
_SCRIPTED_KINDS: Final = ("main", "subagent", "workflow", "compaction")
_SMALL_WINDOW: Final = 200_000
_WINDOW: Final = 1_000_000
_SMALL_MODELS: Final = ("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5")
_MODELS: Final = (
    ("claude-opus-5-5", "Claude Opus 5.5", _WINDOW),
    ("claude-sonnet-5-5", "Claude Sonnet 5.5", _WINDOW),
    ("claude-haiku-5-5", "Claude Haiku 5.5", _WINDOW),
    ("claude-haiku-4-5-20251001", "Claude Haiku 4.5", _SMALL_WINDOW),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One answer, ready to be sent. `plan` is what the prompt cache does once the answer begins."""

    request: Request
    reply: Reply
    status: int
    headers: tuple[tuple[str, str], ...]
    parts: Iterator[Part]
    chunked: bool
    encoding: str
    request_id: str
    answer: Answer | None = None
    plan: CachePlan | None = None


class Vendor:
    """Answers requests. Clocks are given with each call: `cache_now` may run faster than `wall_now`."""

    def __init__(
        self, *, seed: int, started_at: float, billing: Billing | None = None, encoding: str | None = None
    ) -> None:
        self.seed = seed
        self.cache = PromptCache()
        self.limits = Limits(seed, billing, started_at)
        self.responder: Responder | None = None
        self._encoding = encoding
        self._scripts: dict[tuple[str, str], deque[Reply]] = {}
        self._seen: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._organization = stable_uuid(seed, "organization")

    def script(self, session_id: str, replies: Iterable[Reply], *, agent: str = MAIN) -> None:
        """Queues replies for a session's main thread, or for the agent whose first prompt is `agent`."""
        self._scripts.setdefault((session_id, agent), deque()).extend(replies)

    def occurrence(self, session_id: str, body: bytes) -> int:
        """How often the session sent this very body before."""
        key = (session_id, hashlib.sha256(body).hexdigest())
        count = self._seen.pop(key, -1) + 1
        self._seen[key] = count
        if len(self._seen) > _SEEN_LIMIT:
            self._seen.popitem(last=False)
        return count

    def answer(self, request: Request, *, cache_now: float, wall_now: float) -> Delivery:
        """Decides one answer; nothing changes for later requests until `began` and `told`."""
        prompt = prefixes(request.json, self.seed)
        plan = self.cache.plan(request.model, prompt, cache_now)
        reply = self._choose(request, plan.prompt.prompt)
        request_id = stable_id("req_", self.seed, request.session_id, request.agent_id, request.path,
                               request.body_sha256, request.occurrence)  # fmt: skip
        answer: Answer | None = None
        streamed = False
        parts: Iterator[Part]
        if reply.body is not None:
            parts, content_type = iter((Part(data=reply.body, last=True),)), reply.content_type
        elif reply.status != 200 or (reply.error is not None and not request.stream):
            reply = replace(reply, status=error_status(reply))
            parts = iter((Part(data=dump(error_body(reply, request_id)), last=True),))
            content_type = "application/json"
        elif not request.path.endswith("/v1/messages"):
            parts = iter((Part(data=dump(self._other_body(request, plan.prompt.prompt)), last=True),))
            content_type = "application/json"
        else:
            answer = prepare(reply, request, plan.prompt, self.seed)
            streamed = request.stream
            parts = stream_parts(answer, self.seed) if streamed else iter((json_part(answer),))
            content_type = "text/event-stream; charset=utf-8" if streamed else "application/json"
        encoding = negotiate(reply.encoding or self._encoding, request.header("accept-encoding"))
        headers = [("Date", formatdate(wall_now, usegmt=True)), ("Content-Type", content_type)]
        headers += [("Cache-Control", "no-cache")] if streamed else []
        headers += [("Content-Encoding", encoding)] if encoding != "identity" else []
        headers += [("request-id", request_id), ("anthropic-organization-id", self._organization)]
        if request.path.endswith("/v1/messages"):
            headers += self.limits.headers(request, wall_now)
        if reply.retry_after_seconds is not None:
            headers.append(("retry-after", f"{reply.retry_after_seconds:g}"))
        headers += [*reply.headers, ("Server", "pretend-vendor")]
        return Delivery(
            request=request,
            reply=reply,
            status=reply.status,
            headers=tuple(headers),
            parts=parts,
            chunked=streamed or bool(reply.trailers) or "event-stream" in content_type,
            encoding=encoding,
            request_id=request_id,
            answer=answer,
            plan=plan if answer is not None else None,
        )

    def began(self, delivery: Delivery, cache_now: float) -> None:
        """The head of the answer is out: from now on its prompt can be read from the cache."""
        if delivery.plan is not None:
            self.cache.commit(delivery.plan, cache_now)

    def told(self, tokens: Tokens) -> None:
        """An answer ended, with these tokens told."""
        self.limits.spend(tokens)

    def _choose(self, request: Request, prompt_tokens: int) -> Reply:
        if self.responder is not None and (given := self.responder(request)) is not None:
            return given
        if not request.valid:
            return Reply.failure(400, "The request body is not a JSON object.")
        if request.kind == "models":
            return Reply() if request.method in ("GET", "HEAD") else Reply.failure(405, "Method not allowed.")
        if request.kind == "other":
            return Reply.failure(404, "Not found.")
        if request.method != "POST":
            return Reply.failure(405, "Method not allowed.")
        if request.kind == "count_tokens":
            return Reply()
        window = _SMALL_WINDOW if request.model.startswith(_SMALL_MODELS) else _WINDOW
        if prompt_tokens > window:
            return Reply.failure(400, f"prompt is too long: {prompt_tokens} tokens > {window} maximum")
        return self._scripted(request) or default_reply(request)

    def _scripted(self, request: Request) -> Reply | None:
        agent = MAIN if request.agent_id == MAIN else request.first_user_text
        key = (request.session_id, agent)
        queue = self._scripts.get(key)
        if not queue or request.kind not in _SCRIPTED_KINDS:
            return None
        reply = queue.popleft()
        if not queue:
            del self._scripts[key]
        return reply

    def _other_body(self, request: Request, prompt_tokens: int) -> dict[str, Any]:
        if request.kind == "count_tokens":
            return {"input_tokens": prompt_tokens}
        models = [
            {
                "type": "model",
                "id": name,
                "display_name": shown,
                "created_at": "2026-01-01T00:00:00Z",
                "max_input_tokens": window,
                "max_tokens": 64_000 if window == _SMALL_WINDOW else 128_000,
                "lifecycle": "active",
            }
            for name, shown, window in _MODELS
        ]
        wanted = request.path.rpartition("/v1/models")[2].strip("/")
        if wanted:
            return next((model for model in models if model["id"] == wanted), models[0])
        return {"data": models, "has_more": False, "first_id": models[0]["id"], "last_id": models[-1]["id"]}
