"""The pages for few people - login, administration, the catalog, errors - have no barrier either, wide or narrow."""

from __future__ import annotations

import pytest

from tests.configurator.security.audience import AUDIENCE

PAGES = (
    ("/login", ()),
    ("/no/such/page", ()),
    ("/admin/", ("administrator",)),
    ("/admin/users/new", ("administrator",)),
    ("/admin/users/1", ("administrator",)),
    ("/modelling/", ("modeller",)),
)


@pytest.fixture
def database_kind() -> str:
    """Pages look the same from either database."""
    return "sqlite"


@pytest.mark.parametrize(("width", "lang"), [(1280, "zh"), (390, "en")])
def test_the_office_has_no_barrier(house, visit, barriers, width: int, lang: str) -> None:
    found = {}
    for path, roles in PAGES:
        page = visit(path, width=width, lang=lang, roles=roles)
        found[path] = barriers(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    assert found == {path: [] for path, _ in PAGES}


def test_the_pages_exist(app) -> None:
    """The negative control: an address that is no page any more would be a page of errors without a barrier."""
    adapter = app.url_map.bind("localhost")
    for path, _ in PAGES:
        if path != "/no/such/page":
            endpoint, _values = adapter.match(path)
            assert endpoint in AUDIENCE
