"""What the planner's board shows: lines and bars of a window of time, plants in figures, late orders worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Row, and_, func, or_
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from catalog.factory import (
    Calendar,
    Downtime,
    Line,
    Plant,
    SetupMatrix,
    line_key,
    lines_of,
    plant_key,
    plants_of,
    setup_seconds,
    windows,
)
from catalog.offer import NotOffered, current_offer
from catalog.products import Product
from catalog.rows import Company
from catalog.transport import transports_of
from configurator.planning.books import read_rows
from configurator.planning.margins import margins_of
from configurator.planning.models import (
    OPEN_ORDERS,
    ManufacturingOperation,
    ManufacturingOrder,
    OperationState,
    PartnerCapacity,
    Proposal,
    ProposalState,
)
from configurator.planning.records import instant, placements_from, second
from configurator.planning.transfers import TransferView, transfers_within
from solver.scheduling.calendar import Calendar as LineCalendar
from solver.scheduling.problem import FamilyId
from solver.scheduling.problem import Line as SolverLine
from solver.scheduling.problem import SetupMatrix as SolverSetups

Words = Mapping[str, str]
LONGEST_WINDOW = timedelta(days=21)
AHEAD = timedelta(days=7)  # what the measures look at


class Lateness(StrEnum):
    """How an order stands by the present schedule."""

    IN_TIME = "in_time"
    NEAR_PROMISE = "near_promise"  # keeps its promise with little time to spare
    BREAKS_PROMISE = "breaks_promise"  # misses the cut-off of the promised date


def lateness_of(completes_at: datetime, dispatch_at: datetime, near: timedelta) -> Lateness:
    """How an order that completes then stands; `near`: the time that it needs to spare.

    That it may be later than due is no mark: an order gives way to others up to the cut-off of its promised date.
    """
    if completes_at > dispatch_at:
        return Lateness.BREAKS_PROMISE
    return Lateness.NEAR_PROMISE if completes_at > dispatch_at - near else Lateness.IN_TIME


def near_of(session: Session, company_id: int) -> timedelta:
    """The time that an order of the company needs to spare so that nobody has to watch it."""
    return timedelta(minutes=margins_of(session, company_id).near)


@dataclass(frozen=True, slots=True)
class BoardLine:
    """A row of the board."""

    id: int
    plant_id: int
    plant: Words
    name: Words


@dataclass(frozen=True, slots=True)
class Way:
    """A row of the board for what goes from one plant to another one."""

    origin_id: int
    destination_id: int
    origin: Words
    destination: Words


@dataclass(frozen=True, slots=True)
class Bar:
    """An operation on its line. `swatch`: the colour of its order's setup family, if the catalog has one."""

    operation_id: int
    order_id: int
    number: str
    name: Words
    line_id: int
    starts_at: datetime
    ends_at: datetime
    state: OperationState
    pinned: bool
    lateness: Lateness
    swatch: str | None
    is_old: bool = False  # a proposal would take it away from here
    is_new: bool = False  # and put it here


class PauseKind(StrEnum):
    """Why nothing is made on a line."""

    CLOSED = "closed"
    DOWNTIME = "downtime"
    SETUP = "setup"
    FROZEN = "frozen"  # something is made, but nothing is moved by itself
    TAKEN = "taken"  # a partner makes something there that we do not see


@dataclass(frozen=True, slots=True)
class Pause:
    """An interval on a line that is no operation; `reason` of a downtime as it was written."""

    line_id: int
    kind: PauseKind
    starts_at: datetime
    ends_at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the board."""

    starts_at: datetime
    ends_at: datetime
    bars: tuple[Bar, ...]
    pauses: tuple[Pause, ...]
    transfers: tuple[TransferView, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """A plant in figures. `breaking`, `near`: open orders that break their promise, or keep it with little to spare.

    `load`: share of the coming week's working time that is taken, on its fullest line. `good_until`: of a partner's
    plant, when what was posted of it is outdated.
    """

    plant_id: int
    plant: Words
    zone: str
    open_orders: int
    breaking: int
    near: int
    load: float
    fullest: Words | None
    setup: timedelta
    proposal_id: int | None
    is_partners: bool = False
    good_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class LateOrder:
    """An order that is not in time. `over`: past the cut-off of its promised date, or (negative) what is left to it."""

    id: int
    number: str
    product_name: Words
    plant: Words
    zone: str
    lateness: Lateness
    over: timedelta
    completes_at: datetime
    promised_for: datetime


def house_zone(session: Session, company_id: int) -> str:
    """The zone in which the board counts its hours."""
    return session.get_one(Company, company_id).zone


def board_lines(session: Session, company_id: int) -> tuple[BoardLine, ...]:
    """Every line, by plant, in the order of the factory's file."""
    return tuple(
        BoardLine(line.id or 0, plant.id or 0, plant.name, line.name)
        for plant in plants_of(session, company_id)
        for line in lines_of(session, plant)
    )


def board_ways(session: Session, company_id: int) -> tuple[Way, ...]:
    """Every transport between two plants, in the order of the factory's file."""
    names = {plant.id: plant.name for plant in plants_of(session, company_id)}
    return tuple(
        Way(one.origin_id, one.destination_id, names[one.origin_id], names[one.destination_id])
        for one in transports_of(session, company_id)
    )


# --- a window of time -------------------------------------------------------------------------------------------------


def window(
    session: Session, company_id: int, starts_at: datetime, ends_at: datetime, *, now: datetime,
    proposal_id: int | None = None,
) -> Window:
    """What touches [starts_at, ends_at), at most three weeks of it; with a proposal, old and new places."""
    ends_at = min(ends_at, starts_at + LONGEST_WINDOW)
    bars = list(_bars(session, company_id, _touches(starts_at, ends_at)))
    if proposal_id is not None:
        bars = _with_proposal(session, company_id, proposal_id, bars, starts_at, ends_at)
    pauses: list[Pause] = []
    for plant in plants_of(session, company_id):
        pauses += _pauses(session, plant, bars, starts_at, ends_at, now)
    return Window(
        starts_at, ends_at, tuple(bars), tuple(pauses), transfers_within(session, company_id, starts_at, ends_at)
    )


def _touches(starts_at: datetime, ends_at: datetime) -> ColumnElement[bool]:
    return and_(col(ManufacturingOperation.starts_at) < ends_at, col(ManufacturingOperation.ends_at) > starts_at)


def _bars(session: Session, company_id: int, wanted: ColumnElement[bool]) -> Iterable[Bar]:
    rows = session.execute(
        columns(
            ManufacturingOperation, col(ManufacturingOrder.number), col(ManufacturingOrder.completes_at),
            col(ManufacturingOrder.dispatch_at),
        )
        .join(ManufacturingOrder, and_(
            col(ManufacturingOrder.id) == ManufacturingOperation.order_id,
            col(ManufacturingOrder.company_id) == company_id,
        ))
        .where(col(ManufacturingOperation.company_id) == company_id, wanted)
        .order_by(col(ManufacturingOperation.starts_at), col(ManufacturingOperation.id))
    ).all()
    swatches, near = _swatches(session, company_id), near_of(session, company_id)
    families = _families(session, company_id, {row[0].order_id for row in rows})
    for row, number, completes_at, dispatch_at in rows:
        yield Bar(
            operation_id=row.id or 0, order_id=row.order_id, number=number, name=row.name, line_id=row.line_id,
            starts_at=row.starts_at, ends_at=row.ends_at, state=OperationState(row.state), pinned=row.pinned,
            lateness=lateness_of(completes_at, dispatch_at, near),
            swatch=swatches.get(families.get(row.order_id, "")),
        )


def _families(session: Session, company_id: int, order_ids: set[int]) -> dict[int, str]:
    """Order id -> the setup family of one of its operations."""
    found: dict[int, str] = {}
    ids = sorted(order_ids)
    for first in range(0, len(ids), 500):
        query = select(ManufacturingOperation.order_id, ManufacturingOperation.family).where(
            ManufacturingOperation.company_id == company_id, col(ManufacturingOperation.family).is_not(None),
            col(ManufacturingOperation.order_id).in_(ids[first : first + 500]),
        )
        found.update((order_id, family) for order_id, family in session.exec(query).all() if family)
    return found


def _swatches(session: Session, company_id: int) -> dict[str, str]:
    """Setup family -> colour, from the options that the products' families are named after."""
    found: dict[str, str] = {}
    for code in session.exec(select(Product.code).where(Product.company_id == company_id)).all():
        try:
            offer = current_offer(session, company_id, code)
        except NotOffered:
            continue
        groups = {operation.family_of for operation in offer.manufacturing.routing if operation.family_of}
        for group in offer.product.groups:
            if group.id in groups:
                found |= {option.id: option.swatch for option in group.options if option.swatch}
    return found


def _with_proposal(
    session: Session, company_id: int, proposal_id: int, bars: list[Bar], starts_at: datetime, ends_at: datetime
) -> list[Bar]:
    """The bars, and besides each one that a proposal moves the place where it would put it."""
    proposal = session.get(Proposal, proposal_id)
    if proposal is None or proposal.company_id != company_id or proposal.state != ProposalState.PROPOSED:
        return bars
    plant = session.get_one(Plant, proposal.plant_id)
    line_ids = {line_key(plant, line): line.id or 0 for line in lines_of(session, plant)}
    places = {str(placement.operation): placement for placement in placements_from(proposal.placements)}
    numbers = sorted({key.partition("/")[0] for key in places})
    late = set(proposal.after["late"])
    moved: dict[int, Bar] = {}
    for first in range(0, len(numbers), 500):
        some = col(ManufacturingOrder.number).in_(numbers[first : first + 500])
        for bar, code in _bars_with_code(session, company_id, and_(some, col(ManufacturingOrder.plant_id) == plant.id)):
            if (place := places.get(f"{bar.number}/{code}")) is not None:
                there = replace(
                    bar, line_id=line_ids[place.line], starts_at=instant(place.start), ends_at=instant(place.end),
                    lateness=Lateness.BREAKS_PROMISE if bar.number in late else Lateness.IN_TIME, is_new=True,
                )
                moved[bar.operation_id] = there
    shown = [bar for bar in moved.values() if bar.starts_at < ends_at and bar.ends_at > starts_at]
    return [replace(bar, is_old=bar.operation_id in moved) for bar in bars] + shown


def _bars_with_code(
    session: Session, company_id: int, wanted: ColumnElement[bool]
) -> Iterable[tuple[Bar, str]]:
    bars = {bar.operation_id: bar for bar in _bars(session, company_id, wanted)}
    codes = select(ManufacturingOperation.id, ManufacturingOperation.operation).where(
        ManufacturingOperation.company_id == company_id, col(ManufacturingOperation.id).in_(bars)
    )
    return [(bars[operation_id], code) for operation_id, code in session.exec(codes).all() if operation_id]


def _pauses(
    session: Session, plant: Plant, bars: Sequence[Bar], starts_at: datetime, ends_at: datetime, now: datetime
) -> list[Pause]:
    """Closed time, downtimes, setups and the frozen horizon of a plant's lines."""
    lines = lines_of(session, plant)
    calendars = calendars_of(session, plant)
    downtimes = downtimes_of(session, plant, starts_at, ends_at)
    matrices = _matrices(session, plant)
    frozen_until = now + timedelta(minutes=plant.frozen_minutes)
    found: list[Pause] = []
    for line in lines:
        line_id = line.id or 0
        off = downtimes.get(line_id, [])
        found += (
            Pause(line_id, PauseKind.DOWNTIME, max(d.starts_at, starts_at), min(d.ends_at, ends_at), d.reason)
            for d in off
        )
        opened = windows(calendars[line.calendar_id], (), starts_at, ends_at)
        found += _closed(line_id, [(instant(w.start), instant(w.end)) for w in opened], starts_at, ends_at)
        if now < frozen_until and now < ends_at and frozen_until > starts_at:
            found.append(Pause(line_id, PauseKind.FROZEN, max(now, starts_at), min(frozen_until, ends_at)))
        if line.setup_matrix_id is not None:
            # A setup is working time before its operation; a day more than the window finds where it begins.
            wider = windows(calendars[line.calendar_id], off, starts_at - timedelta(days=7), ends_at)
            if wider:
                clock = LineCalendar(SolverLine(line_key(plant, line), plant_key(plant), wider))
                mine = [bar for bar in bars if bar.line_id == line_id and not bar.is_new]
                found += _setups(session, line, mine, matrices[line.setup_matrix_id], clock)
    return found + _taken(session, plant, starts_at, ends_at, now) if plant.is_partners else found


def _taken(session: Session, plant: Plant, starts_at: datetime, ends_at: datetime, now: datetime) -> list[Pause]:
    """What is not free in a partner's plant, and is not ours."""
    rows, first, last = read_rows(session, plant.id or 0, now=now), second(starts_at), second(ends_at)
    theirs = (place for key, place in rows.placements.items() if key not in rows.operations)
    return [
        Pause(
            rows.line_ids[place.line], PauseKind.TAKEN, instant(max(first, place.start)), instant(min(last, place.end))
        )
        for place in theirs if place.line in rows.line_ids and place.start < last and place.end > first
    ]


def calendars_of(session: Session, plant: Plant) -> dict[int, Calendar]:
    """The calendars that a plant's lines may have, by their ids."""
    rows = session.exec(select(Calendar).where(Calendar.company_id == plant.company_id)).all()
    return {row.id or 0: row for row in rows}


def _matrices(session: Session, plant: Plant) -> dict[int, SolverSetups]:
    rows = session.exec(select(SetupMatrix).where(SetupMatrix.company_id == plant.company_id)).all()
    return {row.id or 0: setup_seconds(row) for row in rows}


def downtimes_of(
    session: Session, plant: Plant, starts_at: datetime, ends_at: datetime
) -> dict[int, list[Downtime]]:
    """Line id -> when it stands still, of what touches [starts_at, ends_at)."""
    rows = session.exec(
        select(Downtime)
        .join(Line, and_(col(Line.id) == Downtime.line_id, col(Line.company_id) == Downtime.company_id))
        .where(Downtime.company_id == plant.company_id, Line.plant_id == plant.id)
        .where(Downtime.starts_at < ends_at, Downtime.ends_at > starts_at)
    ).all()
    found: dict[int, list[Downtime]] = {}
    for row in rows:
        found.setdefault(row.line_id, []).append(row)
    return found


def _closed(
    line_id: int, opened: Sequence[tuple[datetime, datetime]], starts_at: datetime, ends_at: datetime
) -> Iterable[Pause]:
    """What is left of the window between the times in which the line works."""
    at = starts_at
    for opens, closes in [*opened, (ends_at, ends_at)]:
        if at < opens:
            yield Pause(line_id, PauseKind.CLOSED, at, opens)
        at = max(at, closes)


def _setups(
    session: Session, line: Line, bars: Sequence[Bar], matrix: SolverSetups, clock: LineCalendar
) -> Iterable[Pause]:
    """Before each operation of another family than the one before it: its setup, right before it starts."""
    if not bars:
        return
    families = dict(session.exec(
        select(ManufacturingOperation.id, ManufacturingOperation.family).where(
            ManufacturingOperation.company_id == line.company_id,
            col(ManufacturingOperation.id).in_([bar.operation_id for bar in bars]),
        )
    ).all())
    before = session.exec(
        select(ManufacturingOperation.family)
        .where(ManufacturingOperation.company_id == line.company_id, ManufacturingOperation.line_id == line.id)
        .where(ManufacturingOperation.ends_at <= bars[0].starts_at)
        .order_by(col(ManufacturingOperation.ends_at).desc())
        .limit(1)
    ).first()
    for bar in bars:
        family = families[bar.operation_id]
        seconds = matrix.between(FamilyId(before) if before else None, FamilyId(family) if family else None)
        if seconds:
            begins = instant(clock.start(max(0, clock.work(second(bar.starts_at)) - seconds)))
            if begins < bar.starts_at:
                yield Pause(bar.line_id, PauseKind.SETUP, begins, bar.starts_at)
        before = family


# --- figures ----------------------------------------------------------------------------------------------------------


def measures(session: Session, company_id: int, *, now: datetime) -> tuple[Measure, ...]:
    """Each plant in figures."""
    return tuple(_measure(session, plant, now) for plant in plants_of(session, company_id))


def _measure(session: Session, plant: Plant, now: datetime) -> Measure:
    mine = (col(ManufacturingOrder.company_id) == plant.company_id, col(ManufacturingOrder.plant_id) == plant.id)
    dates = session.execute(
        columns(col(ManufacturingOrder.completes_at), col(ManufacturingOrder.dispatch_at))
        .where(*mine, col(ManufacturingOrder.state).in_(OPEN_ORDERS))
    ).all()
    near = near_of(session, plant.company_id)
    standing = Counter(lateness_of(completes_at, dispatch_at, near) for completes_at, dispatch_at in dates)
    load, fullest, setup = _load(session, plant, now)
    proposal_id = session.exec(
        select(Proposal.id)
        .where(Proposal.company_id == plant.company_id, Proposal.plant_id == plant.id)
        .where(Proposal.state == ProposalState.PROPOSED)
        .order_by(col(Proposal.id).desc())
    ).first()
    return Measure(
        plant_id=plant.id or 0, plant=plant.name, zone=plant.zone, open_orders=len(dates),
        breaking=standing[Lateness.BREAKS_PROMISE], near=standing[Lateness.NEAR_PROMISE], load=load, fullest=fullest,
        setup=setup, proposal_id=proposal_id, is_partners=plant.is_partners, good_until=_good_until(session, plant),
    )


def _good_until(session: Session, plant: Plant) -> datetime | None:
    valid_at = session.exec(
        select(PartnerCapacity.valid_at)
        .where(PartnerCapacity.company_id == plant.company_id, PartnerCapacity.plant_id == plant.id)
    ).one_or_none()
    return valid_at + timedelta(hours=plant.capacity_hours) if valid_at and plant.capacity_hours else None


def _load(session: Session, plant: Plant, now: datetime) -> tuple[float, Words | None, timedelta]:
    """Of the fullest line: the share of its working time that operations and setups take in the coming week."""
    ends_at = now + AHEAD
    bars = list(_plain_bars(session, plant, now, ends_at))
    calendars = calendars_of(session, plant)
    downtimes = downtimes_of(session, plant, now, ends_at)
    matrices = _matrices(session, plant)
    shares: list[tuple[float, Words]] = []
    setups = 0
    for line in lines_of(session, plant):
        opened = windows(calendars[line.calendar_id], downtimes.get(line.id or 0, ()), now, ends_at)
        if not opened:
            continue
        clock = LineCalendar(SolverLine(line_key(plant, line), plant_key(plant), opened))
        taken = 0
        before: FamilyId | None = None
        for _line_id, starts, ends, family in (bar for bar in bars if bar[0] == line.id):
            taken += clock.work(second(ends)) - clock.work(second(starts))
            if line.setup_matrix_id is not None:
                after = FamilyId(family) if family else None
                setup = matrices[line.setup_matrix_id].between(before, after)
                setups, taken, before = setups + setup, taken + setup, after
        shares.append((min(1.0, taken / clock.total), line.name))
    load, fullest = max(shares, key=lambda share: share[0], default=(0.0, None))
    return load, fullest, timedelta(seconds=setups)


def _plain_bars(
    session: Session, plant: Plant, starts_at: datetime, ends_at: datetime
) -> Sequence[Row[int, datetime, datetime, str | None]]:
    query = (
        columns(
            col(ManufacturingOperation.line_id), col(ManufacturingOperation.starts_at),
            col(ManufacturingOperation.ends_at), col(ManufacturingOperation.family),
        )
        .where(col(ManufacturingOperation.company_id) == plant.company_id)
        .where(col(ManufacturingOperation.plant_id) == plant.id, _touches(starts_at, ends_at))
        .order_by(col(ManufacturingOperation.starts_at))
    )
    return session.execute(query).all()


def late_orders(session: Session, company_id: int, *, limit: int = 50) -> tuple[LateOrder, ...]:
    """Open orders that are not in time, worst first: broken promises, then those with the least time to spare."""
    near = near_of(session, company_id)
    dates = session.exec(
        select(ManufacturingOrder.id, ManufacturingOrder.completes_at, ManufacturingOrder.dispatch_at)
        .where(ManufacturingOrder.company_id == company_id, col(ManufacturingOrder.state).in_(OPEN_ORDERS))
    ).all()
    over = {
        order_id: completes_at - dispatch_at for order_id, completes_at, dispatch_at in dates
        if lateness_of(completes_at, dispatch_at, near) != Lateness.IN_TIME
    }
    worst = sorted(over, key=lambda order_id: (-over[order_id], order_id))[:limit]
    rows = session.exec(
        select(ManufacturingOrder, Plant)
        .join(Plant, and_(col(Plant.id) == ManufacturingOrder.plant_id, col(Plant.company_id) == company_id))
        .where(ManufacturingOrder.company_id == company_id, col(ManufacturingOrder.id).in_(worst))
    ).all()
    found = {
        order.id: LateOrder(
            id=order.id or 0, number=order.number, product_name=order.product_name, plant=plant.name, zone=plant.zone,
            lateness=lateness_of(order.completes_at, order.dispatch_at, near),
            over=order.completes_at - order.dispatch_at, completes_at=order.completes_at,
            promised_for=order.dispatch_at,
        )
        for order, plant in rows
    }
    return tuple(found[order_id] for order_id in worst)


def find_order(session: Session, company_id: int, number: str) -> int | None:
    """The order of this number, whatever its case; else the first that is for this; else the only one that ends so."""
    asked = number.strip().upper()
    if not asked:
        return None
    mine = select(ManufacturingOrder.id).where(ManufacturingOrder.company_id == company_id)
    exact = session.exec(mine.where(func.upper(ManufacturingOrder.number) == asked)).first()
    if exact is not None:
        return exact
    pegged = func.upper(ManufacturingOrder.pegging_key)
    owned = mine.where(or_(pegged == asked, pegged.startswith(f"{asked}/", autoescape=True)))
    first = session.exec(owned.order_by(col(ManufacturingOrder.id))).first()
    if first is not None:
        return first
    ending = mine.where(func.upper(ManufacturingOrder.number).endswith(asked, autoescape=True)).limit(2)
    few = session.exec(ending).all()
    return few[0] if len(few) == 1 else None
