"""What is offered under three published revisions: their contents and the compiled problem, cached in the process."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import ScalarSelect, bindparam
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select

from catalog.components import AskedContent, written_out
from catalog.keep import Keeping
from catalog.manufacturing import ManufacturingContent, ManufacturingRevision
from catalog.price import PriceList, PriceListContent, PriceListRevision
from catalog.products import Product, ProductContent, ProductRevision, RevisionStatus
from catalog.rows import utc_now
from catalog.state import state
from solver.configuration.compile import CompiledProblem
from solver.configuration.problem import ConfigurationProblem

OfferKey = tuple[int, int, int, int]  # company, product revision, price list revision, manufacturing revision


class NotOffered(LookupError):
    """There is no such product, or it has no published revision of this kind."""

    def __init__(self, product: str, lacks: str) -> None:
        super().__init__(f"{product}: no {lacks}.")
        self.product = product
        self.lacks = lacks


@dataclass(frozen=True, slots=True)
class Offer:
    """Three published revisions of one product. Asked again for the same revisions, it is the same object.

    `product` is written out: every question of every instance of a component is one of its questions.
    """

    company_id: int
    product_id: int
    product_revision_id: int
    price_list_revision_id: int
    manufacturing_revision_id: int
    product: AskedContent
    prices: PriceListContent
    manufacturing: ManufacturingContent
    problem: ConfigurationProblem
    compiled: CompiledProblem
    size: int = 0  # bytes of the compiled form


def current_offer(session: Session, company_id: int, product_code: str, *, today: date | None = None) -> Offer:
    """The offer of the newest published revisions; manufacturing as valid `today` (UTC). Raises NotOffered."""
    asked = {"company": company_id, "product": product_code, "today": today or utc_now().date()}
    found = session.exec(_newest(), params=asked).one_or_none()
    if found is None:
        raise NotOffered(product_code, "product")
    product, prices, manufacturing = found
    for revision, kind in ((product, "product revision"), (prices, "price list"), (manufacturing, "routing")):
        if revision is None:
            raise NotOffered(product_code, kind)
    return offer_of(session, company_id, product, prices, manufacturing)


def offer_of(
    session: Session,
    company_id: int,
    product_revision_id: int,
    price_list_revision_id: int,
    manufacturing_revision_id: int,
) -> Offer:
    """The offer of three published or withdrawn revisions of one company and product. Raises NotOffered.

    Compiling may raise solver.configuration.compile.VoidProblem; a loaded catalog file never does.
    """
    key = (company_id, product_revision_id, price_list_revision_id, manufacturing_revision_id)
    return _cache.get(key) or _cache.put(key, _read(session, key))


def earlier_offer(session: Session, offer: Offer, product_revision_id: int, price_list_revision_id: int) -> Offer:
    """What was offered of a product under earlier revisions, of the same price list. Raises NotOffered."""
    lists = {
        row.price_list_id
        for key in (offer.price_list_revision_id, price_list_revision_id)
        if (row := session.get(PriceListRevision, key)) is not None and row.company_id == offer.company_id
    }
    if len(lists) != 1:  # another one may be meant for somebody else
        raise NotOffered(offer.product.code, "such revision of its price list")
    return offer_of(
        session, offer.company_id, product_revision_id, price_list_revision_id, offer.manufacturing_revision_id
    )


@cache
def _newest() -> Select[int, int, int]:
    """The newest revisions of a `product` of a `company`, `today`; put together once, for every click asks it."""
    return select(
        _newest_product_revision(), _newest_price_list_revision(), _newest_manufacturing_revision()
    ).where(Product.company_id == bindparam("company"), Product.code == bindparam("product"))


def _newest_product_revision() -> ScalarSelect[Any]:
    return (
        select(ProductRevision.id)
        .where(ProductRevision.company_id == Product.company_id, ProductRevision.product_id == Product.id)
        .where(ProductRevision.status == RevisionStatus.PUBLISHED)
        .order_by(col(ProductRevision.number).desc())
        .limit(1)
        .correlate(Product)
        .scalar_subquery()
    )


def _newest_price_list_revision() -> ScalarSelect[Any]:
    """The newest revision of the product's first price list."""
    return (
        select(PriceListRevision.id)
        .join(PriceList, col(PriceList.id) == PriceListRevision.price_list_id)
        .where(PriceList.company_id == Product.company_id, PriceList.product_id == Product.id)
        .where(PriceListRevision.status == RevisionStatus.PUBLISHED)
        .order_by(col(PriceList.id), col(PriceListRevision.number).desc())
        .limit(1)
        .correlate(Product)
        .scalar_subquery()
    )


def _newest_manufacturing_revision() -> ScalarSelect[Any]:
    return (
        select(ManufacturingRevision.id)
        .where(ManufacturingRevision.company_id == Product.company_id, ManufacturingRevision.product_id == Product.id)
        .where(ManufacturingRevision.status == RevisionStatus.PUBLISHED)
        .where(ManufacturingRevision.valid_from <= bindparam("today"))
        .order_by(col(ManufacturingRevision.number).desc())
        .limit(1)
        .correlate(Product)
        .scalar_subquery()
    )


def _read(session: Session, key: OfferKey) -> Offer:
    company_id, product_revision_id, price_list_revision_id, manufacturing_revision_id = key
    product = session.get(ProductRevision, product_revision_id)
    prices = session.get(PriceListRevision, price_list_revision_id)
    manufacturing = session.get(ManufacturingRevision, manufacturing_revision_id)
    if product is None or prices is None or manufacturing is None:
        raise NotOffered(str(key), "such revision")
    price_list = session.get_one(PriceList, prices.price_list_id)
    for row in (product, prices, manufacturing):
        if row.company_id != company_id or row.status == RevisionStatus.DRAFT:
            raise NotOffered(str(key), "published revision of this company")
    if not product.product_id == price_list.product_id == manufacturing.product_id:
        raise NotOffered(str(key), "common product")
    content = ProductContent.from_data(product.content)
    problem = state(content)
    kept = _keeping.get(session, company_id, product_revision_id, problem)
    return Offer(
        company_id=company_id,
        product_id=product.product_id,
        product_revision_id=product_revision_id,
        price_list_revision_id=price_list_revision_id,
        manufacturing_revision_id=manufacturing_revision_id,
        product=written_out(content),
        prices=PriceListContent.from_data(prices.content),
        manufacturing=ManufacturingContent.from_data(manufacturing.content),
        problem=problem,
        compiled=kept.compiled,
        size=kept.size,
    )


class _OfferCache:
    """The most recently used offers. Published revisions never change, so an entry is never out of date.

    At most `size` of them, whose compiled forms have at most `largest` bytes together (but one at least). Two threads
    may compile the same offer at once; the first one kept is the one both use.
    """

    def __init__(self, size: int, largest: int) -> None:
        self.size = size
        self.largest = largest
        self._lock = Lock()
        self._offers: OrderedDict[OfferKey, Offer] = OrderedDict()

    def get(self, key: OfferKey) -> Offer | None:
        with self._lock:
            if key in self._offers:
                self._offers.move_to_end(key)
            return self._offers.get(key)

    def put(self, key: OfferKey, offer: Offer) -> Offer:
        with self._lock:
            kept = self._offers.setdefault(key, offer)
            bytes_ = sum(one.size for one in self._offers.values())
            while len(self._offers) > 1 and (len(self._offers) > self.size or bytes_ > self.largest):
                bytes_ -= self._offers.popitem(last=False)[1].size
            return kept

    def clear(self) -> None:
        with self._lock:
            self._offers.clear()


_cache = _OfferCache(size=64, largest=512 * 2**20)
_keeping = Keeping()


def keep_offers(folder: Path | None, *, offers: int, megabytes: int) -> None:
    """Where this process keeps compiled revisions, how many it holds ready, and how large they may be together."""
    global _keeping
    _keeping = Keeping(folder)
    _cache.size, _cache.largest = offers, megabytes * 2**20


def forget_offers() -> None:
    """Empty the cache: for tests, whose databases give the same ids to other rows."""
    _cache.clear()
