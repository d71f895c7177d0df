"""Every script is welcome: byte for byte through order, database, API and page, through the form and the API."""

from __future__ import annotations

import html
import re
import unicodedata
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlmodel import select

from configurator import db
from configurator.sales.configurations import Configuration
from configurator.sales.models import SalesOrder, SalesOrderItem
from configurator.sales.parties import Party

Who = Callable[[str], FlaskClient]

WORDS = {
    "Chinese": "李雷与韩梅梅",
    "Chinese outside the basic plane": "𠮷野家𪚥",
    "emoji": "🚲 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽",
    "Arabic": "محمد بن عبد الله",
    "Hebrew with points": "שָׁלוֹם עֲלֵיכֶם",
    "left and right mixed": "Ali علي 42 (دراجة)",
    "composed": unicodedata.normalize("NFC", "Zoë Ångström Đặng"),
    "decomposed": unicodedata.normalize("NFD", "Zoë Ångström Đặng"),
    "Hangul composed": unicodedata.normalize("NFC", "홍길동"),
    "Hangul decomposed": unicodedata.normalize("NFD", "홍길동"),
    "Thai": "สวัสดีครับ ก็ดี",
    "Devanagari": "नमस्ते क्षत्रिय",
    "compatibility forms": "ﬁ Ⅷ ㎏ ｆｕｌｌ ①",
    "joiners and marks": "می‌خواهم a\u0301\u0323",
    "quotes and brackets": "O’Brien & „Söhne“ <GmbH> \\ % _",
}
assert WORDS["composed"] != WORDS["decomposed"]


def _engraving(word: str) -> str:
    return word[:24]


def _by_api(app: APIFlask, word: str) -> str:
    """An order of the API; its token."""
    program = FlaskClient(app, app.response_class, use_cookies=False)
    asked = {"country": "CN", "texts": {"engraving": _engraving(word)}}
    promised = program.post("/api/v1/products/bicycle/promise", json=asked).get_json()
    body = {
        "product": "bicycle", "variant": promised["variant"],
        "buyer": {
            "name": word, "mail": "a@example.com", "phone": "", "street": word, "postal_code": "200040", "city": word,
            "country": "CN", "language": "zh",
        },
        "shown": {
            "gross_minor": promised["price"]["gross_minor"], "currency": promised["price"]["currency"],
            "arrives_on": promised["date"]["arrives_on"],
        },
    }
    placed = program.post("/api/v1/orders", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert placed.status_code == 201, placed.text
    return str(placed.get_json()["token"])


def _by_form(app: APIFlask, word: str) -> str:
    """An order through the shop's own pages, as a browser without scripts sends it; its token."""
    visitor = app.test_client()
    typed = visitor.post("/products/bicycle/texts", data={"engraving": _engraving(word)})
    assert typed.status_code == 303, typed.text
    chosen = visitor.post(typed.location.replace("/products/bicycle?", "/products/bicycle/order?"))
    assert chosen.status_code == 303, chosen.text
    page = visitor.get(chosen.location).text
    form: dict[str, Any] = {
        name: html.unescape(re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', page)[1])  # type: ignore[index]
        for name in ("key", "shown_gross", "shown_currency", "shown_date")
    }
    form |= {
        "name": word, "mail": "a@example.com", "phone": "", "street": word, "postal_code": "200040", "city": word,
        "country": "CN",
    }
    placed = visitor.post(chosen.location, data=form)
    assert placed.status_code == 303, placed.text
    return str(placed.location.rpartition("/")[2])


@pytest.mark.parametrize("order", [_by_api, _by_form])
def test_what_was_typed_comes_back_byte_for_byte(
    app: APIFlask, factory: int, login: Any, order: Callable[[APIFlask, str], str]
) -> None:
    sales, visitor = login("sales"), app.test_client()
    for script, word in WORDS.items():
        token = order(app, word)
        with db.reading() as session:
            party, configuration, number = session.exec(
                select(Party, Configuration, SalesOrder.id)
                .join(SalesOrder, SalesOrder.ship_to_id == Party.id)  # type: ignore[arg-type]
                .join(SalesOrderItem, SalesOrderItem.sales_order_id == SalesOrder.id)  # type: ignore[arg-type]
                .join(Configuration, Configuration.id == SalesOrderItem.configuration_id)  # type: ignore[arg-type]
                .where(SalesOrder.token == token)
            ).one()
        assert (party.name.encode(), party.street, party.city) == (word.encode(), word, word), script
        assert configuration.variant is not None
        assert configuration.variant["texts"]["engraving"].encode() == _engraving(word).encode(), script
        read = visitor.get(f"/api/v1/orders/{token}").get_json()
        assert read["buyer"]["name"].encode() == word.encode(), script
        assert read["variant"]["texts"]["engraving"] == _engraving(word), script
        for language in ("zh", "en"):
            page = html.unescape(visitor.get(f"/orders/{token}?lang={language}").data.decode())
            assert _engraving(word) in page, script
            page = html.unescape(sales.get(f"/sales/orders/{number}?lang={language}").data.decode())
            assert word in page and _engraving(word) in page, script
        found = html.unescape(sales.get("/sales/orders", query_string={"q": word}).data.decode())
        assert word in found, script


def test_a_house_that_normalises_would_be_found() -> None:
    """Negative control: the two spellings of the same word are different bytes, so losing one would be seen."""
    changed = {script for script, word in WORDS.items() if unicodedata.normalize("NFC", word) != word}
    assert {"decomposed", "Hangul decomposed"} <= changed
    assert any(unicodedata.normalize("NFKC", word) != word for word in (WORDS["compatibility forms"],))
