"""Wardrobe and pump station in a browser: drawn as they are chosen, found by need, compared - by everybody."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.test_buyer import bar_fits, settled

pytestmark = [
    pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("wardrobe", "pump_station"),
]
Visit = Callable[..., Page]
Barriers = Callable[..., list[str]]


def test_all_families_are_on_the_front_page(visit: Visit, barriers: Barriers) -> None:
    page = visit("/")
    for name in ("Commuter bicycle", "Fitted wardrobe", "Booster pump station"):
        expect(page.get_by_role("link", name=name)).to_be_visible()
    expect(page.locator("svg.drawing")).to_have_count(3)
    assert barriers(page) == []


@pytest.mark.parametrize("scripts", [True, False])
def test_the_wardrobe_is_drawn_as_it_is_chosen(visit: Visit, scripts: bool) -> None:
    page = visit("/products/wardrobe", scripts=scripts)
    expect(page.locator("svg.drawing")).to_contain_text("2,400 mm")
    page.fill("#i-niche_width", "1910")
    page.click("#f-niche_width button")
    expect(page.locator("svg.drawing")).to_contain_text("1,910 mm")
    expect(page.locator("#q-niche_width .answer")).to_contain_text("1,910 mm")
    before = page.locator("svg.drawing").inner_html()
    page.click("#o-doors-sliding")
    expect(page.locator("#o-doors-sliding")).to_have_class(re.compile("chosen"))
    settled(page)
    assert page.locator("svg.drawing").inner_html() != before


def test_a_no_of_the_wardrobe_is_said_and_repaired(visit: Visit) -> None:
    page = visit("/products/wardrobe?closing=standard&doors=hinged")
    page.click("#o-module_1_front-mirror")
    expect(page.locator("#refusal")).to_contain_text("Mirrors need soft-close.")
    page.click("#repair-1")
    expect(page.locator("#o-module_1_front-mirror")).to_have_class(re.compile("chosen"))
    expect(page.locator("#refusal")).to_have_count(0)


def test_a_pump_station_is_found_by_need_and_configured_further(visit: Visit) -> None:
    page = visit("/products/pump_station/start", scripts=False)
    page.fill("#n-flow", "60")
    page.fill("#n-head", "70")
    page.select_option("#n-standby", "one")
    page.select_option("#n-need-watch", "remote")
    page.get_by_role("button", name="Show configurations").click()
    expect(page.get_by_role("table")).to_contain_text("60 m³/h")
    page.get_by_role("link", name="Go on with this").first.click()
    expect(page.locator("#o-plan-remote")).to_have_class(re.compile("chosen"))
    expect(page.locator("#q-flow .answer")).to_contain_text("60 m³/h")


@pytest.mark.parametrize(("width", "lang"), [
    (1280, "en"), (390, "zh"),
    pytest.param(1280, "zh", marks=pytest.mark.slow), pytest.param(390, "en", marks=pytest.mark.slow),
])
def test_no_page_of_theirs_has_a_barrier(visit: Visit, barriers: Barriers, width: int, lang: str) -> None:
    page = visit("about:blank", width=width, lang=lang)
    for path in (
        "/products/wardrobe?niche_width=2750",
        "/products/pump_station?flow=60&drive=one&plan=remote",
        "/products/bicycle/start?find-start=1&need-purpose=child",
        "/products/wardrobe/start",
        "/products/bicycle/compare?colour=navy&compare-with=colour:sun;drive:belt",
        "/products/bicycle/compare",
    ):
        page.goto(path)
        settled(page)
        assert barriers(page) == [], path
        assert bar_fits(page), path
