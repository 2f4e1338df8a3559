from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.wire.identity import (
    MAX_HEADERS,
    Secrets,
    UserId,
    account_digest,
    client_and_entrypoint,
    digest,
    identifier,
    pick_headers,
    session_of,
    user_id,
)

SECRETS = Secrets(salt=b"salt", start_secret=b"start")
UUID = "f45b919b-eefe-4be7-baa2-c67956b98562"
ACCOUNT = "0a0a0a0a-0000-4000-8000-000000000001"


def session(header: str | None = None, metadata: UserId | None = None, **parts: str) -> tuple[str, str]:
    texts = {"client": "sdk/1", "system": "system", "first": "first", **parts}
    return session_of(header, metadata or UserId(), lambda: list(texts.values()), secrets=SECRETS)


def test_the_header_wins_over_metadata_and_metadata_over_a_derived_id() -> None:
    assert session("from-header", UserId(session_id="from-body")) == ("from-header", "header")
    assert session(None, UserId(session_id="from-body")) == ("from-body", "metadata")
    assert session()[1] == "derived"


def test_a_hostile_header_is_no_session_id() -> None:
    for value in ("", "a b", "x\x1b[31m", "../../etc", "a" * 129, "é"):
        assert session(value)[1] == "derived"


def test_derived_ids_are_equal_for_equal_conversations_only() -> None:
    assert session() == session()
    assert session() != session(system="other")
    assert session() != session(first="other")
    assert session(system="ab", first="c") != session(system="a", first="bc")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            json.dumps({"device_id": "d" * 64, "account_uuid": ACCOUNT, "session_id": UUID}),
            UserId(session_id=UUID, account_uuid=ACCOUNT),
        ),
        (json.dumps({"project": "x", "account_uuid": "", "session_id": UUID}), UserId(session_id=UUID)),
        (f"user_{'a' * 64}_account_{ACCOUNT}_session_{UUID}", UserId(session_id=UUID, account_uuid=ACCOUNT)),
        (f"user_{'a' * 64}_account__session_{UUID}", UserId(session_id=UUID)),
        ("customer-17", UserId()),
        ("{broken", UserId()),
        ('["list"]', UserId()),
        ('{"session_id": 5}', UserId()),
        (None, UserId()),
        (17, UserId()),
        ("{" * 100_000, UserId()),
    ],
)
def test_user_ids_of_both_forms_are_read(value: object, expected: UserId) -> None:
    assert user_id(value) == expected


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        ("claude-cli/2.1.330 (external, cli)", ("claude-cli/2.1.330", "cli")),
        ("claude-cli/2.1.330 (external, sdk-py, agent-sdk/0.2.187)", ("claude-cli/2.1.330", "sdk-py")),
        ("claude-cli/1.0.80 (external)", ("claude-cli/1.0.80", None)),
        ("claude-code/2.1.330", ("claude-code/2.1.330", None)),
        ("Anthropic/Python 2.12.0", ("Anthropic/Python 2.12.0", None)),
        ("curl/8 \x1b[31m(x)", ("curl/8", None)),
        ("", (None, None)),
        (None, (None, None)),
    ],
)
def test_client_and_entrypoint_come_from_the_user_agent(
    user_agent: str | None, expected: tuple[str | None, str | None]
) -> None:
    assert client_and_entrypoint(user_agent) == expected


@given(st.text(max_size=200))
def test_any_user_agent_is_harmless(user_agent: str) -> None:
    client, entrypoint = client_and_entrypoint(user_agent)
    assert client is None or (client.isprintable() and len(client) <= 60)
    assert entrypoint is None or identifier(entrypoint)


def test_only_wanted_headers_are_kept_and_names_have_no_case() -> None:
    sent = [("X-API-Key", "secret"), ("User-Agent", "a"), ("anthropic-beta", "x"), ("Anthropic-Beta", "y")]
    wanted = frozenset({"user-agent", "anthropic-beta"})
    assert pick_headers(sent, wanted.__contains__) == {"user-agent": "a", "anthropic-beta": "x, y"}


def test_a_wanted_header_is_found_behind_any_number_of_others_and_said_twice_counts_once() -> None:
    sent = [(f"x-{number}", "v") for number in range(5000)] + [("x-id", "one"), ("X-Id", "one")]
    assert pick_headers(sent, lambda name: name == "x-id") == {"x-id": "one"}


def test_the_number_of_kept_headers_is_bounded() -> None:
    sent = [(f"anthropic-{number}", "v") for number in range(5000)]
    assert len(pick_headers(sent, lambda _: True)) == MAX_HEADERS


def test_digests_need_the_secret_and_the_purpose() -> None:
    assert digest(b"k", "p", "text") == digest(b"k", "p", b"text")
    assert (
        len({digest(b"k", "p", "t"), digest(b"j", "p", "t"), digest(b"k", "q", "t"), digest(b"k", "pt")}) == 4
    )
    assert len(digest(b"k", "p", "\ud800")) == 32


def test_accounts_have_a_short_stable_name() -> None:
    assert account_digest(SECRETS, ACCOUNT) == account_digest(SECRETS, ACCOUNT)
    assert len(account_digest(SECRETS, ACCOUNT) or "") == 12
    assert account_digest(SECRETS, None) is None
