"""Quotes and orders on paper: the same document gives the same bytes, on every machine and on every day."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlencode

import orjson
import segno
import typst
from flask_babel import gettext

from catalog.price import Price
from catalog.problems import N_
from configurator.config import Settings
from configurator.sales.buyers import Invoicing
from configurator.sales.choices import ReadableChoice
from configurator.sales.models import DepositState, OrderState
from configurator.sales.orders import OrderView
from configurator.sales.quotes import QuoteView
from configurator.sales.terms import DeliveryView, is_collected
from configurator.words import Words, country_name

FOLDER = Path(__file__).parent
FONTS = Path(__file__).parent.parent / "static" / "vendor" / "fonts"
WITHDRAWAL = N_(
    "It is made to your choices. So there is no right to send it back because you changed your mind; if it is faulty, "
    "your rights remain."
)
_one_at_a_time = Lock()  # a Typst compiler is not for two threads


def link_to(settings: Settings, path: str) -> str:
    """An address of this house as somebody outside types it."""
    return settings.address + path


def quote_link(view: QuoteView, settings: Settings, language: str, proof: str = "") -> str:
    """The address of a sent revision's page. `proof`: what only the link in its mail says, see `address_checks`."""
    query = {"lang": language, "proof": proof} if proof else {"lang": language}
    return link_to(settings, f"/quotes/{view.revision.token}?{urlencode(query)}")


def quote_pdf(view: QuoteView, settings: Settings, language: str, proof: str = "") -> bytes:
    """The PDF (PDF/A-2a) of a sent revision in `zh` or `en`; its link to the page says the `proof`.

    Fonts are the house's own, the time in it is the time of sending: nothing of the machine gets in.
    """
    sent_at = view.revision.sent_at
    if sent_at is None:
        raise ValueError("A draft has no PDF.")
    return _printed("quote", quote_data(view, settings, language, proof), sent_at)


def order_pdf(view: OrderView, settings: Settings, language: str) -> bytes:
    """The PDF (PDF/A-2a) that confirms an order, in `zh` or `en`; the time in it is the time of ordering."""
    return _printed("order", order_data(view, settings, language), view.placed_at)


def _printed(name: str, data: Mapping[str, Any], at: datetime) -> bytes:
    with _one_at_a_time:
        pdf = _compiler(name).compile(
            sys_inputs={"data": orjson.dumps(data).decode()}, format="pdf", pdf_standards=["a-2a"],
            timestamp=_whole_second(at),
        )
    assert isinstance(pdf, bytes)
    return pdf


@lru_cache(maxsize=2)
def _compiler(name: str) -> typst.Compiler:
    fonts = typst.Fonts(include_system_fonts=False, font_paths=[str(FONTS)])
    return typst.Compiler(str(FOLDER / f"{name}.typ"), root=str(FOLDER), font_paths=fonts)


def _whole_second(instant: datetime) -> int:
    return int(instant.astimezone(UTC).timestamp())


def quote_data(view: QuoteView, settings: Settings, language: str, proof: str = "") -> dict[str, Any]:
    """What the document shows, as plain data: every text is data, never source."""
    words = Words(language)
    _ = words.gettext
    revision, price = view.revision, view.revision.price
    link = quote_link(view, settings, language, proof)

    def money(minor: int) -> str:
        return words.money(minor, price.currency, price.exponent)

    assert revision.sent_at is not None and revision.valid_until is not None
    until = words.day(revision.valid_until, view.house_zone)
    return {
        "language": language,
        "region": "CN" if language == "zh" else "GB",
        "title": _("Quote %(number)s", number=view.number),
        "house": view.house,
        "customer": view.customer.name,
        "mail": view.customer.mail,
        "invoice": _invoice(view.customer.invoice, words),
        "country": country_name(view.customer.country, language),
        "date": words.day(revision.sent_at, view.house_zone),
        "revision": str(revision.number),
        "valid_until": until,
        "arrives_on": words.day(revision.arrives_on),
        "delivery": _rows([(_("Way of delivery"), words.text(revision.delivery.name))] if revision.delivery else []),
        "product": words.text(revision.product.name),
        "choices": _choices(revision.choices, language),
        "price": {
            "items": [{"name": words.text(item.name), "amount": money(item.amount_minor)} for item in price.items],
            "net": money(price.net),
            "tax": money(price.tax),
            "gross": money(price.gross),
        },
        "link": link,
        "link_shown": quote_link(view, settings, language),  # short enough to be typed
        "qr": qr_svg(link),
        "words": {
            "kind": _("Quote"),
            "for_whom": _("For"),
            "date": _("Date"),
            "revision": _("Revision"),
            "valid_until": _("Valid until"),
            "ships_to": _("Delivery to"),
            "invoice_to": _("Invoice to"),
            **_price_words(price, words),
            **_arrival_words(revision.delivery, words),
            "link_says": _("Look at it and accept it online"),
            "terms": _(
                "The price holds until %(day)s. The delivery date is today's; when you accept, the factory checks it "
                "again and you confirm it.", day=until,
            ),
        },
    }


def _price_words(price: Price, words: Words) -> dict[str, str]:
    """The words around the date and the price of every document."""
    _ = words.gettext
    return {
        "arrives": _("Delivered on"),
        "total": _("Total with tax"),
        "price": _("Price"),
        "item": _("Item"),
        "amount": _("Amount before tax") if price.basis == "net" else _("Amount with tax"),
        "net": _("Net"),
        "tax": _("Tax %(rate)s %%", rate=price.rate),
    }


def _arrival_words(delivery: DeliveryView | None, words: Words) -> dict[str, str]:
    """The word before the date of what its buyer fetches at the plant, in place of the usual one."""
    return {"arrives": words.gettext("Ready for you on")} if is_collected(delivery) else {}


def _invoice(invoice: Invoicing, words: Words) -> dict[str, Any]:
    """Whom the invoice names, and the numbers on it; nothing where it is as delivered."""
    _ = words.gettext
    return {
        "lines": [*invoice.lines, *([country_name(invoice.country, words.language)] if invoice.country else [])],
        "facts": _rows(
            (label, value) for label, value in (
                (_("Tax number"), invoice.tax_number), (_("Purchase order number"), invoice.purchase_order),
            ) if value
        ),
    }


def _choices(choices: Iterable[ReadableChoice], language: str) -> list[dict[str, str]]:
    return [
        {"question": choice.question_in(language), "answer": choice.answer_in(language)} for choice in choices
    ]


def order_data(view: OrderView, settings: Settings, language: str) -> dict[str, Any]:
    """What the confirmation shows, as plain data: every text is data, never source."""
    words = Words(language)
    _ = words.gettext
    price = view.price
    link = link_to(settings, f"/orders/{view.token}?lang={language}")

    def money(minor: int) -> str:
        return words.money(minor, price.currency, price.exponent)

    facts = [(_("Order"), view.number), (_("Date"), words.day(view.placed_at, view.house_zone))]
    if view.quote_number:
        facts.append((_("Quote"), view.quote_number))
    if view.terms_version:
        facts.append((_("Terms accepted"), view.terms_version))
    if view.payment:
        facts.append((_("Terms of payment"), payment_words(view, words)))
    if view.delivery:
        facts.append((_("Way of delivery"), words.text(view.delivery.name)))
    for plant, where in view.fetched_at:
        facts.append((_("To be fetched at"), ", ".join(words.text(one) for one in (plant, where) if one)))
    if len(view.days) > 1:
        facts.append((_("Delivered in parts"), ", ".join(words.day(day) for day in view.days)))
    if view.state == OrderState.AWAITING_ADDRESS and view.address:
        facts.append((_("Waits for your confirmed address until"), words.moment(view.address.due_at, view.zone)))
    if view.state == OrderState.CANCELLED:
        facts.append((_("State"), _("Cancelled")))
    several = len(view.units) > 1
    return {
        "language": language,
        "region": "CN" if language == "zh" else "GB",
        "title": _("Order %(number)s", number=view.number),
        "house": view.house,
        "address": [
            line for line in (
                view.buyer.name, *view.buyer.lines, country_name(view.buyer.country, language),
            ) if line
        ],
        "invoice": _invoice(view.buyer.billed if view.buyer.invoice else view.buyer.invoice, words),
        "facts": _rows(facts),
        "deposit": _rows(_deposit_facts(view, words)),
        "arrives_on": words.day(view.arrives_on),
        "groups": [
            {
                "name": f"{alike} × {words.text(unit.product.name)}" if alike > 1 else words.text(unit.product.name),
                "choices": _choices(unit.choices, language),
            }
            for unit, alike in view.groups
        ],
        "price": {
            "items": [
                {"name": f"{alike} × {words.text(unit.product.name)}", "amount": money(alike * _basis(unit.price))}
                for unit, alike in view.groups
            ] + ([
                {"name": words.text(item.name), "amount": money(item.amount_minor)}
                for item in view.delivery.price.items
            ] if view.delivery else []) if several else [
                {"name": words.text(item.name), "amount": money(item.amount_minor)} for item in price.items
            ],
            "net": money(price.net),
            "tax": money(price.tax),
            "gross": money(price.gross),
        },
        "link": link,
        "link_shown": link,
        "qr": qr_svg(link),
        "words": {
            "kind": _("Order confirmation"),
            "ships_to": _("Customer") if is_collected(view.delivery) else _("Delivery to"),
            "invoice_to": _("Invoice to"),
            "deposit": _("Deposit"),
            **_price_words(price, words),
            **_arrival_words(view.delivery, words),
            "link_says": _("See how far it is"),
            "terms": _(WITHDRAWAL),
        },
    }


def payment_words(view: OrderView, words: Words | None = None) -> str:
    """The terms of payment that an order was placed under, in a sentence; "" for orders from before these were kept.

    `words`: of a language; else that of the request.
    """
    _ = words.gettext if words is not None else gettext
    if view.payment is None:
        return ""
    number, percent, days = view.payment.number, view.payment.percent, view.payment.days
    if view.deposit is None:
        return _("On invoice, no deposit (version %(number)s)", number=number)
    if "transfer" not in view.payment.providers:
        return _(
            "%(percent)s %% as a deposit, paid online; the rest on invoice (version %(number)s)",
            percent=percent, number=number,
        )
    return _(
        "%(percent)s %% as a deposit within %(days)s days; the rest on invoice (version %(number)s)",
        percent=percent, days=days, number=number,
    )


def _basis(price: Price) -> int:
    """What the items of a price come to: before tax or with it, as its list says."""
    return price.net if price.basis == "net" else price.gross


def _rows(facts: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"label": label, "value": value} for label, value in facts]


def _deposit_facts(view: OrderView, words: Words) -> list[tuple[str, str]]:
    deposit = view.deposit
    if deposit is None or deposit.state == DepositState.LAPSED:
        return []
    _ = words.gettext
    found = [
        (_("Amount"), words.money(deposit.amount_minor, view.price.currency, view.price.exponent)),
        (_("Payable by"), words.moment(deposit.due_at, view.zone)),
        (_("Reference"), deposit.reference),
    ]
    if deposit.payee:
        found.append((_("Transfer to"), " · ".join(deposit.payee)))
    return found


def qr_svg(text: str) -> str:
    """A QR code as an SVG picture."""
    buffer = io.BytesIO()
    segno.make(text, error="m", micro=False).save(buffer, kind="svg", border=2, dark="#11181d", xmldecl=False)
    return buffer.getvalue().decode()
