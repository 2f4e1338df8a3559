"""Real databases in a temporary directory, fed through a real hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clauditor.hub import Hub
from clauditor.store.store import Store
from support.life import Book, Life, settle


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clauditor.db"


@pytest.fixture
def open_store(path: Path) -> Iterator[Callable[[], Store]]:
    """Opens stores on one path; closes what is left open at the end."""
    stores: list[Store] = []

    def opened() -> Store:
        stores.append(Store(path))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    return open_store()


@pytest.fixture
def hub(store: Store) -> Hub:
    return Hub(book=Book(), sinks=[store.sink], revive=store.load_session)


@pytest.fixture
def life(hub: Hub) -> Callable[..., Life]:
    return lambda session_id="5f0c1e9a-7d1f-4c57-9d55-4b1f1f6b2a10", **more: Life(hub, session_id, **more)


@pytest.fixture
def written(store: Store) -> Callable[[], None]:
    """Flush, and wait until everything is in the database."""
    return lambda: settle(store)
