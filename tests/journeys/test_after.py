"""After the order: a buyer changes it, is told what no longer goes, cancels it; without scripts too, no barrier."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from configurator import db
from configurator.planning.models import ManufacturingOperation
from configurator.planning.reports import start_operation
from configurator.sales.models import OrderState, SalesOrder
from configurator.sales.orders import PlacedOrder
from tests.configurator.security.house import buyer, order_for
from tests.journeys.conftest import fits

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
Visit = Callable[..., Page]
Barriers = Callable[..., list[str]]


@pytest.fixture
def placed(unhurried: None, factory: int) -> PlacedOrder:
    """An order of the standard bicycle, of which nothing is made or frozen within the hour."""
    return order_for(factory, buyer("Zoë Müller", "zoe@example.com", country="DE"), "zoe")


def begin(company_id: int, operation: str) -> None:
    with db.reading() as session:
        query = select(ManufacturingOperation).where(ManufacturingOperation.operation == operation)
        row = session.exec(query).one()
    start_operation(company_id, row.id or 0, now=row.starts_at)


@pytest.mark.parametrize("scripts", [True, False])
def test_an_order_is_changed_and_cancelled(visit: Visit, placed: PlacedOrder, scripts: bool) -> None:
    page = visit(f"/orders/{placed.token}", scripts=scripts)
    page.get_by_role("link", name="Change this order").click()
    page.locator("#q-colour summary").click()
    page.click("#o-colour-copper")
    summary = page.get_by_role("region", name="Your change")
    expect(summary).to_contain_text("Sky blue")
    expect(summary).to_contain_text("Metallic copper")
    total = summary.locator(".change-terms strong").first.inner_text()
    page.locator("#q-engraving summary").click()
    page.fill("#i-engraving", "你好 Zoë")
    page.locator("#q-engraving button").click()
    expect(page.get_by_role("region", name="Your change")).to_contain_text("你好 Zoë")
    expect(summary.locator(".change-terms strong").first).not_to_have_text(total)
    total = summary.locator(".change-terms strong").first.inner_text()
    page.get_by_role("button", name="Confirm this change").click()
    page.wait_for_url(f"**/orders/{placed.token}")
    expect(page.locator("body")).to_contain_text("Your order is changed.")
    expect(page.locator("table.price .total").first).to_contain_text(total)
    page.get_by_text("Cancel this order").click()
    page.get_by_role("button", name=re.compile("Yes, cancel")).click()
    expect(page.locator("main")).to_contain_text("This order is cancelled.")
    with db.reading() as session:
        assert session.exec(select(SalesOrder.state)).one() == OrderState.CANCELLED


@pytest.mark.parametrize(("width", "lang"), [(1280, "en"), (390, "zh")])
def test_no_page_after_the_order_has_a_barrier(
    visit: Visit, barriers: Barriers, placed: PlacedOrder, factory: int, width: int, lang: str
) -> None:
    page = visit(f"/orders/{placed.token}?lang={lang}", width=width)
    order = f"/orders/{placed.token}"

    def look(address: str) -> None:
        page.goto(address)
        for fold in page.locator("details").all():
            fold.evaluate("fold => { fold.open = true }")
        assert barriers(page) == [], address
        assert fits(page), address

    look(order)
    look(f"{order}/items/1/change")
    look(f"{order}/items/1/change?colour=navy&drive=belt")
    begin(factory, "wheel_rear")
    look(f"{order}/items/1/change?drive=belt&gears=hub_8")
    look(order)
