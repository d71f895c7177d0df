"""Who sends this request: an account, or a browser with our cookie."""

from __future__ import annotations

from datetime import timedelta

from flask_login import current_user
from werkzeug.wrappers import Response

from configurator.app import keep_secret, kept_secret
from configurator.auth import Role, actor_id
from configurator.sales.visitors import Visitor

COOKIE = "configurator_visitor"
CART = "configurator_cart"
ORDERED = "configurator_ordered"  # what the last cart became
ORDERED_FOR = timedelta(hours=2)  # in which another window may still show that cart
KEPT_FOR = timedelta(days=180)  # the cookie, in the browser
STAFF = (Role.SALES, Role.PLANNER, Role.OPERATOR, Role.ADMINISTRATOR)


def visitor() -> Visitor:
    """Whoever sends this request."""
    return Visitor(actor_id(), kept_secret(COOKIE), current_user.may(*STAFF))


def cart_token() -> str:
    """The token of this browser's cart; "" if it has none."""
    return kept_secret(CART)


def remember(response: Response, holder: str) -> None:
    """Have the browser keep what names it; "" changes nothing."""
    if holder:
        keep_secret(response, COOKIE, holder, KEPT_FOR)
