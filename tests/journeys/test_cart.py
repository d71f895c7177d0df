"""The cart in a browser: with a held date that counts down, changed in place, ordered; by keyboard, without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from configurator import db
from configurator.config import Settings
from configurator.planning.holds import sweep
from configurator.planning.models import Hold
from configurator.planning.options import configure
from configurator.sales.models import Cart, SalesOrderItem
from tests.journeys.conftest import fits
from tests.journeys.test_buyer import bar_fits, fill_address

pytestmark = [
    pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("factory"),
]
Visit = Callable[..., Page]
Barriers = Callable[..., list[str]]


@pytest.mark.parametrize("scripts", [True, False])
def test_two_items_are_put_in_changed_and_ordered(visit: Visit, scripts: bool) -> None:
    page = visit("/products/bicycle?colour=sky&ship-to=CN", scripts=scripts)
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("heading", name="Cart")).to_be_visible()
    expect(page.locator(".cart-hold")).to_contain_text("held until")
    if scripts:
        expect(page.locator(".held-left")).to_have_text(re.compile(r"^\d\d:\d\d left$"))
    page.get_by_label("Quantity").fill("2")
    page.get_by_role("button", name="Apply").first.click()
    expect(page.locator(".count")).to_have_text("2")

    page.get_by_role("link", name=re.compile("^Change")).click()
    page.click("#o-colour-coral")
    expect(page.locator("#o-colour-coral")).to_have_class(re.compile("chosen"))
    page.get_by_role("button", name="Update cart").click()
    expect(page.locator(".cart-item")).to_have_count(1)
    expect(page.get_by_label("Quantity")).to_have_value("2")

    page.get_by_role("link", name="To checkout").click()
    fill_address(page)
    page.select_option("#country", "CN")
    page.get_by_role("button", name="Buy now").click()
    expect(page.get_by_role("heading", name=re.compile("Your order SO-"))).to_be_visible()
    expect(page.locator("body")).to_contain_text("2 × Commuter bicycle")
    with db.reading() as session:
        assert len(session.exec(select(SalesOrderItem)).all()) == 2


def test_a_hold_that_ends_while_one_looks_is_told_by_itself(visit: Visit) -> None:
    page = visit("/products/bicycle?ship-to=CN")
    page.clock.install()
    page.get_by_role("button", name="Add to cart").click()
    expect(page.locator(".held-left")).to_contain_text("left")
    with db.writing() as session:
        until = session.exec(select(Hold)).one().expires_at
        for cart in session.exec(select(Cart)).all():
            cart.held_until = cart.created_at
    sweep(now=until)
    page.clock.fast_forward("31:00")
    expect(page.locator(".cart-hold")).to_contain_text("The time for which we held your dates is over.")
    page.get_by_role("button", name="Hold these dates").click()
    expect(page.locator(".cart-hold")).to_contain_text("These dates are yours for now")


def test_what_is_left_is_said_aloud(visit: Visit) -> None:
    configure(Settings(hold_minutes=4))
    page = visit("/products/bicycle?ship-to=CN")
    page.clock.install()
    page.get_by_role("button", name="Add to cart").click()
    expect(page.locator("#live")).to_have_text(re.compile(r"held for [45] more minutes"))
    page.goto("/cart/checkout")
    page.fill("#name", "Dora")
    page.clock.fast_forward("06:00")
    expect(page.locator("#live")).to_contain_text("is over. You can still order")
    expect(page.locator(".page-head")).not_to_contain_text("held until")
    expect(page.locator("#name")).to_have_value("Dora")


@pytest.mark.parametrize(("width", "lang"), [(1280, "en"), (390, "zh")])
def test_no_page_of_the_cart_has_a_barrier(visit: Visit, barriers: Barriers, width: int, lang: str) -> None:
    page = visit("/cart", width=width, lang=lang)
    assert barriers(page) == []
    page.goto("/products/bicycle?colour=sky&ship-to=CN")
    page.click("#to-cart")
    page.wait_for_url("**/cart")
    assert barriers(page) == []
    assert fits(page)
    page.locator(".cart-deeds a").click()
    expect(page.locator("#back-to-cart")).to_be_visible()
    assert bar_fits(page)
    assert barriers(page) == []
    page.click("#back-to-cart")
    page.locator("input[name=quantity][type=number]").fill("99")
    page.locator(".cart-quantity button").click()
    expect(page.locator(".cart-quantity .error")).to_be_visible()
    assert barriers(page) == []
    page.goto("/cart/checkout")
    assert barriers(page) == []
    assert fits(page)
    page.click("#buy")
    expect(page.locator(".error").first).to_be_visible()
    assert barriers(page) == []
