"""Who is talking: session, agent, client and account of a request, and the digests that stand for text.

Sources: request headers of Claude Code (gateway protocol page, client 2.1.330), `metadata.user_id` of the
Messages API in both its forms, the User-Agent. Ids are hostile until they match `_ID`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypedDict

from clauditor import text
from clauditor.model.events import Identity
from clauditor.wire import jsontext

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_LEGACY_USER_ID: Final = re.compile(r"user_[0-9a-fA-F]*_account_([0-9a-fA-F-]*)_session_([0-9a-fA-F-]{8,64})")
_CLAUDE_USER_AGENT: Final = re.compile(r"(claude-[a-z]+/[\w.+-]{1,40})(?: \([^,)]*(?:, ?([\w.-]{1,40}))?)?")

MAX_HEADERS: Final = 256
MAX_HEADER_CHARACTERS: Final = 16 * 1024


class Origin(TypedDict):
    """The fields that every event of one exchange shares."""

    session_id: str
    agent_id: str
    exchange_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Keys of digests: `salt` persists (derived identities, accounts), `start_secret` dies with the process."""

    salt: bytes
    start_secret: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UserId:
    """What `metadata.user_id` names."""

    session_id: str | None = None
    account_uuid: str | None = None


def pick_headers(
    headers: Sequence[tuple[str, str]],
    is_wanted: Callable[[str], bool],
    reach: jsontext.Reach = jsontext.unheeded,
) -> dict[str, str]:
    """The wanted headers by lower-case name, at most MAX_HEADERS of them. Credentials are never wanted.

    Different values of a repeated name are joined by a comma (RFC 9110 section 5.3).
    """
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name = raw_name.lower()
        if not is_wanted(name):
            continue
        is_new = name not in found
        too_many = is_new and len(found) >= MAX_HEADERS
        is_full = len(found.get(name, "")) >= MAX_HEADER_CHARACTERS
        if too_many or is_full or len(raw_value) > MAX_HEADER_CHARACTERS:
            reach("headers")
        if too_many or is_full:
            continue
        value = raw_value[:MAX_HEADER_CHARACTERS]
        if is_new:
            found[name] = value
        elif found[name] != value:
            found[name] = f"{found[name]}, {value}"
    return found


def identifier(value: object) -> str | None:
    """The value if it is a plain identifier of at most 128 characters, else None."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def digest(secret: bytes, purpose: str, *parts: bytes | str) -> str:
    """32 hexadecimal digits that stand for the parts; without the secret nobody can test a guess."""
    hasher = hashlib.sha256(hashlib.sha256(secret).digest())
    for part in (purpose, *parts):
        raw = part.encode("utf-8", "replace") if isinstance(part, str) else part
        hasher.update(len(raw).to_bytes(8, "big"))
        hasher.update(raw)
    return hasher.hexdigest()[:32]


def account_digest(secrets: Secrets, account: str | None) -> str | None:
    """The short name of an account, from the organization's id or the account's uuid."""
    return digest(secrets.salt, "account", account)[:12] if account else None


def client_and_entrypoint(user_agent: str | None) -> tuple[str | None, str | None]:
    """`claude-cli/2.1.330` and `sdk-cli` of `claude-cli/2.1.330 (external, sdk-cli)`.

    Another client's name is the beginning of its User-Agent; it has no entrypoint.
    """
    if not user_agent:
        return None, None
    match = _CLAUDE_USER_AGENT.match(user_agent)
    if match:
        return match[1], match[2]
    return text.label(user_agent.split("(", 1)[0], 48) or None, None


def user_id(value: object) -> UserId:
    """The session and account in `metadata.user_id`: a JSON object in a string, or the older underscore form."""
    if not isinstance(value, str) or len(value) > MAX_HEADER_CHARACTERS:
        return UserId()
    legacy = _LEGACY_USER_ID.fullmatch(value)
    if legacy:
        return UserId(session_id=identifier(legacy[2]), account_uuid=identifier(legacy[1]))
    if not value.startswith("{"):
        return UserId()
    named = jsontext.mapping(jsontext.decode_any(value.encode("utf-8", "replace")))
    return UserId(
        session_id=identifier(named.get("session_id")), account_uuid=identifier(named.get("account_uuid"))
    )


def session_of(
    header: str | None, metadata: UserId, derive: Callable[[], Sequence[bytes | str]], *, secrets: Secrets
) -> tuple[str, Identity]:
    """The session id and where it comes from.

    `derive` gives what a derived id stands for (client, system prompt, first user message): equal
    conversations share one. It is called only if the request names no session.
    """
    from_header = identifier(header)
    if from_header:
        return from_header, "header"
    if metadata.session_id:
        return metadata.session_id, "metadata"
    return digest(secrets.salt, "session", *derive()), "derived"
