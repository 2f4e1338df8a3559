"""What is known of each model: canonical id, context window, and where the client compacts.

Source: the model catalogue of Claude Code 2.1.330 and Anthropic's model pages (2026-11); before it counts what lists
of models told as they passed. Prices live in `prices.py`. An unknown model has no window here: nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

STANDARD_WINDOW: Final = 200_000
LONG_WINDOW: Final = 1_000_000

# Claude Code keeps min(max output, 20k) free for the answer and compacts 13k before what is left.
_RESERVED_OUTPUT_LIMIT: Final = 20_000
_COMPACTION_MARGIN: Final = 13_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """Sizes in tokens. `long_on_request`: 200K, and 1M only with the long-context beta."""

    window: int
    max_output: int
    long_on_request: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLimits:
    """Sizes in tokens that a passing list of models told. `model` is canonical; `max_tokens` is the largest answer."""

    model: str
    max_input_tokens: int
    max_tokens: int | None = None


MAX_TOLD_MODELS: Final = 4_096  # the largest gateways list some hundreds
NOTHING_TOLD: Final[Mapping[str, ModelLimits]] = MappingProxyType({})


class ModelCatalogue:
    """What lists told: the newest word of each model, by canonical id. `dropped`: what found no room."""

    def __init__(self) -> None:
        self._told: dict[str, ModelLimits] = {}
        self.told: Mapping[str, ModelLimits] = MappingProxyType(self._told)
        self.dropped = 0

    def see(self, models: Iterable[ModelLimits]) -> None:
        """A list passed. What was told longest ago makes room."""
        for limits in models:
            self._told.pop(limits.model, None)
            if len(self._told) >= MAX_TOLD_MODELS:
                del self._told[next(iter(self._told))]
                self.dropped += 1
            self._told[limits.model] = limits


def _native(max_output: int) -> ModelInfo:
    return ModelInfo(window=LONG_WINDOW, max_output=max_output)


def _standard(max_output: int, *, long_on_request: bool = False) -> ModelInfo:
    return ModelInfo(window=STANDARD_WINDOW, max_output=max_output, long_on_request=long_on_request)


MODELS: Final[dict[str, ModelInfo]] = {
    "claude-fable-5-2": _native(128_000),
    "claude-mythos-5-2": _native(128_000),
    "claude-fable-5-1": _native(128_000),
    "claude-mythos-5-1": _native(128_000),
    "claude-fable-5": _native(128_000),
    "claude-mythos-5": _native(128_000),
    "claude-mythos-preview": _native(128_000),
    "claude-opus-5-5": _native(128_000),
    "claude-opus-5": _native(128_000),
    "claude-opus-4-8": _native(128_000),
    "claude-opus-4-7": _native(128_000),
    "claude-opus-4-6": _standard(128_000, long_on_request=True),
    "claude-opus-4-5": _standard(64_000),
    "claude-opus-4-1": _standard(32_000),
    "claude-opus-4-0": _standard(32_000),
    "claude-sonnet-5-5": _native(128_000),
    "claude-sonnet-5": _native(128_000),
    "claude-sonnet-4-6": _standard(128_000, long_on_request=True),
    "claude-sonnet-4-5": _standard(64_000, long_on_request=True),
    "claude-sonnet-4-0": _standard(64_000, long_on_request=True),
    "claude-haiku-5-5": _native(128_000),
    "claude-haiku-4-5": _standard(64_000),
    "claude-3-7-sonnet": _standard(64_000),
    "claude-3-5-sonnet": _standard(8_192),
    "claude-3-5-haiku": _standard(8_192),
    "claude-3-haiku": _standard(4_096),
}

_CONTEXT_SUFFIX = re.compile(r"\[\d+m\]$")
_REGION = re.compile(r"^(?:us-gov|us|eu|apac|jp|au|global)\.")
_VENDOR = re.compile(r"^anthropic[./]")
_VERSION_SUFFIX = re.compile(r"(?:-v\d+(?::\d+)?|@\d{8}|-\d{8}|-latest)$")
_FIRST_OF_A_LINE: Final = {"claude-opus-4": "claude-opus-4-0", "claude-sonnet-4": "claude-sonnet-4-0"}


@lru_cache(maxsize=1024)
def canonical(model: str) -> str:
    """The one id of a model, whatever alias, date, region or cloud spelling it was asked for by.

    >>> canonical("us.anthropic.claude-opus-4-5-20251101-v1:0")
    'claude-opus-4-5'
    """
    name = model.strip().lower()
    name = _CONTEXT_SUFFIX.sub("", name)
    name = _VENDOR.sub("", _REGION.sub("", name))
    shorter = _VERSION_SUFFIX.sub("", name)
    while shorter != name:
        name, shorter = shorter, _VERSION_SUFFIX.sub("", shorter)
    name = name.replace(".", "-")
    return _FIRST_OF_A_LINE.get(name, name)


def context_window(
    model: str, *, long_context: bool, largest_prompt: int = 0, told: ModelLimits | None = None
) -> int | None:
    """Context window in tokens; None for an unknown model of which nothing was told.

    `long_context`: the request opted in to 1M. A prompt larger than the window proves the long one. A list names the
    most that a model can take, so one that must be asked for its long window has it only where it was asked.
    """
    info = MODELS.get(canonical(model))
    window = told.max_input_tokens if told else info.window if info else None
    if window is None:
        return None
    is_on_request = info is not None and info.long_on_request
    if is_on_request:
        window = min(window, STANDARD_WINDOW)
    if (long_context and is_on_request) or largest_prompt > window:
        return max(window, LONG_WINDOW)
    return window


def compact_at(model: str, window: int, *, told: ModelLimits | None = None) -> int | None:
    """Prompt size in tokens at which the client compacts by itself: an estimate until one was seen.

    None: the window has no room for what the client keeps free.
    """
    info = MODELS.get(canonical(model))
    max_output = (told.max_tokens if told else None) or (info.max_output if info else _RESERVED_OUTPUT_LIMIT)
    point = window - min(max_output, _RESERVED_OUTPUT_LIMIT) - _COMPACTION_MARGIN
    return point if point > 0 else None
