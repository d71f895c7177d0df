"""What the security tests share: a house with one of everything, its addresses, fingerprints of every row."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import Rule

from catalog.offer import current_offer
from catalog.rows import utc_now
from configurator import db
from configurator.auth import Role
from configurator.planning.promise import Destination, forecast, zone_of
from configurator.sales.buyers import Buyer
from configurator.sales.configurations import Selection
from configurator.sales.orders import PlacedOrder, Shown, place_order
from configurator.sales.terms import price_for
from configurator.schema import tables
from configurator.storefront.service import standing_completion
from tests.configurator.security.audience import AUDIENCE

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
VISITOR, NOBODY = "visitor", "nobody"  # not logged in; logged in, without any role
PRINCIPALS = (VISITOR, NOBODY, *(role.value for role in Role))


@dataclass(frozen=True)
class Documents:
    """The ids and tokens of what stands in the house."""

    order: PlacedOrder
    other_order: PlacedOrder
    quote_token: str
    ids: dict[str, Any]  # what an address's variable part is filled with

    def address(self, rule: Rule) -> str:
        """An address of this rule that leads to something that is there."""
        values = {name: self._value(rule, name) for name in rule.arguments}
        built = rule.build(values)
        assert built is not None, rule
        if rule.endpoint == "planning.bars":  # the window that the board shows
            today = utc_now().date()
            return f"{built[1]}?start={today}T00:00:00Z&end={today + timedelta(days=1)}T00:00:00Z"
        return str(built[1])

    def _value(self, rule: Rule, name: str) -> Any:
        if name == "token":
            if rule.endpoint in ("address.again", "change.exchange_assurance", "change.cancel"):  # the one that waits
                return self.other_order.token
            if rule.rule.startswith("/quotes/"):
                return self.quote_token
            if rule.rule.startswith("/drafts/"):
                return self.ids["draft_token"]
            if rule.rule.startswith("/api/v1/holds/"):
                return self.ids["cart_token"]
            if rule.endpoint in ("api.analysis", "api.cancel_analysis"):
                return self.ids["analysis_token"]
            return self.ids["configuration_token"] if rule.rule.startswith("/checkout") else self.order.token
        if rule.rule.startswith("/account/open/"):
            return self.ids["account_link"]
        if name == "filename":
            return "css/tokens.css"
        if name == "plant":
            return "wuxi"
        if rule.endpoint == "sales.quote_document":  # a draft has no document
            return self.ids["sent_quote_id"]
        assert name in self.ids, f"{rule.rule}: tell conftest.Documents what {name} is"
        return self.ids[name]


def buyer(name: str, mail: str, *, country: str = "CN", **more: Any) -> Buyer:
    """Somebody who orders."""
    code = {"DE": "10115"}.get(country, "200040")
    place = {"phone": "", "street": f"{name} Road 1", "postal_code": code, "city": "Shanghai", "locale": "en"}
    return Buyer(name=name, mail=mail, country=country, **place | more)


def order_for(
    company_id: int, who: Buyer, key: str, texts: dict[str, str] | None = None, *, not_before: datetime | None = None
) -> PlacedOrder:
    """An order of the standard bicycle, as a page or a program would place it. `not_before`: until then it waits."""
    with db.reading() as session:
        offer = current_offer(session, company_id, "bicycle")
    variant = standing_completion(offer, (), texts or {})
    found = forecast(offer, variant, Destination(who.country, zone_of(who.country)), not_before=not_before)
    price = price_for(offer, variant, who.country)
    return place_order(
        company_id, offer, Selection("bicycle", (), texts or {}), variant, who,
        Shown(price.gross, price.currency, found.arrives_on), scope="test", key=key,
    )


def rules(app: APIFlask) -> list[Rule]:
    """Every rule of the application, in a fixed order."""
    return sorted(app.url_map.iter_rules(), key=lambda rule: (rule.endpoint, rule.rule))


def sent_with(endpoint: str, documents: Documents) -> dict[str, Any]:
    """What a form must say to be looked at at all; the others are looked at empty."""
    return {"plant": documents.ids["plant_id"]} if endpoint == "planning.search" else {}


def as_program(endpoint: str | None, client: FlaskClient) -> dict[str, Any]:
    """How a program asks: in JSON, with its login and password where somebody in particular is meant."""
    return {"json": {}} | ({"auth": getattr(client, "password", None)} if AUDIENCE.get(endpoint or "") else {})


def endpoint_of(app: APIFlask, address: str, method: str) -> str | None:
    """Which endpoint answers this method of an address; None: none does."""
    try:
        return str(app.url_map.bind("localhost").match(address.partition("?")[0], method=method)[0])
    except MethodNotAllowed:
        return None


def fingerprint() -> dict[str, str]:
    """A hash of the rows of every table."""
    found = {}
    with db.reading() as session:
        for table in tables().sorted_tables:
            rows = session.execute(table.select().order_by(*table.primary_key.columns)).all()
            found[table.name] = hashlib.sha256(repr(rows).encode()).hexdigest()
    return found
