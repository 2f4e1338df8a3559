"""The page in a real Chromium: what a person sees, clicks and types."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

WAIT_MS = 10_000


def chromium() -> str:
    """The system's browser; Playwright's own is never fetched."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("no chromium here")


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        # Without its own sandbox: tests may run as root, where it cannot start.
        browser = await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        await browser.close()


@dataclass
class Tab:
    """A page, and everything it complained about."""

    page: Page
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)

    async def texts(self, selector: str) -> list[str]:
        found: list[str] = await self.page.eval_on_selector_all(
            selector, "found => found.map(one => one.innerText.trim())"
        )
        return found

    async def until(self, expression: str, what: Any = None) -> None:
        """Wait until this is true on the page."""
        await self.page.wait_for_function(expression, arg=what, timeout=WAIT_MS)


@asynccontextmanager
async def tab(browser: Browser, **options: Any) -> AsyncIterator[Tab]:
    context = await browser.new_context(**({"reduced_motion": "reduce"} | options))
    try:
        page = await context.new_page()
        opened = Tab(page, context)
        page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        page.on("console", lambda said: opened.complaints.append(said.text) if said.type == "error" else None)
        yield opened
    finally:
        await context.close()


async def address(client: httpx.AsyncClient) -> str:
    """What `clauditor web --print` prints."""
    answer = await client.post("/api/v1/page/code", json={})
    return f"{client.base_url}/#code={answer.json()['code']}".replace("//#", "/#")


async def enter(opened: Tab, client: httpx.AsyncClient, selector: str = ".row") -> None:
    """Open the page as `clauditor web` does, and wait for what it shows first."""
    await opened.page.goto(await address(client))
    await opened.page.wait_for_selector(selector, timeout=WAIT_MS)
