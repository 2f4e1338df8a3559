"""States on disk: small, whole or refused, and readable for every version that ever wrote one."""

from __future__ import annotations

import base64
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.model.snapshot import session_snapshot
from clauditor.store.history import unpack
from clauditor.store.state import DICTIONARY, deflate, inflate

# A session of version 0.1.0 in the middle of its work, as schema 1 kept it.
OF_0_1_0 = base64.b64decode(
    "eNrVls9vG0UUx2dJUSskxIEekeihQj3gYidxfpxS+geg/ger8e7Yu3Q9s8zM1vUtiUQqLqhF4h7a9a5jOz+IeuC4Sg8gGaMeuMCh"
    "ElxIEQf+BN7M7jr2xmlTBEjsId55u37z/b73PuM8Q+/2BBHCZdR07a9ET0jMJbFNLIcf/jz46Nd1hA48LKSJLenecWU7f/IHPOm6"
    "NqESgpFDsE14ZHkuBA4tDwc2KcHqg/nrlesLC+UehHnbZy6VSexz9jGxZNwiNeEwP6pxTC0nbGKXdjxcI14SY8tiAZWP4DOuuZ7n"
    "0kboe5h2CbW1Op2l6Uth9NIbkC8e/HS1XF+pY7taK9mrVq20uLRaL+HKUrW0XF5ZWl6eX1mtlklHBpyKC10sJVEpXt+vY9fTadOA"
    "EUl2m1Cx1XGpH8hrEQskfI7mrvQsbDnE5GD3BzT35o29dN3iriRmtTl6a3sqUnFQVzouvQ36UaiMbD4KhD1cO/ry+S8Hn213LZDu"
    "EUme9ATU0rSw54mNDpTUI0Zfh6aUvJEp+f67CSGjJ7eKMuaOz5axo9NOaHlY1NJXd6rfjAqjIxkDTeFNLJzNjhb4WlfVK+BEGKHk"
    "hGxGuAH9FZu6hc/Q2129ho7oQCjbPtF3rzZd+z7mKk2eLHksfNyi4MFUmsxAEBXd4eSTgAhIu5/NHfMDUaqWqpEg/M7pcNr+uXH7"
    "L7yk/Zfz9hv3p9pvbG0X637x6fnaf3iq5EIyX+UVjHZzd6ESei9Wf8HoYbVUWV4tq6taTq9uE9CF8oikWFlN59jPCTW7mVV4XQbw"
    "tRZogm2BzaNeQDEVLcKJ/eA/23Q3fUnvlmU5hiwh8wndmLH5531y13IwbZDZ4l6gO86UGZ0ms4lXnIpZZnbGR8v5DpbdbBTNWlsS"
    "ARPyY7KbVcvU5xkaeAzG12JUkrvy6Ot0WKT0TEEgaItkAFT5LK/cXt3lkE6Po1pHeQnzjWD+Yx5QBcVGrOYmMOfv9SfwyINTdVsY"
    "F2chK05IcZNoxiMoQ4PIyFcW5I4C/qQoxwihvoYitXitYO8hrkziD8uz4f8dnQW/elKEX6f4mwdAkhJvnMxmkXg0TTzKiEcTvKMC"
    "6+g8pCezCU8KZC+O+7H4UshUcf4Rsv/lTafJTjKiT286TfTp5y/Q+4pEKxP/K6LXIz3vYj3O0m9lYzr69uZsy9Ni9jyFMuRMTcO3"
    "4gZnLemI+7Hjwjzy9hfDtd47g0uV956Pbzrawqf9CQ8j431wUQcjzkk5f9uGs0CRkf2Lon8QBykOmcyLT/cDqtPlL10OOZZk85uU"
    "ryxo+oRnWw1v3Oqpqz+Qsi7z/YdrfyJ9zfyZfBxQVktJN/NZEuhgIqqbh/4C8qKNCQ=="
)


def test_the_dictionary_never_changes() -> None:
    """What is on disk needs it, byte for byte. Another one would be a second dictionary."""
    assert (len(DICTIONARY), zlib.adler32(DICTIONARY)) == (2019, 1595877527)


@given(st.binary(max_size=3000))
def test_any_bytes_come_back(packed: bytes) -> None:
    assert inflate(deflate(packed)) == packed
    assert inflate(zlib.compress(packed)) == packed


@pytest.mark.parametrize("cut", [0, 1, 5, 20, -1])
def test_a_state_that_is_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(zlib.error):
        inflate(deflate(b"a session" * 100)[:cut])


def test_a_session_takes_less_than_with_deflate_alone() -> None:
    packed = inflate(OF_0_1_0)
    assert len(deflate(packed)) < 0.75 * len(zlib.compress(packed))


def test_a_session_of_an_older_version_is_read() -> None:
    session = unpack(inflate(OF_0_1_0))
    assert session is not None
    shot = session_snapshot(session, session.last_activity_at)
    assert {
        name: shot[name]
        for name in (
            "turns",
            "attempts",
            "failed_attempts",
            "side_calls",
            "cost_usd",
            "project",
            "state",
            "signals",
        )
    } == {
        "turns": 4,
        "attempts": 5,
        "failed_attempts": 1,
        "side_calls": 1,
        "cost_usd": pytest.approx(0.1452),
        "project": "webshop",
        "state": "thinking",
        "signals": [],
    }
    assert shot["tokens"]["cache_read"] == 200_000
    assert shot["tools"]["by_name"]["Bash"] == {"calls": 2, "failures": 1}
    assert (shot["prompts"], shot["context"]["compactions"]) == (1, 1)
    assert {agent["agent_id"] for agent in shot["agents"]} == {"main", "a1"}
