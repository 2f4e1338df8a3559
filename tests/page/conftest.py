from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from page.browsing import Tab, browsing, tab
from support.served import Sidecar, serving


@pytest.fixture
async def sidecar(tmp_path: Path) -> AsyncIterator[Sidecar]:
    async with serving(tmp_path) as running:
        yield running


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with browsing() as started:
        yield started


@pytest.fixture
async def opened(browser: Browser) -> AsyncIterator[Tab]:
    async with tab(browser, viewport={"width": 1440, "height": 900}) as one:
        yield one
