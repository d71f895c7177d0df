"""What was ordered most: how often each option is in the newest orders of a product."""

from __future__ import annotations

from collections import Counter
from threading import Lock
from time import monotonic

from sqlmodel import col, select

from configurator import db
from configurator.sales.configurations import Configuration
from configurator.sales.models import SalesOrderItem
from solver.configuration.problem import GroupId, OptionId

NEWEST = 500  # orders that are counted
FRESH = 600.0  # seconds until they are counted again

_lock = Lock()
_counts: dict[tuple[db.Database, int, str], tuple[float, Counter[tuple[GroupId, OptionId]]]] = {}


def take_counts(company_id: int, product_code: str) -> Counter[tuple[GroupId, OptionId]]:
    """In how many of the newest orders each option is; ten minutes old at most."""
    key, now = (db.database(), company_id, product_code), monotonic()
    with _lock:
        known = _counts.get(key)
    if known is not None and now - known[0] < FRESH:
        return known[1]
    query = (
        select(Configuration.variant)
        .join(SalesOrderItem, col(SalesOrderItem.configuration_id) == Configuration.id)
        .where(SalesOrderItem.company_id == company_id, Configuration.company_id == company_id)
        .where(Configuration.product_code == product_code)
        .order_by(col(SalesOrderItem.id).desc())
        .limit(NEWEST)
    )
    found: Counter[tuple[GroupId, OptionId]] = Counter()
    with db.reading() as session:
        for variant in session.exec(query).all():
            for group, options in (variant or {}).get("chosen", {}).items():
                found.update((GroupId(group), OptionId(option)) for option in options)
    with _lock:
        for old in [kept for kept in _counts if kept[0] is not key[0]]:
            del _counts[old]
        _counts[key] = (now, found)
    return found
