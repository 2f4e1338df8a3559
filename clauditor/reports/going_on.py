"""How to go on: what resuming costs now, and the names a fresh start needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from clauditor.model.events import MAIN_AGENT
from clauditor.reports.foreign import amount_of, count_of, text_of
from clauditor.reports.material import Material
from clauditor.reports.work import files

_SAFE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{3,127}")  # nothing that a shell could read otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """`claude --resume` in the session's own directory.

    `cache` is what the prompt cache is now (None: unknown) and `warm_until` when it goes cold. Cold, the next message
    writes `rewrite_tokens` again, which costs `extra_usd` more than reading them warm. `command` None: the session
    has no id of the client's own.
    """

    command: str | None
    cache: Literal["warm", "cold"] | None
    warm_until: float | None
    rewrite_tokens: int | None
    extra_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshStart:
    """Names only. `first_tokens` is the size of this session's first prompt: about what a new one begins with."""

    project: str | None
    branch: str | None
    files: tuple[str, ...]
    first_tokens: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoingOn:
    resume: Resume
    fresh: FreshStart


def going_on(material: Material) -> GoingOn:
    """Both ways, with what is known of them at `material.now`."""
    cache = material.section("cache")
    expires_at = amount_of(cache.get("expires_at"))
    has_own_id = material.snapshot.get("identity") != "derived" and _SAFE_ID.fullmatch(material.session_id)
    first = next((turn for turn in material.turns if turn.agent_id == MAIN_AGENT), None)
    is_first = first is not None and not material.earlier_turns and first.answer is not None
    return GoingOn(
        resume=Resume(
            command=f"claude --resume {material.session_id}" if has_own_id else None,
            cache=None if expires_at is None else "warm" if material.now < expires_at else "cold",
            warm_until=expires_at,
            rewrite_tokens=count_of(cache.get("rebuild_tokens")),
            extra_usd=amount_of(cache.get("rebuild_cost_usd")),
        ),
        fresh=FreshStart(
            project=text_of(material.snapshot.get("project")),
            branch=text_of(material.snapshot.get("branch")),
            files=files(material),
            first_tokens=first.answer.prompt_tokens if is_first and first and first.answer else None,
        ),
    )
