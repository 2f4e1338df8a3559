from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.served import Sidecar, serving


@pytest.fixture
async def sidecar(tmp_path: Path) -> AsyncIterator[Sidecar]:
    async with serving(tmp_path) as running:
        yield running
