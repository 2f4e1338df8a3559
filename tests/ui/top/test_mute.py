"""Muting over a real socket."""

from __future__ import annotations

import pytest

from clauditor.client import SidecarClient
from clauditor.errors import ClauditorError
from clauditor.place import Credential
from ui import afternoon
from ui.pretend_api import TOKEN, pretend_api


def test_mute_is_one_json_object_to_the_sessions_address() -> None:
    with pretend_api([afternoon.snapshot("a b")]) as api:
        api.sessions.append(afternoon.snapshot("a%20b"))
        client = SidecarClient(api.url, Credential(lambda: TOKEN), unreachable="gone")
        client.mute("a b", muted=True)
        client.mute("a b", muted=False)
        path = "/api/v1/sessions/a%20b/mute"
        assert api.posts == [
            (path, "application/json", b'{"muted": true}'),
            (path, "application/json", b'{"muted": false}'),
        ]


def test_a_refused_mute_is_one_sentence() -> None:
    with pretend_api([]) as api:
        with pytest.raises(ClauditorError, match=r"^There is no session like that\.$"):
            SidecarClient(api.url, Credential(lambda: TOKEN), unreachable="gone").mute("nobody", muted=True)
        with pytest.raises(ClauditorError, match="another token"):
            SidecarClient(api.url, Credential(lambda: "wrong"), unreachable="gone").mute("nobody", muted=True)


def test_a_mute_that_reaches_nobody_names_the_remedy() -> None:
    with pytest.raises(ClauditorError, match="gone"):
        SidecarClient("http://127.0.0.1:1", Credential(lambda: TOKEN), unreachable="gone").mute(
            "a", muted=True
        )
