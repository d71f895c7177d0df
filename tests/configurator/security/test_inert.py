"""What goes out is inert: 60 payloads in every text field that a stranger or a colleague can fill, on every page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from html.parser import HTMLParser
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from configurator.auth import Role
from configurator.planning.margins import Margins, set_margins
from configurator.sales.buyers import Invoicing
from configurator.sales.quotes import decline_quote
from tests.configurator.security.audience import AUDIENCE
from tests.configurator.security.house import VISITOR, Documents, rules
from tests.configurator.security.payloads import PAIRS, PAYLOADS, write_papers

sqlite_only = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
Who = Callable[[str], FlaskClient]
ADDRESS = ("name", "mail", "phone", "street", "postal_code", "city", "region")
INVOICE = tuple(f"invoice-{one.name}" for one in fields(Invoicing))

LINKS = ("href", "src", "action", "formaction", "data", "xlink:href", "hx-get", "hx-post")


class Outline(HTMLParser):
    """A page's elements with the names of their attributes, its text, and what no page of ours may have."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.values: list[str] = []
        self.text: list[str] = []
        self.forbidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.values += [value or "" for _, value in attrs]
        for name, value in attrs:
            runs = name in LINKS and (value or "").strip().lower().startswith(("javascript:", "data:text"))
            if runs or name.startswith("on") or name == "style":
                self.forbidden.append(f"<{tag} {name}={value!r}>")
        runs = tag == "script" and "src" not in dict(attrs) and dict(attrs).get("type") != "application/json"
        if runs or tag == "style":
            self.forbidden.append(f"<{tag}>")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def outline(page: str) -> Outline:
    """The outline of a page."""
    found = Outline()
    found.feed(page)
    found.close()
    return found


Pages = Iterator[tuple[str, str, list[str]]]  # which, the page, the texts that must be on it


# Which orders made room depends on the factory, not on what was typed: numbers of ours only, checked to be no more.
MADE_ROOM = re.compile(r'<span class="small quiet">To make room, [\w,: -]+(?: …)?</span>')


def _papers(who: Who, company_id: int, first: str, second: str, number: int) -> Pages:
    """An order, and a quote that is declined, with both payloads in every field; the pages that show them."""
    papers = write_papers(company_id, first, second, number)
    yield "tracking", who(VISITOR).get(f"/orders/{papers.order_token}").text, [papers.company, first[:24]]
    page = MADE_ROOM.sub("", who("sales").get(f"/sales/orders/{papers.order_id}").text)
    yield "sales order", page, [papers.name, papers.street, papers.city, papers.company, first[:24]]
    yield "public quote", who(VISITOR).get(f"/quotes/{papers.quote_token}").text, [papers.company, second[:24]]
    decline_quote(company_id, papers.quote_token, papers.comment)
    page = who("sales").get(f"/sales/quotes/{papers.quote_id}").text
    yield "declined quote", page, [papers.name, papers.company, second[:24], papers.comment]
    yield "user", who("administrator").get(f"/admin/users/{papers.user_id}").text, [papers.name]


def _lists(who: Who) -> Pages:
    """The pages that list what everybody has typed."""
    names = [f"{first} N {second}" for first, second in PAIRS]
    yield "sales orders", who("sales").get("/sales/orders").text, names
    yield "quotes", who("sales").get("/sales/").text, names
    yield "users", who("administrator").get("/admin/").text, names


@sqlite_only
def test_payloads_are_shown_and_never_become_part_of_the_page(app: APIFlask, who: Who, factory: int) -> None:
    """Every page has the elements that it has for a harmless name, and shows the payload letter for letter."""
    assert len(set(PAYLOADS)) >= 60
    set_margins(factory, Margins(buffer=60, grace=300, near=60))  # all orders can still be cancelled
    clients = {name: who(name) for name in (VISITOR, "sales", "administrator")}
    kept = clients.__getitem__
    harmless = {which: outline(page) for which, page, _ in _papers(kept, factory, "Harm", "Less", 1)}
    usual = [*harmless.values(), *(outline(page) for _, page, _ in _lists(kept))]
    kinds = {element for found in usual for element in found.elements}
    for number, (first, second) in enumerate(PAIRS, start=2):
        for which, page, texts in _papers(kept, factory, first, second, number):
            found = _inert(which, page, texts, kinds)
            assert found.elements == harmless[which].elements, f"{first} or {second} changed the elements of {which}"
    for which, page, texts in _lists(kept):
        _inert(which, page, texts, kinds)


def _inert(which: str, page: str, texts: list[str], kinds: set[Any]) -> Outline:
    found = outline(page)
    assert not found.forbidden, f"{which}: {found.forbidden}"
    assert set(found.elements) <= kinds, f"{which}: {set(found.elements) - kinds}"
    everything = "\n".join([*found.text, *found.values])
    for text in texts:
        assert text in everything, f"{text!r} is not shown on {which}"
    return found


def test_a_page_that_forgets_to_escape_would_be_found() -> None:
    """Negative control: the same comparison, with the escaping taken away."""
    from jinja2 import Environment

    for payload in ("<svg onload=alert(1)>", '" onmouseover="alert(1)'):
        naked = Environment(autoescape=False).from_string('<p title="{{ name }}">{{ name }}</p>')
        covered = Environment(autoescape=True).from_string('<p title="{{ name }}">{{ name }}</p>')
        assert outline(naked.render(name=payload)).elements != outline(naked.render(name="x")).elements
        assert outline(naked.render(name=payload)).forbidden
        assert outline(covered.render(name=payload)).elements == outline(covered.render(name="x")).elements


@sqlite_only
def test_payloads_in_addresses_and_forms_come_back_inert(app: APIFlask, who: Who, documents: Documents) -> None:
    """What is reflected: searches, unknown options, refused forms, addresses that do not exist, languages."""
    visitor, sales, administrator = who(VISITOR), who("sales"), who("administrator")
    token = documents.ids["configuration_token"]
    for payload in PAYLOADS[::6]:
        typed: dict[str, Any] = dict.fromkeys((*ADDRESS, *INVOICE, "country"), payload)
        answers = [
            visitor.get("/products/bicycle", query_string={"colour": payload, payload: payload, "t": payload}),
            visitor.get("/products/bicycle/choose", query_string={"size": payload, "before": payload}),
            visitor.get("/", query_string={"lang": payload, "ship-to": payload}),
            visitor.post("/products/bicycle/texts", data={"engraving": payload * 30}),
            visitor.post(f"/checkout/{token}", data=typed),
            visitor.get("/no such page", query_string={"x": payload}),
            visitor.get(f"/products/{payload.replace('/', '')}"),
            visitor.get("/login", query_string={"next": payload}),
            visitor.post("/login", data={"login": payload, "password": "x", "next": payload}),
            visitor.post(f"/quotes/{documents.quote_token}/decline", data={"comment": payload * 500}),
            sales.get("/sales/", query_string={"q": payload, "state": payload, "page": payload}),
            sales.get("/sales/orders", query_string={"q": payload}),
            sales.post("/sales/quotes/new/bicycle", data=typed | {"validity_days": payload, "language": payload}),
            administrator.post("/admin/users/new", data=typed | {"login": payload, "roles": payload, "password": "x"}),
        ]
        for answer in answers:
            assert answer.status_code < 500, answer.request.path
            assert outline(answer.text).forbidden == [], answer.request.path
            assert answer.headers.get("Location", "/").startswith("/"), answer.headers["Location"]
            assert "\n" not in answer.headers.get("Location", "")


@sqlite_only
def test_no_page_has_a_script_or_a_style_inside(app: APIFlask, who: Who, documents: Documents) -> None:
    """Nothing of ours needs `unsafe-inline`: the content security policy is never violated by normal use."""
    tried = 0
    for name in (VISITOR, *(role.value for role in Role)):
        client = who(name)
        for rule in rules(app):
            allowed = AUDIENCE[rule.endpoint]
            if "GET" in (rule.methods or ()) and (name in allowed if allowed else name == VISITOR):
                answer = client.get(documents.address(rule))
                if answer.mimetype == "text/html":
                    assert outline(answer.text).forbidden == [], rule.rule
                    tried += answer.status_code == 200
    assert tried > 15
