"""A lamp whose shade frame is welded in either of two plants: small, open round the clock, the same at any hour."""

# ruff: noqa: E501 - a catalog file

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

HOME = Destination("DE", "UTC")
LAMP = """\
format: 1
product:
  code: lamp
  name: {zh: 台灯, en: Lamp}
  description: {zh: 一盏灯, en: A lamp}
  steps:
    - {id: look, name: {zh: 外观, en: Look}}
  groups:
    - id: colour
      step: look
      name: {zh: 颜色, en: Colour}
      default: red
      options:
        - {id: red, name: {zh: 红, en: Red}}
        - {id: blue, name: {zh: 蓝, en: Blue}}
    - id: frame
      step: look
      name: {zh: 灯架, en: Frame}
      options:
        - {id: small, name: {zh: 小, en: Small}, numbers: {time: 30}}
        - {id: large, name: {zh: 大, en: Large}, numbers: {time: 60}}
prices:
  code: lamp_retail
  product: lamp
  currency: EUR
  basis: gross
  tax: {DE: "19"}
  items:
    - {id: base, name: {zh: 台灯, en: Lamp}, amount: 50}
manufacturing:
  product: lamp
  valid_from: 2026-01-01
  bom:
    - {component: tube, name: {zh: 管, en: Tube}, material: tube}
  routing:
    - {operation: weld, name: {zh: 焊接, en: Weld}, stage: welding, minutes: frame.time, takes: [tube]}
    - {operation: grind, name: {zh: 打磨, en: Grind}, stage: welding, minutes: 10, after: [{operation: weld}]}
    - {operation: wire, name: {zh: 接线, en: Wire}, stage: wiring, minutes: 20}
    - {operation: fit, name: {zh: 总装, en: Fit}, stage: wiring, minutes: 15 + 5 * colour.blue, after: [{operation: grind, wait_minutes: 30}, {operation: wire}]}
  parts:
    - {part: frame, name: {zh: 灯架, en: Lamp frame}, operations: [weld, grind], plants: [bonn]}
factory:
  calendars:
    - code: always
      zone: UTC
      weekly:
        - {days: [mon, tue, wed, thu, fri, sat, sun], start: "00:00", end: "00:00"}
  materials:
    - {code: tube, name: {zh: 管, en: Tube}, unit: pcs}
  plants:
    - code: ulm
      name: {zh: 乌尔姆, en: Ulm}
      zone: UTC
      country: DE
      lines:
        - {code: weld-1, name: {zh: 焊接, en: Welding}, stage: welding, calendar: always}
        - {code: wire-1, name: {zh: 接线, en: Wiring}, stage: wiring, calendar: always}
      materials:
        tube: {stock: 1000}
      carriers:
        - {code: parcel, name: {zh: 快递, en: Parcel}, cutoff: "00:00", working_days: [mon, tue, wed, thu, fri, sat, sun], transit_days: {DE: 1}}
    - code: bonn
      name: {zh: 波恩, en: Bonn}
      zone: UTC
      country: DE
      lines:
        - {code: weld-1, name: {zh: 焊接, en: Welding}, stage: welding, calendar: always}
        - {code: wire-1, name: {zh: 接线, en: Wiring}, stage: wiring, calendar: always, speed_percent: 1}
      materials:
        tube: {stock: 1000}
      carriers:
        - {code: parcel, name: {zh: 快递, en: Parcel}, cutoff: "00:00", working_days: [mon, tue, wed, thu, fri, sat, sun], transit_days: {DE: 30}}
  transports:
    - origin: bonn
      destination: ulm
      minutes: 240
      departures:
        - {days: [mon, tue, wed, thu, fri, sat, sun], time: "06:00"}
        - {days: [mon, tue, wed, thu, fri, sat, sun], time: "18:00"}
    - origin: ulm
      destination: bonn
      minutes: 240
      departures:
        - {days: [mon, tue, wed, thu, fri, sat, sun], time: "12:00"}
"""


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
    with db.reading() as session:
        offer = current_offer(session, company_id, "lamp")
    return House(company_id, offer, sample(offer.compiled, 40, 7))
