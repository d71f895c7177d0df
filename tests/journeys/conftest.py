"""A real browser before the application: `visit(...)` opens pages and fails the test on what nobody should see."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from apiflask import APIFlask
from axe_playwright_python.sync_playwright import Axe
from flask.testing import FlaskClient
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright
from werkzeug.serving import make_server

from configurator import auth
from tests.browser import find

LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
SIZES = {1280: 800, 390: 844}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all journeys of a process."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=find(), args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def address(app: APIFlask) -> Iterator[str]:
    """Where the application answers over HTTP."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


class Faults(list[str]):
    """Errors on the console and in scripts, broken rules of the content security policy among them."""

    def listen(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.append(str(error)))

    def _console(self, message: ConsoleMessage) -> None:
        # A form that comes back with 409 or 422 is said on the console too, and is none.
        if message.type == "error" and "the server responded with a status of 4" not in message.text:
            self.append(message.text)


expect.set_options(timeout=20_000)  # on a busy machine too


@pytest.fixture
def visit(browser: Browser, address: str, login: Callable[..., FlaskClient]) -> Iterator[Callable[..., Page]]:
    """`visit("/", width=390, lang="zh", roles=("sales",), scripts=False)`: a page of a new visitor.

    At the end no page may have had an error on its console or a violation of the content security policy.
    """
    contexts: list[BrowserContext] = []
    faults = Faults()

    def open_page(
        path: str = "/", *, width: int = 1280, lang: str = "en", roles: tuple[str, ...] = (), scripts: bool = True
    ) -> Page:
        context = browser.new_context(
            base_url=address, viewport={"width": width, "height": SIZES[width]}, locale=LANGUAGES[lang],
            java_script_enabled=scripts, reduced_motion="reduce",
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        if roles:
            cookie = login(*roles, locale=lang).get_cookie(auth.COOKIE)
            assert cookie is not None
            context.add_cookies([{"name": auth.COOKIE, "value": cookie.value, "url": address}])
        page = context.new_page()
        faults.listen(page)
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


def fits(page: Page) -> bool:
    """Whether the page is no wider than its window. Waits for a document, but not for the one that a click opens:
    expect something of that page first."""
    return bool(page.locator("html").evaluate("html => html.scrollWidth <= html.clientWidth"))


@pytest.fixture(scope="session")
def barriers() -> Callable[..., list[str]]:
    """`barriers(page)`: what axe finds against WCAG 2.2 AA, one line a rule with the first element."""
    axe = Axe()

    def found(page: Page, *, without: tuple[str, ...] = ()) -> list[str]:
        options: dict[str, Any] = {
            "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
            "resultTypes": ["violations"],  # each part that passes a rule would be written down and sent, too
            "rules": {rule: {"enabled": False} for rule in without},
        }
        page.wait_for_load_state()  # half a page has no barrier either
        violations = axe.run(page, options=options).response["violations"]
        return [f"{v['id']}: {v['nodes'][0]['html'][:160]} ({len(v['nodes'])})" for v in violations]

    return found
