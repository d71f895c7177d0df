"""Hostile texts in a real browser: nothing runs, nothing is fetched, the content security policy is never needed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from configurator.sales.quotes import decline_quote
from tests.configurator.security.payloads import PAIRS, write_papers

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def test_sixty_payloads_in_every_text_run_nowhere(visit: Callable[..., Page], factory: int) -> None:
    """`visit` fails the test on any error in a console, a broken content security policy among them."""
    papers = [write_papers(factory, *pair, number) for number, pair in enumerate(PAIRS)]
    for paper in papers[::2]:
        decline_quote(factory, paper.quote_token, paper.comment)
    public = [f"/orders/{paper.order_token}" for paper in papers[::5]]
    public += [f"/quotes/{paper.quote_token}" for paper in papers[1::5]]
    inside = ["/sales/orders", "/sales/", "/admin/", "/planning/"]
    inside += [f"/sales/orders/{paper.order_id}" for paper in papers[2::5]]
    inside += [f"/sales/quotes/{paper.quote_id}" for paper in papers[::6]]
    ran: list[str] = []
    shown = 0
    for roles, paths in (((), public), (("sales", "planner", "administrator"), inside)):
        page = visit("/login", roles=roles)
        page.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: ran.append(request.url) if "evil.example" in request.url else None)
        for path in paths:
            answer = page.goto(path)
            assert answer is not None and answer.ok, path
            assert "evil.example" not in page.url
            shown += page.content().count("alert(1)")
    assert ran == []
    assert shown > 100, "the payloads were not on the pages"


def test_a_payload_that_runs_would_be_seen(visit: Callable[..., Page], factory: int) -> None:
    """Negative control: a page without escaping and without our policy lets one of them run."""
    page = visit("/login")
    ran: list[str] = []
    page.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
    page.goto("about:blank")
    with page.expect_event("dialog"):
        page.set_content("<p>Hello <img src=x onerror=alert(1)></p>")
    assert ran == ["1"]
