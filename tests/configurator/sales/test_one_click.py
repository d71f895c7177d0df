"""One click, one order, however often and from wherever it is sent; and what happens without the guard."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import MetaData, UniqueConstraint
from sqlmodel import select

from catalog.rows import Company
from configurator import db, idempotency
from configurator.errors import QuoteNotOpen
from configurator.idempotency import IdempotencyKey
from configurator.outbox import OutboxMail
from configurator.planning.models import ManufacturingOrder
from configurator.sales import quotes
from configurator.sales.configurations import Selection
from configurator.sales.models import SalesOrder, SalesOrderItem
from configurator.sales.orders import Shown
from solver.configuration.problem import Variant

TRIES = 6


def in_parallel(shop, keys: list[str], tries: int = TRIES, later: timedelta = timedelta()) -> list[object]:
    """Every key so many times at once, each with what is shown now (or a day so much later); the answers, or errors."""
    variant = shop.variant()
    barrier = Barrier(tries)

    def one(key: str, shown: Shown) -> object:
        barrier.wait(timeout=30)
        try:
            return shop.order(variant, key=key, shown=shown)
        except Exception as error:
            return error

    answers: list[object] = []
    with ThreadPoolExecutor(tries) as pool:
        for key in keys:
            shown = shop.shown(variant)
            answers += pool.map(one, [key] * tries, [replace(shown, arrives_on=shown.arrives_on + later)] * tries)
    return answers


def placed() -> dict[str, int]:
    with db.reading() as session:
        return {t.__name__: len(session.exec(select(t)).all()) for t in
                (SalesOrder, SalesOrderItem, ManufacturingOrder, OutboxMail, IdempotencyKey)}


@pytest.mark.parametrize(("count", "tries"), [
    (4, TRIES),
    pytest.param(500, 10, marks=pytest.mark.slow),  # the promise's full size
])
def test_parallel_tries_with_one_key_make_one_order_and_get_one_answer(shop, count: int, tries: int) -> None:
    keys = [f"key-{n}" for n in range(count)]
    answers = in_parallel(shop, keys, tries)
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert len(set(answers)) == len(keys)
    assert set(placed().values()) == {len(keys)}
    with db.reading() as session:
        numbers = sorted(session.exec(select(SalesOrder.number)).all())
    assert [int(number[-4:]) for number in numbers] == list(range(1, count + 1))


def test_without_the_key_there_would_be_several_orders(shop, monkeypatch) -> None:
    """The negative control of the test above: the same attack, the guard taken away."""
    _forget_that_keys_are_unique()
    monkeypatch.setattr(idempotency, "earlier_answer", lambda *_: None)
    in_parallel(shop, ["key-1"], later=timedelta(days=7))  # there is room for all of them by then
    assert placed()["SalesOrder"] > 1


def _forget_that_keys_are_unique() -> None:
    bare = MetaData()
    Company.__table__.to_metadata(bare)
    copy = IdempotencyKey.__table__.to_metadata(bare)
    for constraint in list(copy.constraints):
        if isinstance(constraint, UniqueConstraint) and "key" in constraint.columns:
            copy.constraints.discard(constraint)
    engine = db.database().engine
    IdempotencyKey.__table__.drop(engine)
    copy.create(engine)


def _in_a_process(shop, keys: list[str], variant: Variant, shown: Shown, queue) -> None:
    db.database().forget_connections()
    queue.put([shop.order(variant, key=key, shown=shown) for key in keys])
    queue.close()
    queue.join_thread()
    os._exit(0)


def test_processes_that_send_the_same_keys_make_one_order_each(shop) -> None:
    keys = [f"key-{n}" for n in range(3)]
    variant = shop.variant()
    shown = shop.shown(variant)
    shown = replace(shown, arrives_on=shown.arrives_on + timedelta(days=7))  # the third comes later than the first
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    workers = [context.Process(target=_in_a_process, args=(shop, keys, variant, shown, queue)) for _ in range(4)]
    for worker in workers:
        worker.start()
    answers = [queue.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(timeout=60)
    assert all(answer == answers[0] for answer in answers)
    assert set(placed().values()) == {len(keys)}


def test_a_quote_accepted_twice_at_once_becomes_one_order(shop, seller) -> None:
    variant = shop.variant()
    quote_id = quotes.save_quote(
        shop.company_id, shop.offer, Selection("bicycle"), variant,
        quotes.Customer("韩梅梅", "han@example.com", "CN", "zh"), by=seller,
    )
    quotes.send_quote(shop.company_id, quote_id, by=seller)
    token = quotes.quote_by_id(shop.company_id, quote_id).revision.token
    shown = shop.shown(variant)
    barrier = Barrier(TRIES)

    def accept(n: int) -> object:
        barrier.wait(timeout=30)
        try:
            return shop.order(variant, key=f"key-{n}", shown=shown, quote_token=token)
        except QuoteNotOpen as error:
            return error

    with ThreadPoolExecutor(TRIES) as pool:
        answers = list(pool.map(accept, range(TRIES)))
    assert len([answer for answer in answers if not isinstance(answer, QuoteNotOpen)]) == 1
    assert placed()["SalesOrder"] == 1
