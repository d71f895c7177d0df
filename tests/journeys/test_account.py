"""A customer makes an account and orders with it: by keyboard, without scripts, in both languages; no barrier."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from configurator.sales.accounts import account_link
from tests.configurator.security.house import buyer, order_for
from tests.conftest import SECRET
from tests.journeys.conftest import fits

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
MAIL = "zoe@example.com"


@pytest.mark.parametrize(("scripts", "width", "lang"), [(True, 390, "en"), (False, 1280, "zh")])
def test_an_account_is_made_and_used(
    visit: Callable[..., Page], barriers: Callable[..., list[str]], factory: int, scripts: bool, width: int, lang: str
) -> None:
    placed = order_for(factory, buyer("Zoë Müller", MAIL, country="DE"), "zoe")
    page = visit("/login", scripts=scripts, width=width, lang=lang)
    page.locator("main a[href='/account/link']").last.press("Enter")
    expect(page.locator("#mail")).to_be_visible()
    seen = [_without_barriers(page, barriers, scripts)]
    page.locator("#mail").press_sequentially(MAIL)
    page.locator("#mail").press("Enter")
    expect(page.locator("main")).to_contain_text(MAIL)
    seen.append(_without_barriers(page, barriers, scripts))
    page.goto(f"/account/open/{account_link(factory, MAIL, {}, secret=SECRET)}")
    page.locator("#name").press_sequentially("Zoë")
    page.locator("#password").press("Enter")  # forgotten
    expect(page.locator("#password-error")).to_be_visible()
    expect(page.locator("#name")).to_have_value("Zoë")
    seen.append(_without_barriers(page, barriers, scripts))
    page.locator("#password").press_sequentially("a long password")
    page.locator("#password").press("Enter")
    expect(page.locator("main")).to_contain_text(placed.number)
    expect(page.locator("#street")).not_to_have_value("")  # of the order
    page.locator("#street").press("ControlOrMeta+a")
    page.locator("#street").press_sequentially("Weg 1")
    page.locator("#country").select_option("DE")
    page.locator("#details summary").press("Enter")
    page.locator("#invoice-tax_number").press_sequentially("DE 123456789")
    page.locator("#details button").press("Enter")
    expect(page.locator("#invoice-company-error")).to_be_visible()  # whose is it? nothing that was typed is lost
    expect(page.locator("#street")).to_have_value("Weg 1")
    page.locator("#invoice-company").press_sequentially("Müller GmbH")
    seen.append(_without_barriers(page, barriers, scripts))
    page.locator("#details button").press("Enter")
    expect(page.locator(".note.success")).to_be_visible()
    expect(page.locator("#street")).to_have_value("Weg 1")
    expect(page.locator("#invoice-company")).to_have_value("Müller GmbH")
    page.locator("details.card summary").press("Enter")
    seen.append(_without_barriers(page, barriers, scripts))
    assert seen == [([], True)] * 5
    page.get_by_role("link", name=placed.number).press("Enter")
    expect(page).to_have_url(f"/orders/{placed.token}")


def _without_barriers(page: Page, barriers: Callable[..., list[str]], scripts: bool) -> tuple[list[str], bool]:
    """What axe finds (it is a script), and whether the page fits its width."""
    return barriers(page) if scripts else [], fits(page)
