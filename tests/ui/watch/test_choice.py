"""Which sessions a person means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from clauditor.errors import ClauditorError
from clauditor.ui.views.snapshot import session_view
from clauditor.ui.watch.choice import Choice, choose
from ui import afternoon


class Known:
    """A sidecar with two sessions of two projects."""

    shots = (
        afternoon.snapshot("5f0c2a11-aaaa", project="webshop"),
        afternoon.snapshot("7d1f4c57-bbbb", project="Infra"),
    )

    def sessions(self, *, limit: int | None = None) -> Sequence[Mapping[str, Any]]:
        return self.shots

    def session(self, session_id: str) -> Mapping[str, Any]:
        for shot in self.shots:
            if shot["session_id"].startswith(session_id):
                return shot
        raise ClauditorError("There is no session like that; clauditor sessions lists them.")


def test_nothing_means_all() -> None:
    assert choose(Known(), None) == Choice()
    assert Choice().has("x", None)


def test_the_beginning_of_an_id_means_one_session() -> None:
    choice = choose(Known(), "5f0c")
    assert choice == Choice(session_id="5f0c2a11-aaaa")
    assert choice.has("5f0c2a11-aaaa", None)
    assert not choice.has("7d1f4c57-bbbb", None)


def test_a_project_means_its_sessions_also_those_to_come() -> None:
    choice = choose(Known(), "infra")
    assert choice == Choice(project="infra")
    assert choice.has("new", session_view(afternoon.snapshot("new", project="INFRA")))
    assert not choice.has("new", session_view(afternoon.snapshot("new", project=None)))
    assert not choice.has("new", None)


@pytest.mark.parametrize("wanted", ["x", "", "nosuchproject"])
def test_what_means_nothing_is_one_sentence_with_a_remedy(wanted: str) -> None:
    with pytest.raises(ClauditorError, match="clauditor sessions"):
        choose(Known(), wanted)
