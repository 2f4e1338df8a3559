"""Models as the provider or a gateway lists them: the answer to one GET -> context windows.

Source: Models API (2026-11), `GET /v1/models` and `/v1/models/{id}`: `id`, `max_input_tokens`, `max_tokens`. A list
belongs to no session, whoever asked for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from clauditor import text
from clauditor.model.events import MAIN_AGENT, Event, ModelsSeen
from clauditor.model.models import ModelLimits, canonical
from clauditor.wire import jsontext
from clauditor.wire.bounds import Limits
from clauditor.wire.content_encoding import BodyDecoder
from clauditor.wire.identity import Origin
from clauditor.wire.problems import Problems

_PATH: Final = re.compile(r"/v1/models(?:/[^/]+)?/?")
_PATH_CHARACTERS: Final = 1024  # an id has 128; whatever is longer asks for something else
_ID_CHARACTERS: Final = 128  # as of the model that a request names
_FEWEST_TOKENS: Final = 1_000  # of a window or an answer; outside these bounds a number means something else
_MOST_TOKENS: Final = 100_000_000


def asks_for_models(headers: dict[str, str]) -> bool:
    """Whether a request, by its head, asks for models: a base URL may put a prefix before the path."""
    if headers.get(":method", "").upper() != "GET":
        return False
    path = headers.get(":path", "").split("?", 1)[0]
    start = path.rfind("/v1/models")
    return start >= 0 and len(path) <= _PATH_CHARACTERS and _PATH.fullmatch(path, start) is not None


class ModelsAnswer:
    """The answer to such a request, fed like a `Reply`: one `ModelsSeen` at its end, if it told any window."""

    def __init__(self, exchange_id: str, *, limits: Limits, problems: Problems) -> None:
        self.is_over = False
        self._origin = Origin(session_id="", agent_id=MAIN_AGENT, exchange_id=exchange_id)
        self._limits = limits
        self._problems = problems
        self._is_json = False
        self._decoder = BodyDecoder("", total_bytes=0, call_bytes=0)
        self._body = bytearray()

    def head(
        self, headers: dict[str, str], *, status: int, end: bool, at: float, local_reply: bool
    ) -> list[Event]:
        """The answer's head came. Refusals, pages and the proxy's own answers tell nothing of models."""
        is_json = "json" in headers.get("content-type", "").lower()
        self._is_json = is_json and 200 <= status < 300 and not local_reply
        self._decoder = BodyDecoder(
            headers.get("content-encoding", ""),
            total_bytes=self._limits.models_bytes,
            call_bytes=self._limits.models_bytes,
        )
        return self.finish(at) if end else []

    def body(self, data: bytes, *, end: bool, at: float) -> list[Event]:
        """The next bytes of the answer."""
        if self._is_json and not self.is_over:
            self._keep((data,) if self._decoder.is_identity else self._decoder.decode(data))
        return self.finish(at) if end else []

    def finish(self, at: float) -> list[Event]:
        """The answer ended as HTTP has it."""
        if self.is_over:
            return []
        self.is_over = True
        if not self._is_json:
            return []
        if self._decoder.stopped is not None:
            if self._decoder.stopped == "limit":
                self._problems.reach("models")
            else:
                self._problems.add("models", self._decoder.stopped)
            return []
        told = jsontext.decode_any(self._body, most_bytes=self._limits.models_bytes)
        self._body.clear()
        if not isinstance(told, dict):
            self._problems.add("models", "unreadable")
            return []
        listed = told.get("data", [told])
        if not isinstance(listed, list):
            listed = []
        if len(listed) > self._limits.models:
            self._problems.reach("models")
        models = _windows(listed[: self._limits.models])
        return [ModelsSeen(at=at, models=models, **self._origin)] if models else []

    def cut(self, _at: float) -> list[Event]:
        """The copy ended without the end of the answer: half a list tells nothing."""
        self.is_over = True
        self._body.clear()
        return []

    def _keep(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            if self._decoder.stopped is None and len(self._body) + len(piece) > self._limits.models_bytes:
                self._decoder.stopped = "limit"
            if self._decoder.stopped is not None:
                self._body.clear()
                return
            self._body += piece


def _windows(listed: list[object]) -> tuple[ModelLimits, ...]:
    """What is told of each model. Of several spellings of one, the smallest window counts: a gateway may list the
    long variant beside the plain one, and requests name both alike.
    """
    found: dict[str, ModelLimits] = {}
    for entry in listed:
        told = jsontext.mapping(entry)
        name, window = told.get("id"), _tokens(told.get("max_input_tokens"))
        model = canonical(text.clean(name, _ID_CHARACTERS)) if isinstance(name, str) else ""
        if not model or window is None:
            continue
        known = found.get(model)
        if known is None or window < known.max_input_tokens:
            found[model] = ModelLimits(
                model=model, max_input_tokens=window, max_tokens=_tokens(told.get("max_tokens"))
            )
    return tuple(found.values())


def _tokens(value: object) -> int | None:
    count = jsontext.count(value)
    return count if count is not None and _FEWEST_TOKENS <= count <= _MOST_TOKENS else None
