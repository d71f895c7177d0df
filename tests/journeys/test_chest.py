"""A product whose questions come and go: drawers that are added and taken away, a colour number only where needed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import fits

pytestmark = [pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True), pytest.mark.usefixtures("chest")]
Visit = Callable[..., Page]
Barriers = Callable[..., list[str]]


@pytest.mark.parametrize("scripts", [True, False])
def test_drawers_come_and_go_with_their_number(visit: Visit, scripts: bool) -> None:
    page = visit("/products/chest", scripts=scripts)
    expect(page.get_by_role("heading", name="Drawer 2")).to_be_visible()
    expect(page.get_by_role("heading", name="Drawer 3")).to_have_count(0)
    page.click("#o-drawer_2_front-framed")
    expect(page.locator("#o-drawer_2_front-framed")).to_have_class(re.compile("chosen"))
    page.click("#o-drawer_2_knob-steel")
    expect(page.locator("#o-drawer_2_knob-steel")).to_have_class(re.compile("chosen"))
    page.fill("#i-drawers", "1")
    page.click("#f-drawers button")
    expect(page.get_by_role("heading", name="Drawer 2")).to_have_count(0)
    expect(page.locator(".note.warning")).to_contain_text("Drawer 2: Knob: Steel")
    page.click("#undo")
    expect(page.locator("#o-drawer_2_knob-steel")).to_have_class(re.compile("chosen"))


def test_a_colour_number_is_asked_only_for_a_special_colour(visit: Visit) -> None:
    page = visit("/products/chest")
    expect(page.locator("#i-ral")).to_have_count(0)
    page.click("#o-finish-special")
    page.fill("#i-ral", "5010")
    page.click("#f-ral button")
    expect(page.locator("#q-ral .answer")).to_have_text("5,010 RAL")
    page.click("#o-finish-plain")
    expect(page.locator("#i-ral")).to_have_count(0)
    expect(page.locator(".note.warning")).to_contain_text("Colour number: 5,010 RAL")


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_of_drawers_has_no_barriers(visit: Visit, barriers: Barriers, width: int, lang: str) -> None:
    page = visit("/products/chest?finish=special&drawers=3", width=width, lang=lang)
    assert fits(page)
    assert barriers(page) == []
