"""Price and promise as documents keep them: taken from the engines once, read back as they were told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext as _

from catalog.content import Text
from catalog.offer import Offer
from catalog.price import Basis, CountryNotServed, Price, PriceItem, TaxReason, quote_cost, quote_price
from configurator.errors import InvalidInput
from configurator.planning.promise import Forecast
from configurator.sales.models import PriceColumns
from solver.configuration.problem import Variant


def price_for(offer: Offer, variant: Variant, country: str) -> Price:
    """The price of a variant for a buyer in `country`; raises InvalidInput for a country that is not served."""
    try:
        return quote_price(offer.prices, offer.problem, variant, country=country)
    except CountryNotServed as error:
        raise InvalidInput(field="country", what=_("We do not deliver to this country yet.")) from error


def price_columns(price: Price) -> dict[str, Any]:
    """A price as a document's columns."""
    return {
        "currency": price.currency,
        "exponent": price.exponent,
        "basis": price.basis.value,
        "net_minor": price.net,
        "tax_rate": price.rate,
        "tax_minor": price.tax,
        "gross_minor": price.gross,
        "tax_reason": price.tax_reason.value,
    }


def margin_columns(offer: Offer, variant: Variant, house_currency: str) -> dict[str, Any]:
    """What a variant costs the company, and the exchange rate for its margin (known where no exchange is needed)."""
    return {
        "cost_minor": max(0, quote_cost(offer.prices, offer.problem, variant)),
        "exchange_rate": "1" if offer.prices.currency == house_currency else None,
    }


def price_items(price: Price) -> list[dict[str, Any]]:
    """The lines of a price as a document keeps them, with their words of today."""
    return [
        {"id": item.id, "name": {"zh": item.name.zh, "en": item.name.en}, "amount_minor": item.amount_minor}
        for item in price.items
    ]


def promise_columns(held: Forecast) -> dict[str, Any]:
    """A forecast as a document's promise columns."""
    return {
        "promise_at": held.promise_at,
        "dispatch_at": held.dispatch_at,
        "carrier_code": held.carrier_code,
        "carrier_days": list(held.carrier_days),
        "arrives_on": held.arrives_on,
        "zone": held.zone,
    }


def stored_price(document: PriceColumns, items: Sequence[Mapping[str, Any]]) -> Price:
    """The price of a document row, read back."""
    return Price(
        items=tuple(PriceItem(item["id"], Text(**item["name"]), item["amount_minor"]) for item in items),
        net=document.net_minor,
        tax=document.tax_minor,
        gross=document.gross_minor,
        rate=document.tax_rate,
        tax_reason=TaxReason(document.tax_reason),
        basis=Basis(document.basis),
        currency=document.currency,
        exponent=document.exponent,
    )
