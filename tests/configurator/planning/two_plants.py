"""A house that makes lamps in two plants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, update
from sqlmodel import col, select

from catalog.factory import Downtime, Line, Plant
from catalog.load import load_catalog
from catalog.offer import Offer, current_offer
from catalog.rows import utc_now
from configurator import db
from configurator.planning.books import forget_books
from configurator.planning.promise import Destination, Forecast, Reserved, forecast, reserve
from solver.configuration.problem import Variant
from solver.configuration.samples import sample
from tests.catalog.two_plants import LAMP

HOME = Destination("DE", "UTC")


@dataclass
class House:
    """Orders lamps."""

    company_id: int
    offer: Offer
    variants: tuple[Variant, ...]
    count: int = 0

    def variant(self, frame: str, colour: str) -> Variant:
        return next(one for one in self.variants if {frame, colour} == {o for c in one.chosen.values() for o in c})

    def forecast(self, frame: str = "small", colour: str = "red") -> Forecast:
        return forecast(self.offer, self.variant(frame, colour), HOME)

    def reserve(self, shown: Forecast | None = None, frame: str = "small", colour: str = "red") -> Reserved:
        self.count += 1
        shown = shown or self.forecast(frame, colour)
        with db.writing() as session:
            return reserve(
                session, self.offer, self.variant(frame, colour), shown, pegging_key=f"SO-{self.count}",
                number=f"MO-{self.count}",
            )

    def stop(self, plant: str, line: str, hours: float = 24 * 14) -> None:
        """A line stands still from now on."""
        with db.writing() as session:
            found = session.exec(
                select(Line).join(Plant, col(Plant.id) == Line.plant_id).where(Plant.code == plant, Line.code == line)
            ).one()
            start = utc_now() - timedelta(minutes=1)
            session.add(Downtime(
                company_id=self.company_id, line_id=found.id or 0, starts_at=start,
                ends_at=start + timedelta(hours=hours),
            ))
            session.get_one(Plant, found.plant_id).schedule_version += 1
        forget_books()

    def go_on(self) -> None:
        """No line stands still any more."""
        with db.writing() as session:
            session.execute(delete(Downtime))
            session.execute(update(Plant).values(schedule_version=Plant.schedule_version + 1))
        forget_books()


def lamp_house(company_id: int, text: str = LAMP) -> House:
    with db.writing() as session:
        load_catalog(session, company_id, text, loaded_at=utc_now())
    return house_of(company_id)


def house_of(company_id: int) -> House:
    """The house of a company that has its file."""
    with db.reading() as session:
        offer = current_offer(session, company_id, "lamp")
    return House(company_id, offer, sample(offer.compiled, 40, 7))
