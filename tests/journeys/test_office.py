"""The pages for few people - login, administration, the catalog, errors - have no barrier either, wide or narrow."""

from __future__ import annotations

from itertools import chain

import pytest

from tests.configurator.security.audience import AUDIENCE
from tests.journeys.conftest import fits

PAGES = {  # by who looks at them
    (): ("/login", "/no/such/page"),
    ("administrator",): ("/admin/", "/admin/users/new", "/admin/users/1"),
    ("modeller",): ("/modelling/",),
}


@pytest.fixture
def database_kind() -> str:
    """Pages look the same from either database."""
    return "sqlite"


@pytest.mark.parametrize(("width", "lang"), [(1280, "zh"), (390, "en")])
def test_the_office_has_no_barrier(house, visit, barriers, width: int, lang: str) -> None:
    found = {}
    for roles, paths in PAGES.items():
        page = visit("about:blank", width=width, lang=lang, roles=roles)
        for path in paths:
            page.goto(path)
            found[path] = barriers(page)
            assert fits(page), path
    assert found == {path: [] for path in chain(*PAGES.values())}


def test_the_pages_exist(app) -> None:
    """The negative control: an address that is no page any more would be a page of errors without a barrier."""
    adapter = app.url_map.bind("localhost")
    for path in chain(*PAGES.values()):
        if path != "/no/such/page":
            endpoint, _values = adapter.match(path)
            assert endpoint in AUDIENCE
