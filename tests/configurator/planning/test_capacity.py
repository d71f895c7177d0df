"""Capacity and material are promised once, whoever asks at the same time."""

from __future__ import annotations

import multiprocessing
import os

import pytest
from sqlalchemy import delete
from sqlmodel import select

from catalog.factory import Material, MaterialSupply
from configurator import db
from configurator.errors import DateLost, NoDate
from configurator.planning import promise as promise_module
from configurator.planning.books import forget_books
from configurator.planning.models import ManufacturingOrder
from configurator.planning.promise import Destination, forecast, reserve

CHINA = Destination("CN", "Asia/Shanghai")


def leave_boxes(company_id: int, boxes: int) -> None:
    """Only so many parcels can still be packed in the whole company: what is scarce is a material of one plant."""
    with db.writing() as session:
        session.execute(delete(MaterialSupply))
        rows = session.exec(select(Material).where(Material.company_id == company_id, Material.code == "box")).all()
        for material in rows:
            material.stock = 0
        rows[0].stock = boxes
    forget_books()


def checkouts(url, offer, variants, process, tries, answers):
    """In a process of its own: order, and when the date is lost look at the new one, as a buyer would."""
    db.database().forget_connections()
    db.connect(url)
    sold = 0
    for number in range(tries):
        for _ in range(25):
            try:
                shown = forecast(offer, variants[(process + number) % len(variants)], CHINA)
                with db.writing() as session:
                    reserve(session, offer, variants[(process + number) % len(variants)], shown,
                            pegging_key=f"SO-{process}-{number}", number=f"MO-{process}-{number}")
                sold += 1
                break
            except DateLost:
                continue
            except NoDate:
                break
        else:
            answers.put(("gave up", process, number))
    answers.put(("sold", process, sold))
    answers.close()
    answers.join_thread()
    os._exit(0)


def run_checkouts(shop, database, processes, tries):
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    children = [
        context.Process(target=checkouts, args=(database.url, shop.offer, shop.variants, number, tries, answers))
        for number in range(processes)
    ]
    for child in children:
        child.start()
    said = [answers.get(timeout=120) for _ in children]
    for child in children:
        child.join(timeout=30)
    assert {answer[0] for answer in said} == {"sold"}
    assert [child.exitcode for child in children] == [0] * processes
    return sum(answer[2] for answer in said)


@pytest.mark.parametrize(("processes", "tries", "boxes"), [
    (6, 3, 7),
    pytest.param(16, 32, 50, marks=pytest.mark.slow),  # the promise's full size
])
def test_many_processes_sell_every_slot_once(shop, database, judge, processes, tries, boxes):
    leave_boxes(shop.company_id, boxes)
    assert run_checkouts(shop, database, processes, tries) == boxes
    with db.reading() as session:
        assert len(session.exec(select(ManufacturingOrder.id)).all()) == boxes
    forget_books()
    assert judge(shop.company_id) == []


def test_without_the_check_under_the_lock_they_oversell(shop, judge, monkeypatch):
    """The negative control: everybody gets what he saw, as if nothing could have changed since."""
    leave_boxes(shop.company_id, 3)
    shown = [shop.forecast(variant) for variant in range(6)]
    monkeypatch.setattr(promise_module, "_still", lambda offer, variant, forecast, plant, start: forecast)
    for variant, forecast_ in enumerate(shown):
        shop.reserve(variant, forecast_)
    assert judge(shop.company_id)


def test_with_the_check_the_same_six_buyers_get_three_boxes(shop, judge):
    leave_boxes(shop.company_id, 3)
    shown = [shop.forecast(variant) for variant in range(6)]
    sold = 0
    for variant, forecast_ in enumerate(shown):
        try:
            shop.reserve(variant, forecast_)
            sold += 1
        except (DateLost, NoDate):
            pass
    assert sold == 3
    assert judge(shop.company_id) == []
