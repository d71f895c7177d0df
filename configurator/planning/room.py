"""The book improves itself: a chore makes room for rush orders where a plant accepts automatic moves.

What starts within the plant's frozen horizon, what is pinned and every promise stay; what moves is logged as the
system's. Room is made for what begins behind that horizon and a new order's grace: before it nothing can be gained.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlmodel import col, select

from catalog.factory import Plant
from catalog.rows import utc_now
from configurator import audit, db
from configurator.config import Settings
from configurator.planning.margins import margins_of
from configurator.planning.optimise import Snapshot, broken_anew, replace_schedule, snapshot
from configurator.planning.records import placements_to_json
from solver.scheduling.book import Book
from solver.scheduling.check import violations
from solver.scheduling.problem import OperationId, Placement, Second
from solver.scheduling.rush import make_room
from solver.scheduling.schedule import Schedule

log = structlog.get_logger()
COMING = 86_400  # seconds from the first start of a new order on: for what begins within them there is to be room
AHEAD = timedelta(minutes=1)  # of the instant at which it is written: nothing is moved to what is over by then
WORTH = 0.97  # of the time that an order takes: for less than that nothing moves


def make_rooms(settings: Settings, done: dict[int, int], *, now: datetime | None = None) -> None:
    """Make room in every plant that accepts automatic moves and whose schedule has changed since.

    `done`: plant -> the version that this has looked at last; kept by the caller.
    """
    with db.reading() as session:
        wanted = select(Plant.id, Plant.schedule_version).where(col(Plant.accepts_automatic_moves))
        plants = session.exec(wanted.order_by(col(Plant.id))).all()
    for plant_id, version in plants:
        assert plant_id is not None
        if done.get(plant_id) != version:
            try:
                done[plant_id] = make_room_in(plant_id, seconds=settings.room_seconds, now=now)
            except Exception:  # one plant's trouble must not keep the others from it
                log.exception("planning.no_room_made", plant=plant_id)


def make_room_in(plant_id: int, *, seconds: float, now: datetime | None = None) -> int:
    """Rearrange one plant's schedule so that orders like its own would end earlier; its version after that.

    Nothing moves if that gains little, or if the schedule moved on meanwhile.
    """
    ready = (now or utc_now()) + timedelta(seconds=seconds) + AHEAD
    with db.reading() as session:
        base = snapshot(session, plant_id, now=ready)
        grace = margins_of(session, base.rows.plant.company_id).grace
    times: list[float] = []
    book = Book(base.rows.problem, base.rows.placements, frozen_seconds=60 * base.rows.plant.frozen_minutes)
    first = Second(book.now + 60 * (base.rows.plant.frozen_minutes + grace))
    roomy = make_room(
        book, seconds=seconds, seed=base.version, begins=(first, Second(first + COMING)),
        report=lambda share, each: times.append(each),
    )
    moved = {placement.operation: placement for placement in roomy.moved_since(book)}
    if not moved or times[-1] > WORTH * times[0]:
        return base.version
    placements = {**base.rows.placements, **moved}
    if not _is_right(base, placements):
        return base.version
    with db.writing() as session:
        plant = db.lock_row(session, Plant, plant_id)
        assert plant is not None
        if plant.schedule_version != base.version or not plant.accepts_automatic_moves:
            return base.version
        replace_schedule(session, plant, base, placements, {"moved": placements_to_json(moved.values())}, None)
        audit.record(session, plant.company_id, "schedule.room", "plant", plant_id, moved=len(moved))
        before, after = round(times[0], 2), round(times[-1], 2)
        log.info("planning.room_made", plant=plant.code, moved=len(moved), before=before, after=after)
        return plant.schedule_version


def _is_right(base: Snapshot, placements: dict[OperationId, Placement]) -> bool:
    """Whether the judge finds nothing, and no promise is broken that is kept now."""
    faults = violations(base.problem, Schedule(placements))
    broken = broken_anew(base.problem, base.rows.placements, placements)
    if faults or broken:
        said = [fault.what for fault in faults[:3]]
        log.error("planning.room_refused", plant=base.plant_id, faults=said, broken=broken[:3])
    return not faults and not broken
