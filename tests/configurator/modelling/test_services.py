"""Loading a file while others load theirs: what is published was judged with all that is published."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from sqlmodel import select

from catalog.factory import FactoryContent, FactoryLoad, Material, Plant
from catalog.load import load_catalog
from catalog.problems import Refused
from catalog.products import ProductRevision
from configurator import db
from configurator.errors import Outdated
from configurator.modelling import services
from configurator.planning.reports import Changes, Stock, write_event
from tests.catalog.small import LAMP, section


def revisions() -> list[int]:
    with db.reading() as session:
        return list(session.exec(select(ProductRevision.number).order_by(ProductRevision.number)))


def without_blue() -> str:
    """The lamp in red and green, and a factory that can paint all three."""
    text = section("product") + section("manufacturing").removeprefix("format: 1\n")
    text = text.replace("id: blue, name: {zh: 蓝, en: Blue}", "id: green, name: {zh: 绿, en: Green}")
    text = (
        text.replace("colour: blue", "colour: green")
        .replace("[blue,", "[green,")
        .replace("colour.blue", "colour.green")
    )
    factory = section("factory").removeprefix("format: 1\n").replace("blue: cold", "green: cold, blue: cold")
    return text + factory


@pytest.fixture
def moved(company_id: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """A lamp without prices for blue, whose blue is taken away while the next file is being checked."""
    services.load_file(company_id, LAMP.replace("option: colour.blue", "option: colour.red").encode(), actor_id=None)
    read_file = services.read_file

    def meanwhile(text: bytes, around: Any) -> Any:
        monkeypatch.setattr(services, "read_file", read_file)
        file = read_file(text, around)
        services.load_file(company_id, without_blue().encode(), actor_id=None)
        return file

    monkeypatch.setattr(services, "read_file", meanwhile)
    return company_id


def test_a_file_is_judged_again_when_something_was_published_meanwhile(moved: int) -> None:
    with pytest.raises(Refused, match=r"colour\.blue does not exist"):
        services.load_file(moved, section("prices").encode(), actor_id=None)


def test_without_the_stamp_prices_for_an_option_that_is_gone_would_be_published(
    moved: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control."""
    surroundings = services.surroundings

    def unstamped(*arguments: Any) -> Any:
        from dataclasses import replace

        return replace(surroundings(*arguments), stamp=())

    monkeypatch.setattr(services, "surroundings", unstamped)
    monkeypatch.setattr(services, "catalog_stamp", lambda *_: ())
    loaded = services.load_file(moved, section("prices").encode(), actor_id=None)
    assert loaded.prices is not None and loaded.prices.published
    with db.writing() as session, pytest.raises(Refused):  # and from then on nothing of it can be loaded
        load_catalog(session, moved, section("prices"), loaded_at=datetime.now(UTC))


def test_it_gives_up_politely_when_others_publish_all_the_time(
    company_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = iter(range(100))
    monkeypatch.setattr(services, "catalog_stamp", lambda *_: (next(turns),))
    with pytest.raises(Outdated):
        services.load_file(company_id, LAMP.encode(), actor_id=None)
    assert revisions() == []


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_a_factory_and_an_operation_that_takes_from_its_stock_do_not_stand_in_each_others_way(
    factory: int, waiting: Callable[[], None]
) -> None:
    """Both write the plant, its stock and rows of the company: whoever has the plant's lock goes first."""
    with db.reading() as session:
        content = FactoryContent.from_data(session.exec(select(FactoryLoad)).one().content).canonical()
    code, counted = next(iter(content["plants"][0]["materials"].items()))
    counted["stock"] += 1000
    file = yaml.safe_dump({"format": 1, "factory": content}, allow_unicode=True).encode()
    now = datetime.now(UTC)
    with ThreadPoolExecutor(1) as pool:
        with db.writing() as session:
            found = session.exec(select(Plant).where(Plant.code == content["plants"][0]["code"])).one()
            plant = db.lock_row(session, Plant, found.id or 0)
            assert plant is not None
            stock = Stock(session, plant, now)
            loading = pool.submit(services.load_file, factory, file, actor_id=None)
            waiting()
            assert stock.take({code: 1}) is None
            write_event(session, plant, Changes(), None)
        assert loading.result(timeout=30).factory.published  # type: ignore[union-attr]
    with db.reading() as session:
        kept = session.exec(select(Material).where(Material.plant_id == plant.id, Material.code == code)).one()
        assert kept.stock == counted["stock"], "what was counted came last"
        assert session.get_one(Plant, plant.id).schedule_version == plant.schedule_version + 1
