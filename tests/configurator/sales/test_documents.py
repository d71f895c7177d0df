"""A quote on paper: the same bytes every time, every script as it was typed, nothing typed ever read as markup."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pypdfium2 import PdfDocument
from sqlmodel import select

from catalog.rows import Company
from configurator import db
from configurator.sales import documents, orders, payment_terms, quotes
from configurator.sales.changes import cancel_order
from configurator.sales.configurations import Selection
from configurator.sales.quotes import Customer
from configurator.words import Words
from tests.configurator.sales.test_carts import Visitor

INJECTIONS = (
    '#panic("read as code")',
    '"); #panic("read as code")',
    "#{panic()}",
    '#read("/etc/passwd")',
    '$ sum_(i=1)^n $ *bold* _it_ `raw` = head @ref <label> \\ "',
    '{"data": 1}, \\u0000',
)
SCRIPTS = ("李雷与韩梅梅", "שלום עולם", "مرحبا", "Привет", "Ελλάδα", "日本語ひらがな", "Zoë Ünïcøde", "🚲 ❤️")


@pytest.fixture
def database_kind() -> str:
    """Paper looks the same from either database."""
    return "sqlite"


@pytest.fixture
def sent(shop, seller):
    """`sent(name, engraving)`: a sent quote for this name with this engraving."""

    def make(name: str = "韩梅梅", engraving: str = "致梅梅 🚲") -> quotes.QuoteView:
        quote_id = quotes.save_quote(
            shop.company_id, shop.offer, Selection("bicycle"), shop.variant(engraving=engraving),
            Customer(name, "han@example.com", "CN", "zh"), by=seller,
        )
        quotes.send_quote(shop.company_id, quote_id, by=seller)
        return quotes.quote_by_id(shop.company_id, quote_id)

    return make


def text_of(pdf: bytes) -> str:
    """The words of a PDF as a reader copies them out of it."""
    return "\n".join(page.get_textpage().get_text_range() for page in PdfDocument(pdf))


def test_the_same_revision_gives_the_same_bytes_in_every_process(sent, settings) -> None:
    view = sent()
    first = documents.quote_pdf(view, settings, "zh")
    documents._compiler.cache_clear()
    assert documents.quote_pdf(quotes.revision_by_id(view.revision.id), settings, "zh") == first
    assert documents.quote_pdf(view, settings, "en") != first
    assert first.startswith(b"%PDF-1.7")


def test_the_document_says_what_the_quote_says(sent, settings) -> None:
    view = sent()
    english = text_of(documents.quote_pdf(view, settings, "en"))
    for words in (view.number, "韩梅梅", "Commuter bicycle", "Test House", "Sky blue", "Engraving", "致梅梅",
                  f"/quotes/{view.revision.token}", "Valid until"):
        assert words in english
    assert f"{view.revision.price.gross / 100:,.2f}" in english
    chinese = text_of(documents.quote_pdf(view, settings, "zh"))
    assert "通勤自行车" in chinese and "天空蓝" in chinese


def test_every_script_comes_out_as_it_was_typed(sent, settings) -> None:
    pdf_words = {}
    for script in SCRIPTS:
        view = sent(name=script, engraving=script)
        data = documents.quote_data(view, settings, "en")
        assert data["customer"] == script
        assert {c["question"]: c["answer"] for c in data["choices"]}["Engraving"] == script
        pdf_words[script] = "".join(text_of(documents.quote_pdf(view, settings, "en")).split())
    for script, found in pdf_words.items():
        if script in ("שלום עולם", "مرحبا"):
            continue  # a PDF keeps right-to-left words in visual order; see below
        assert "".join(script.split()) in found, script


def test_right_to_left_letters_are_all_in_the_document(sent, settings) -> None:
    for script in ("שלום", "مرحبا"):
        found = text_of(documents.quote_pdf(sent(name=script, engraving=""), settings, "en"))
        assert set(script) <= set(found), script


def test_what_is_typed_is_never_read_as_markup(sent, settings) -> None:
    for attack in INJECTIONS:
        view = sent(name=attack, engraving=attack[:24])
        found = text_of(documents.quote_pdf(view, settings, "en"))
        assert "".join(attack.split()) in "".join(found.split()), attack
        assert "root:" not in found


def test_read_as_markup_the_attack_would_succeed(tmp_path) -> None:
    """The negative control of the test above: the same attack, pasted into the source instead of passed as data."""
    import typst

    source = tmp_path / "pasted.typ"
    source.write_text(f"Quote for {INJECTIONS[0]}")
    with pytest.raises(typst.TypstError, match="read as code"):
        typst.compile(str(source))


def test_a_long_list_of_choices_goes_on_to_the_next_page(sent, settings) -> None:
    view = sent()
    many = replace(view, revision=replace(view.revision, price=replace(
        view.revision.price, items=view.revision.price.items * 8)))
    assert "3/3" in "".join(text_of(documents.quote_pdf(many, settings, "en")).split())


def test_a_draft_has_no_document(shop, seller, settings) -> None:
    quote_id = quotes.save_quote(
        shop.company_id, shop.offer, Selection("bicycle"), shop.variant(),
        Customer("韩梅梅", "han@example.com", "CN", "zh"), by=seller,
    )
    with pytest.raises(ValueError, match="draft"):
        documents.quote_pdf(quotes.quote_by_id(shop.company_id, quote_id), settings, "en")


def test_links_start_with_the_public_address(settings) -> None:
    assert documents.link_to(settings, "/x") == f"http://localhost:{settings.port}/x"
    assert documents.link_to(replace(settings, public_url="https://shop.example.com/"), "/x") == "https://shop.example.com/x"


@pytest.fixture
def ordered(shop):
    """`ordered(name, engraving)`: two bicycles with this engraving and one in another colour, ordered from a cart."""

    def make(name: str = "韩梅梅", engraving: str = "致梅梅 🚲") -> orders.OrderView:
        visitor = Visitor(shop)
        visitor.quantity(visitor.add(engraving=engraving), 2)
        visitor.add(colour="sun")
        return orders.order_by_token(shop.company_id, visitor.order(name=name).token)

    return make


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_confirmation_says_what_the_order_says(ordered, settings, language) -> None:
    payment_terms.configure(replace(settings, deposit_from=1000, bank_account="Test House · Test Bank · DE00 1234"))
    view = ordered()
    pdf = documents.order_pdf(view, settings, language)
    assert documents.order_pdf(orders.order_by_id(view_company(), view.id), settings, language) == pdf
    said = " ".join(text_of(pdf).split())
    words = Words(language)
    money = lambda minor: words.money(minor, "CNY", 2)  # noqa: E731
    amounts = (view.price.gross, view.price.net, view.price.tax, view.deposit.amount_minor)
    terms = documents.payment_words(view, words)
    assert "30" in terms
    assert "".join(terms.split()) in "".join(said.split())  # a Chinese line ends anywhere
    for part in (view.number, "韩梅梅", "致梅梅", "DE00 1234", *map(money, amounts)):
        assert part.replace("¥", "") in said.replace("¥", "")
    assert said.count(f"2 × {words.text(view.product.name)}") == 2  # above its choices and in the price
    assert words.gettext(documents.WITHDRAWAL)[:12] in said
    assert f"/orders/{view.token}" in said


def test_a_cancelled_order_has_a_document_that_says_so_and_asks_for_no_money(ordered, settings) -> None:
    payment_terms.configure(replace(settings, deposit_from=1000, bank_account="Test House · Test Bank · DE00 1234"))
    view = ordered()
    said = [text_of(documents.order_pdf(view, settings, "en"))]
    cancel_order(view_company(), view.token)
    said.append(text_of(documents.order_pdf(orders.order_by_id(view_company(), view.id), settings, "en")))
    assert [("DE00 1234" in one, "Cancelled" in one) for one in said] == [(True, False), (False, True)]


@pytest.mark.parametrize("typed", INJECTIONS[:3])
def test_nothing_in_an_address_is_read_as_markup(ordered, settings, typed) -> None:
    assert typed.split('"')[0] in " ".join(text_of(documents.order_pdf(ordered(name=typed), settings, "en")).split())


def view_company() -> int:
    with db.reading() as session:
        return session.exec(select(Company.id)).one()
