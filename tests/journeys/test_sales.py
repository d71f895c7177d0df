"""A salesperson's journey: configure, save, send; the customer accepts, and it is an order."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import fits


@pytest.fixture
def database_kind() -> str:
    """The browser does not know the database; the services are tested on both."""
    return "sqlite"


def test_a_quote_from_the_configurator_to_the_order(
    factory: int, visit: Callable[..., Page], barriers: Callable[..., list[str]]
) -> None:
    desk = visit("/sales/", roles=("sales",))
    expect(desk.get_by_role("heading", name="Your quotes will be here")).to_be_visible()
    assert barriers(desk) == []

    desk.goto("/products/bicycle?gears=hub_8&drive=belt&colour=coral")
    desk.get_by_role("link", name="Save as quote").click()
    expect(desk.get_by_role("heading", name="New quote")).to_be_visible()
    assert barriers(desk) == []
    desk.get_by_label("Customer").fill("韩梅梅 (Sunrise Couriers)")
    desk.get_by_label("Email address").fill("han@example.com")
    desk.get_by_role("button", name="Save quote").click()
    expect(desk.get_by_text("Draft", exact=True)).to_be_visible()
    assert barriers(desk) == []
    desk.get_by_role("button", name="Send to the customer").click()
    expect(desk.get_by_text(re.compile(r"Q-\d{4}-0001 is on its way"))).to_be_visible()
    assert barriers(desk) == []
    link = desk.locator("a.token").get_attribute("href")

    phone = visit(link, width=390)
    total = phone.locator(".big-facts dd").first.inner_text()
    assert barriers(phone) == []
    assert fits(phone)
    phone.get_by_role("link", name="Accept and order").click()
    expect(phone.get_by_label("Name", exact=True)).to_have_value("韩梅梅 (Sunrise Couriers)")
    phone.get_by_label("Street and number", exact=True).fill("中山路 1")
    phone.get_by_label("Postal code", exact=True).fill("200000")
    phone.get_by_label("City", exact=True).fill("上海")
    phone.locator("button.primary").click()
    phone.wait_for_url("**/orders/*")
    expect(phone.get_by_text(re.compile(r"SO-\d{4}-0001")).first).to_be_visible()

    desk.reload()
    expect(desk.get_by_text(re.compile("The customer accepted revision 1: order SO-"))).to_be_visible()
    desk.get_by_role("link", name=re.compile("^Open order")).click()
    expect(desk.get_by_role("heading", name=re.compile("^SO-"))).to_be_visible()
    expect(desk.get_by_text(total).first).to_be_visible()
    assert barriers(desk) == []
    desk.goto("/sales/orders")
    expect(desk.get_by_role("link", name=re.compile("^SO-"))).to_have_count(1)
    assert barriers(desk) == []


def test_a_quote_that_was_declined_is_revised_and_the_old_link_says_so(
    factory: int, visit: Callable[..., Page], barriers: Callable[..., list[str]]
) -> None:
    desk = visit("/sales/quotes/new/bicycle?colour=navy", roles=("sales",))
    desk.get_by_label("Customer").fill("Zoë Ünal")
    desk.get_by_label("Email address").fill("zoe@example.com")
    desk.get_by_role("button", name="Save quote").click()
    desk.get_by_role("button", name="Send to the customer").click()
    expect(desk.get_by_text(re.compile("is on its way"))).to_be_visible()
    link = desk.locator("a.token").get_attribute("href")

    customer = visit(link)
    customer.get_by_text("Decline this quote").click()
    customer.get_by_label("What should be different?").fill("Is there a lighter one?")
    assert barriers(customer) == []
    customer.get_by_role("button", name="Decline").click()
    expect(customer.get_by_text("You declined this quote.")).to_be_visible()
    assert barriers(customer) == []

    desk.reload()
    expect(desk.get_by_text("Is there a lighter one?")).to_be_visible()
    desk.get_by_role("button", name="Revise with today's price and date").click()
    expect(desk.get_by_text("2 of 2")).to_be_visible()
    desk.get_by_role("button", name="Send to the customer").click()
    expect(desk.get_by_text(re.compile("is on its way"))).to_be_visible()
    customer.goto(link)
    expect(customer.get_by_text("A newer quote has replaced this one.")).to_be_visible()
    expect(customer.get_by_role("link", name="Accept and order")).to_have_count(0)
