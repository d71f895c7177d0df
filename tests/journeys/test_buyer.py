"""A buyer configures, is told no, finds a way out, orders and follows it: by mouse, by keyboard, without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from configurator import db
from configurator.sales.models import SalesOrder
from configurator.storefront import views
from tests.journeys.conftest import fits

pytestmark = [
    pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("factory"),
]
Visit = Callable[..., Page]
Barriers = Callable[..., list[str]]

BUYER = {
    "name": "李娜 Zoë Müller", "mail": "lina@example.com", "street": "Hauptstraße 5", "postal_code": "200040",
    "city": "Shanghai",
}


def orders() -> list[SalesOrder]:
    with db.reading() as session:
        return list(session.exec(select(SalesOrder)).all())


def fill_address(page: Page, **instead: str) -> None:
    for name, value in (BUYER | instead).items():
        page.fill(f"#{name}", value)


def settled(page: Page) -> None:
    """Wait until no answer is on its way."""
    expect(page.locator(".htmx-request")).to_have_count(0)


def test_a_buyer_is_told_no_takes_a_way_out_engraves_and_orders(visit: Visit) -> None:
    page = visit("/")
    page.get_by_role("link", name="Commuter bicycle").click()
    page.click("#o-gears-derailleur_9")
    expect(page.locator("#o-gears-derailleur_9")).to_have_class(re.compile("chosen"))
    expect(page.locator("#o-drive-chain_9")).to_contain_text("because of 9-speed derailleur")
    expect(page.locator("#o-drive-belt")).to_contain_text("not with 9-speed derailleur")
    settled(page)
    assert page.evaluate("scrollY") > 300, "where the answer was clicked, not at the top"

    page.click("#o-drive-belt")
    refusal = page.get_by_role("dialog")
    expect(refusal.get_by_role("heading").first).to_have_text("A belt drive needs a hub gear.")
    refusal.get_by_role("link", name="Keep my choice").click()
    expect(refusal).to_be_hidden()
    expect(page.locator("#o-drive-belt")).to_be_focused()

    page.click("#o-drive-belt")
    page.locator(".repair", has_text="8-speed hub gear").get_by_role("link", name="Use this").click()
    expect(page.locator("#o-drive-belt")).to_have_class(re.compile("chosen"))
    expect(page.locator("#o-gears-hub_8")).to_have_class(re.compile("chosen"))
    expect(page.locator("#o-drive-belt")).to_be_focused()
    total = page.inner_text("#total")

    page.fill("#i-engraving", "你好 Zoë" * 10)
    page.click("#f-engraving button")
    expect(page.locator("#i-engraving")).to_be_focused()
    expect(page.locator("#e-engraving")).to_be_in_viewport()
    assert urlsplit(page.url).path == "/products/bicycle"
    page.fill("#i-engraving", "你好 Zoë")
    page.click("#f-engraving button")
    expect(page.locator("svg.drawing text", has_text="你好 Zoë")).to_have_count(1)
    expect(page.locator("#total")).not_to_have_text(total)

    page.get_by_role("button", name="To checkout").click()
    expect(page.get_by_role("heading", name="Checkout")).to_be_visible()
    fill_address(page, postal_code="10115")
    with page.expect_response(re.compile("/terms")):
        page.select_option("#country", "DE")
    expect(page.locator("#terms")).to_contain_text("Tax 19 %")
    shown = page.inner_text("#terms .total td")
    page.get_by_role("button", name="Buy now").click()
    expect(page.get_by_role("heading", name=re.compile(r"Your order SO-\d{4}-0001"))).to_be_visible()
    expect(page.locator("body")).to_contain_text(shown)
    expect(page.locator("body")).to_contain_text("你好 Zoë")
    assert len(orders()) == 1


def test_undo_and_the_browser_s_back_restore_what_was_there(visit: Visit) -> None:
    page = visit("/products/bicycle?colour=coral")
    before = page.inner_text("#total")
    page.click("#o-colour-copper")
    expect(page.locator("#total")).not_to_have_text(before)
    page.locator("#undo").press("Enter")
    expect(page.locator("#o-colour-coral")).to_have_class(re.compile("chosen"))
    expect(page.locator("#total")).to_have_text(before)
    page.locator("#redo").press("Enter")
    expect(page.locator("#o-colour-copper")).to_have_class(re.compile("chosen"))
    expect(page.locator("#undo")).to_be_focused()  # there is nothing to redo any more
    page.go_back()
    expect(page.locator("#o-colour-coral")).to_have_class(re.compile("chosen"))
    expect(page.locator("#total")).to_have_text(before)


def test_quick_clicks_are_all_kept(visit: Visit) -> None:
    page = visit("/products/bicycle")
    page.evaluate("""for (const id of ["o-colour-coral", "o-rack-tour", "o-stand-double"])
        document.getElementById(id).click()""")
    for option in ("colour-coral", "rack-tour", "stand-double"):
        expect(page.locator(f"#o-{option}")).to_have_class(re.compile("chosen"))


def test_one_click_is_one_order_however_often_the_button_is_pressed(visit: Visit) -> None:
    page = visit("/products/bicycle")
    page.get_by_role("button", name="To checkout").click()
    fill_address(page)
    page.get_by_role("button", name="Buy now").dblclick()
    expect(page.get_by_role("heading", name=re.compile("Your order"))).to_be_visible()
    assert len(orders()) == 1


def test_a_purchase_by_keyboard_alone(visit: Visit) -> None:
    page = visit("/products/bicycle")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    _tab_to(page, "o-gears-derailleur_9")
    page.keyboard.press("Enter")
    expect(page.locator("#o-gears-derailleur_9")).to_have_class(re.compile("chosen"))
    expect(page.locator("#o-gears-derailleur_9")).to_be_focused()
    _tab_to(page, "o-drive-belt")
    page.keyboard.press("Enter")
    expect(page.locator("#repair-1")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#o-drive-belt")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#repair-1")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#o-drive-belt")).to_have_class(re.compile("chosen"))
    expect(page.locator("#o-drive-belt")).to_be_focused()
    _tab_to(page, "i-engraving", backwards=True)
    page.keyboard.type("Ahoy")
    page.keyboard.press("Enter")
    expect(page.locator("svg.drawing text", has_text="Ahoy")).to_have_count(1)
    expect(page.locator("#i-engraving")).to_be_focused()
    _tab_to(page, "order")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Checkout")).to_be_visible()
    _tab_to(page, "name")
    for value in (BUYER["name"], BUYER["mail"], "", BUYER["street"], BUYER["postal_code"], BUYER["city"]):
        page.keyboard.type(value)
        page.keyboard.press("Tab")
    _tab_to(page, "buy")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=re.compile("Your order"))).to_be_visible()
    assert len(orders()) == 1


def _tab_to(page: Page, element: str, *, backwards: bool = False) -> None:
    for _ in range(150):
        if page.evaluate("document.activeElement.id") == element:
            return
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
    pytest.fail(f"{element} cannot be reached with the Tab key.")


def test_everything_works_without_scripts(visit: Visit) -> None:
    page = visit("/products/bicycle", scripts=False)
    page.click("#o-drive-belt")
    expect(page.locator("#o-drive-belt")).to_have_class(re.compile("chosen"))
    page.click("#o-gears-derailleur_9")
    expect(page.locator("dialog h2")).to_have_text("A belt drive needs a hub gear.")
    page.click("#repair-1")
    expect(page.locator("#o-gears-derailleur_9")).to_have_class(re.compile("chosen"))
    page.fill("#i-engraving", "Без скриптов")
    page.click("#f-engraving button")
    expect(page.locator("svg.drawing text")).to_contain_text(["Без скриптов"])
    page.select_option("#ship-to", "DE")
    page.click("#f-country button")
    expect(page.locator(".bar-country")).to_contain_text("19 %")
    page.click("#order")
    fill_address(page, postal_code="10115")
    page.locator("details.fold > summary").press("Enter")
    page.fill("#invoice-company", "Müller GmbH")
    page.click("#buy")
    expect(page.locator("h1")).to_contain_text("SO-")
    expect(page.locator("main")).to_contain_text("Müller GmbH")
    assert len(orders()) == 1


def test_price_and_date_are_said_once(visit: Visit) -> None:
    page = visit("/products/bicycle")
    page.route("**/earlier?*", lambda route: route.fulfill(status=204))  # a second thought is said for itself
    page.evaluate("""() => {
        window.said = [];
        const live = document.getElementById("announce");
        new MutationObserver(() => window.said.push(live.textContent)).observe(live,
            {childList: true, characterData: true, subtree: true});
    }""")
    page.click("#o-colour-copper")
    expect(page.locator("#o-colour-copper")).to_have_class(re.compile("chosen"))
    settled(page)
    (said,) = page.evaluate("window.said")
    assert page.inner_text("#total") in said
    assert page.inner_text("#arrives") in said


def bar_fits(page: Page) -> bool:
    """Whether nothing makes the page wider than the screen, and nothing of the fixed bar is outside of it."""
    inside = "parts => parts.every((part) => part.getBoundingClientRect().right <= window.innerWidth)"
    return fits(page) and bool(page.locator(".bar *").evaluate_all(inside))


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("query", ["", "?size=l&colour=copper&drive=belt"])
def test_the_whole_bar_is_on_a_phones_screen(visit: Visit, lang: str, query: str) -> None:
    page = visit(f"/products/bicycle{query}", width=390, lang=lang)
    assert bar_fits(page)
    for option in page.locator("#q-colour .option").all():  # WCAG 2.4.11
        option.focus()
        assert option.evaluate("at => at.getBoundingClientRect().bottom") <= page.locator(".bar").bounding_box()["y"]


@pytest.mark.parametrize("width", [1280, 390])
def test_the_bar_is_at_hand_for_sales_too(visit: Visit, width: int) -> None:
    page = visit("/products/bicycle?colour=navy", width=width, roles=("sales",))
    for button in ("#undo", "#reset", "#order", "#quote"):
        box = page.locator(button).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["height"] >= 40  # for a thumb
    assert bar_fits(page)


@pytest.mark.parametrize(("width", "lang"), [(1280, "en"), (390, "zh")])
def test_no_page_has_a_barrier(visit: Visit, barriers: Barriers, width: int, lang: str) -> None:
    page = visit("/", width=width, lang=lang)
    assert barriers(page) == []
    page.goto("/products/bicycle?gears=derailleur_9&colour=navy")
    assert barriers(page) == []
    assert bar_fits(page)
    page.goto("/products/bicycle?gears=derailleur_9&drive=belt&step-back=drive:")
    expect(page.locator("dialog:modal")).to_be_visible()
    assert barriers(page) == []
    page.goto("/products/bicycle")
    page.click("#order")
    page.click("#buy")
    expect(page.locator(".error").first).to_be_visible()
    assert barriers(page) == []
    assert bar_fits(page)
    fill_address(page)
    page.click("#buy")
    expect(page.locator("h1")).to_contain_text("SO-")
    assert barriers(page) == []
    assert bar_fits(page)
    page.goto("/no-such-page")
    assert barriers(page) == []


def test_dates_that_a_click_did_not_wait_for_come_into_their_places(
    visit: Callable[..., Page], factory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "DATES_OF_A_CLICK", 0.0)
    page = visit("/products/bicycle")
    page.locator("#o-colour-navy").click()
    expect(page.locator(".option-date.waiting.known").first).to_be_attached()
    expect(page.locator(".option-date.waiting:not(.known)")).to_have_count(0)
