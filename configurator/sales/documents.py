"""A quote on paper: the same revision gives the same bytes, on every machine and on every day."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import orjson
import segno
import typst
from babel import Locale

from configurator.config import Settings
from configurator.sales.quotes import QuoteView
from configurator.words import LOCALES, Words

SOURCE = Path(__file__).parent / "quote.typ"
FONTS = Path(__file__).parent.parent / "static" / "vendor" / "fonts"
_one_at_a_time = Lock()  # a Typst compiler is not for two threads


def link_to(settings: Settings, path: str) -> str:
    """An address of this house as somebody outside types it."""
    base = settings.public_url or f"http://{settings.host}:{settings.port}"
    return base.rstrip("/") + path


def quote_pdf(view: QuoteView, settings: Settings, language: str) -> bytes:
    """The PDF (PDF/A-2a) of a sent revision in `zh` or `en`.

    Fonts are the house's own, the time in it is the time of sending: nothing of the machine gets in.
    """
    sent_at = view.revision.sent_at
    if sent_at is None:
        raise ValueError("A draft has no PDF.")
    data = orjson.dumps(quote_data(view, settings, language)).decode()
    with _one_at_a_time:
        pdf = _compiler().compile(
            sys_inputs={"data": data}, format="pdf", pdf_standards=["a-2a"], timestamp=_whole_second(sent_at)
        )
    assert isinstance(pdf, bytes)
    return pdf


@lru_cache(maxsize=1)
def _compiler() -> typst.Compiler:
    fonts = typst.Fonts(include_system_fonts=False, font_paths=[str(FONTS)])
    return typst.Compiler(str(SOURCE), root=str(SOURCE.parent), font_paths=fonts)


def _whole_second(instant: datetime) -> int:
    return int(instant.astimezone(UTC).timestamp())


def quote_data(view: QuoteView, settings: Settings, language: str) -> dict[str, Any]:
    """What the document shows, as plain data: every text is data, never source."""
    words = Words(language)
    _ = words.gettext
    revision, price = view.revision, view.revision.price
    link = link_to(settings, f"/quotes/{revision.token}?lang={language}")

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
        "country": country_name(view.customer.country, language),
        "date": words.day(revision.sent_at, view.house_zone),
        "revision": str(revision.number),
        "valid_until": until,
        "arrives_on": words.day(revision.arrives_on),
        "product": words.text(revision.product.name),
        "choices": [
            {"question": choice.question_in(language), "answer": choice.answer_in(language)}
            for choice in revision.choices
        ],
        "price": {
            "items": [{"name": words.text(item.name), "amount": money(item.amount_minor)} for item in price.items],
            "net": money(price.net),
            "tax": money(price.tax),
            "gross": money(price.gross),
        },
        "link": link,
        "qr": qr_svg(link),
        "words": {
            "kind": _("Quote"),
            "for_whom": _("For"),
            "date": _("Date"),
            "revision": _("Revision"),
            "valid_until": _("Valid until"),
            "ships_to": _("Delivery to"),
            "arrives": _("Delivered on"),
            "total": _("Total with tax"),
            "price": _("Price"),
            "item": _("Item"),
            "amount": _("Amount before tax") if price.basis == "net" else _("Amount with tax"),
            "net": _("Net"),
            "tax": _("Tax %(rate)s %%", rate=price.rate),
            "link_says": _("Look at it and accept it online"),
            "terms": _(
                "The price holds until %(day)s. The delivery date is today's; when you accept, the factory checks it "
                "again and you confirm it.", day=until,
            ),
        },
    }


def country_name(country: str, language: str) -> str:
    """A country in words."""
    return str(Locale.parse(LOCALES[language]).territories.get(country, country))


def qr_svg(text: str) -> str:
    """A QR code as an SVG picture."""
    buffer = io.BytesIO()
    segno.make(text, error="m", micro=False).save(buffer, kind="svg", border=2, dark="#11181d", xmldecl=False)
    return buffer.getvalue().decode()
