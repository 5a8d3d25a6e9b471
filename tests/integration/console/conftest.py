"""A console on a bus in memory and a real Redis, and a browser that looks at it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from shared.bus.memory import MemoryBus
from shared.store import Store
from tests.integration.console.helpers import served

_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    store = Store.connect(redis_url)
    yield store
    store.close()


@pytest.fixture
def api(bus: MemoryBus, store: Store, tmp_path: Path) -> Iterator[httpx.Client]:
    with served(bus, store, tmp_path) as url, httpx.Client(base_url=url, timeout=10) as client:
        yield client


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome") or playwright.chromium.executable_path
        if not Path(path).exists():
            (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium here; install the package chromium")
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def url(bus: MemoryBus, store: Store, tmp_path: Path) -> Iterator[str]:
    with served(bus, store, tmp_path) as address:
        yield address


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """The opened console; at the end nothing may have failed, complained or asked another host."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    troubles: list[str] = []

    def failed(request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page itself gave it up, when it was left or loaded again
            troubles.append(f"{request.url} {request.failure}")

    page.on("console", lambda message: troubles.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("requestfailed", failed)
    page.on(
        "response", lambda answer: troubles.append(f"{answer.url} {answer.status}") if answer.status >= 400 else None
    )
    foreign: list[str] = []
    host = urlsplit(url).netloc
    page.on(
        "request",
        lambda request: (
            foreign.append(request.url)
            if urlsplit(request.url).netloc != host and not request.url.startswith(("blob:", "data:"))
            else None
        ),
    )
    page.goto(url)
    expect(page.locator("#services li")).to_have_count(6)
    yield page
    found = (list(troubles), list(foreign))
    page.close()
    assert found == ([], [])
