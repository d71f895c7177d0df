"""Price and promise as documents keep them: taken from the engines once, read back as they were told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from catalog.content import Text
from catalog.offer import Offer
from catalog.price import Basis, CountryNotServed, Price, PriceItem, TaxReason, quote_cost, quote_price
from configurator.errors import DomainError, InvalidInput
from configurator.planning.holds import HeldUnit
from configurator.planning.promise import Forecast
from configurator.sales.delivery import WayOffer
from configurator.sales.models import DeliveryKind, PriceColumns, QuoteRevision, SalesOrder, SalesOrderItem
from solver.configuration.problem import Variant


class NotTogether(DomainError):
    """Prices in other currencies or at other tax rates have no sum."""

    code, status = "not_together", 409
    words = _l("These products are priced in different currencies or taxed differently. Please order them one by one.")


def sum_of(prices: Sequence[Price]) -> Price:
    """The total of the prices of several units, each rounded by itself; raises NotTogether."""
    if len(prices) == 1:
        return prices[0]
    first = prices[0]
    if any(_kind(price) != _kind(first) for price in prices):
        raise NotTogether
    return replace(
        first, items=tuple(item for price in prices for item in price.items), net=sum(price.net for price in prices),
        tax=sum(price.tax for price in prices), gross=sum(price.gross for price in prices),
    )


def _kind(price: Price) -> tuple[Any, ...]:
    return (price.currency, price.exponent, price.basis, price.rate, price.tax_reason)


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


def delivery_columns(way: WayOffer | None) -> dict[str, Any]:
    """The chosen way of delivery, and its part of the price, as a document's columns."""
    if way is None:
        return {}
    return {
        "delivery_way_id": way.way.id,
        "delivery_kind": way.way.kind.value,
        "delivery_name": {"zh": way.way.name.zh, "en": way.way.name.en},
        "delivery_net_minor": way.price.net,
        "delivery_tax_minor": way.price.tax,
        "delivery_gross_minor": way.price.gross,
    }


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """The way of delivery that was chosen for a document, in its words of then; `code`: what names the way."""

    code: str
    kind: DeliveryKind
    name: Text
    price: Price


def is_collected(delivery: DeliveryView | None) -> bool:
    """The buyer fetches it at the plant."""
    return delivery is not None and delivery.kind is DeliveryKind.PICKUP


def delivery_view(document: SalesOrder | QuoteRevision) -> DeliveryView | None:
    """The way of delivery of an order or a quote; None if no way was chosen."""
    price = delivery_price(document)
    if price is None or document.delivery_kind is None:
        return None
    return DeliveryView(
        f"way-{document.delivery_way_id}", DeliveryKind(document.delivery_kind), Text(**document.delivery_name), price
    )


def delivery_price(document: SalesOrder | QuoteRevision) -> Price | None:
    """What the delivery of an order or a quote costs; None if no way was chosen."""
    if document.delivery_way_id is None:
        return None
    net, tax, gross = document.delivery_net_minor, document.delivery_tax_minor, document.delivery_gross_minor
    item = PriceItem("delivery", Text(**document.delivery_name), net if document.basis == Basis.NET else gross)
    return replace(stored_price(document, ()), items=(item,), net=net, tax=tax, gross=gross)


def margin_columns(offer: Offer, variant: Variant, house_currency: str) -> dict[str, Any]:
    """What a variant costs the company, and the exchange rate for its margin (known where no exchange is needed)."""
    return {"cost_minor": cost_of(offer, variant), "exchange_rate": exchange_rate(offer, house_currency)}


def cost_of(offer: Offer, variant: Variant) -> int:
    """What a variant costs the company, in minor units of the offer's currency."""
    return max(0, quote_cost(offer.prices, offer.problem, variant))


def exchange_rate(offer: Offer, house_currency: str) -> str | None:
    """Units of the company's currency for one of the offer's; None where it is not known."""
    return "1" if offer.prices.currency == house_currency else None


def price_items(price: Price) -> list[dict[str, Any]]:
    """The lines of a price as a document keeps them, with their words of today."""
    return [
        {"id": item.id, "name": {"zh": item.name.zh, "en": item.name.en}, "amount_minor": item.amount_minor}
        for item in price.items
    ]


def promise_columns(held: Forecast | HeldUnit) -> dict[str, Any]:
    """A forecast, or what is held, as a document's promise columns."""
    return {
        "promise_at": held.promise_at,
        "dispatch_at": held.dispatch_at,
        "carrier_code": held.carrier_code,
        "carrier_days": list(held.carrier_days),
        "arrives_on": held.arrives_on,
        "zone": held.zone,
    }


def stored_price(
    document: PriceColumns, items: Sequence[Mapping[str, Any]], part: SalesOrderItem | None = None
) -> Price:
    """The price of a document row, or of a part of it, read back."""
    of = part or document
    return Price(
        items=tuple(PriceItem(item["id"], Text(**item["name"]), item["amount_minor"]) for item in items),
        net=of.net_minor,
        tax=of.tax_minor,
        gross=of.gross_minor,
        rate=document.tax_rate,
        tax_reason=TaxReason(document.tax_reason),
        basis=Basis(document.basis),
        currency=document.currency,
        exponent=document.exponent,
    )
