"""Where things are made: plants, lines, calendars and shifts, setup matrices, materials and their supply, carriers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, model_validator
from pydantic import Field as Bound
from sqlalchemy import JSON, CheckConstraint, and_
from sqlmodel import Field, Session, col, select

from catalog.content import Code, Content, Later, PlaceCode, Text, refusal
from catalog.explode import LineFact, PlantFacts
from catalog.problems import N_
from catalog.rows import CompanyRow, UtcDateTime, company_keys, unique_in_company
from solver.scheduling.problem import FamilyId, LineId, MaterialId, MatrixId, PlantId, Second, Window
from solver.scheduling.problem import Line as SolverLine
from solver.scheduling.problem import Material as SolverMaterial
from solver.scheduling.problem import SetupMatrix as SolverSetupMatrix

# --- contents of a factory file -------------------------------------------------------------------------------------


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise refusal(N_("%(name)s is not known"), N_("an IANA time zone, e.g. Asia/Shanghai"), name=name[:60])
    return name


class Day(StrEnum):
    """Days of the week, Monday first."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


DAYS = tuple(Day)
Zone = Annotated[str, Bound(max_length=60), AfterValidator(_known_zone)]
LocalTime = Annotated[str, Bound(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Country = Annotated[str, Bound(pattern=r"^[A-Z]{2}$")]
Minutes = Annotated[int, Bound(ge=0, le=10_080)]


class ShiftContent(Content):
    """Working time on these days, local; an end at or before the start is on the next day."""

    days: Annotated[tuple[Day, ...], Bound(min_length=1)]
    start: LocalTime
    end: LocalTime


class HolidayContent(Content):
    """Local days, both included, on which no shift starts."""

    name: Text
    first: date
    last: date

    @model_validator(mode="after")
    def _in_order(self) -> "HolidayContent":
        if not 0 <= (self.last - self.first).days <= 366:
            raise refusal(N_("the last day does not fit the first"), N_("last on or after first, within a year"))
        return self


class CalendarContent(Content):
    """When lines work; `holidays` names a list of the factory."""

    code: Code
    zone: Zone
    weekly: Annotated[tuple[ShiftContent, ...], Bound(min_length=1, max_length=100)]
    holidays: Code | None = None


class SetupMatrixContent(Content):
    """Minutes of setup between families, by their class; 0 between equal families.

    `families`: family -> class; `minutes`: class before -> class after -> minutes.
    """

    code: Code
    families: Annotated[dict[Code, Code], Bound(min_length=1, max_length=300)]
    minutes: dict[Code, dict[Code, Minutes]]

    @model_validator(mode="after")
    def _complete(self) -> "SetupMatrixContent":
        classes = set(self.families.values())
        for before in classes:
            if missing := classes - set(self.minutes.get(before, {})):
                raise refusal(
                    N_("there are no minutes from %(before)s to %(after)s"),
                    N_("minutes for every pair of classes"),
                    before=before,
                    after=", ".join(sorted(missing)),
                )
        return self


class LineContent(Content):
    """One production line; a line at 80 % speed takes 1.25 times the minutes of the routing."""

    code: PlaceCode
    name: Text
    stage: Code
    calendar: Code
    setup_matrix: Code | None = None
    speed_percent: Annotated[int, Bound(ge=1, le=1000)] = 100


class SupplyContent(Content):
    """Arrivals counted from the local day on which the file is loaded, `times` times, `every_days` apart."""

    arrives_in_days: Annotated[int, Bound(ge=0, le=366)]
    quantity: Annotated[int, Bound(ge=1, le=1_000_000_000)]
    times: Annotated[int, Bound(ge=1, le=100)] = 1
    every_days: Annotated[int, Bound(ge=1, le=366)] = 7


class MaterialContent(Content):
    """Something taken from stock, counted in whole `unit`s."""

    code: Code
    name: Text
    unit: Annotated[str, Bound(min_length=1, max_length=20)]


class StockContent(Content):
    """What a plant has of a material on the day on which the file is loaded, and what will come."""

    stock: Annotated[int, Bound(ge=0, le=1_000_000_000)] = 0
    supply: tuple[SupplyContent, ...] = ()


class CarrierContent(Content):
    """Who fetches parcels: until `cutoff` (local to the plant) on working days; `transit_days` by country."""

    code: PlaceCode
    name: Text
    cutoff: LocalTime
    working_days: Annotated[tuple[Day, ...], Bound(min_length=1)]
    transit_days: Annotated[dict[Country, Annotated[int, Bound(ge=0, le=90)]], Bound(min_length=1)]


class DepartureContent(Content):
    """When a transport leaves on these days, local to the plant that it leaves."""

    days: Annotated[tuple[Day, ...], Bound(min_length=1)]
    time: LocalTime


class TransportContent(Content):
    """What goes from one plant to another: its departures, and the minutes that it is under way.

    `holidays` names a list of the factory: on these days nothing leaves.
    """

    origin: PlaceCode
    destination: PlaceCode
    minutes: Annotated[int, Bound(ge=1, le=86_400)]
    departures: Annotated[tuple[DepartureContent, ...], Bound(min_length=1, max_length=50)]
    holidays: Code | None = None


class PartnerContent(Content):
    """A plant is a partner's, whose orders we do not see: it posts its free capacity, believed for so many hours."""

    capacity_hours: Annotated[int, Bound(ge=1, le=720)] = 24


class PlantContent(Content):
    """One plant with its lines, materials and carriers. `frozen_minutes`: what starts sooner is not moved by itself.

    `pickup`: where and when buyers fetch what they ordered: address and opening hours.
    `partner`: it is a partner's. What it has in stock is then part of what it posts.
    """

    code: PlaceCode
    name: Text
    zone: Zone
    country: Country
    accepts_automatic_moves: bool = True
    frozen_minutes: Minutes = 0
    lines: Annotated[tuple[LineContent, ...], Bound(min_length=1)]
    materials: dict[Code, StockContent] = {}
    carriers: tuple[CarrierContent, ...] = ()
    partner: Annotated[PartnerContent | None, Later] = None
    pickup: Annotated[Text | None, Later] = None

    @model_validator(mode="after")
    def _stock_is_posted(self) -> "PlantContent":
        stated = [code for code, stock in self.materials.items() if stock.stock or stock.supply]
        if self.partner is not None and stated:
            raise refusal(
                N_("a partner's plant has a stock of %(materials)s"),
                N_("no stock and no supply: the partner posts what is free of it"),
                materials=", ".join(stated),
            )
        return self


class FactoryContent(Content):
    """All plants of a company, with the calendars, matrices and materials that they use, and what goes between them."""

    holidays: dict[Code, tuple[HolidayContent, ...]] = {}
    calendars: Annotated[tuple[CalendarContent, ...], Bound(min_length=1)]
    setup_matrices: tuple[SetupMatrixContent, ...] = ()
    materials: tuple[MaterialContent, ...] = ()
    plants: Annotated[tuple[PlantContent, ...], Bound(min_length=1)]
    transports: Annotated[tuple[TransportContent, ...], Bound(max_length=200), Later] = ()


# --- tables ---------------------------------------------------------------------------------------------------------


class Plant(CompanyRow, table=True):
    """The unit of truth, of locking and of solving; `schedule_version` counts every change of its slots.

    `capacity_hours`: it is a partner's, and what it posts of its free capacity is believed for so long; None: our own.
    """

    __table_args__ = company_keys(
        unique_in_company("code"),
        CheckConstraint("schedule_version >= 0", name="schedule_version_not_negative"),
        CheckConstraint("frozen_minutes >= 0", name="frozen_minutes_not_negative"),
        CheckConstraint("capacity_hours > 0", name="capacity_hours_positive"),
    )

    code: str = Field(max_length=40)
    name: dict[str, Any] = Field(sa_type=JSON)
    zone: str = Field(max_length=60)
    country: str = Field(max_length=2)
    schedule_version: int = 0
    accepts_automatic_moves: bool = True
    frozen_minutes: int = 0
    capacity_hours: int | None = None
    pickup: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))

    @property
    def is_partners(self) -> bool:
        """Whether it is a partner's, whose orders we do not see."""
        return self.capacity_hours is not None


class Calendar(CompanyRow, table=True):
    """Weekly shifts and holidays: `weekly` as in ShiftContent, `holidays` as in HolidayContent."""

    __table_args__ = company_keys(unique_in_company("code"))

    code: str = Field(max_length=40)
    zone: str = Field(max_length=60)
    weekly: list[dict[str, Any]] = Field(sa_type=JSON)
    holidays: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)


class SetupMatrix(CompanyRow, table=True):
    """Setup times by family class; `families` and `minutes` are as in SetupMatrixContent."""

    __tablename__ = "setup_matrix"
    __table_args__ = company_keys(unique_in_company("code"))

    code: str = Field(max_length=40)
    families: dict[str, str] = Field(sa_type=JSON)
    minutes: dict[str, dict[str, int]] = Field(sa_type=JSON)


class Line(CompanyRow, table=True):
    """A production line of a plant."""

    __table_args__ = company_keys(
        unique_in_company("plant_id", "code"),
        CheckConstraint("speed_percent > 0", name="speed_positive"),
        plant_id="plant",
        calendar_id="calendar",
        setup_matrix_id="setup_matrix",
    )

    plant_id: int
    code: str = Field(max_length=40)
    name: dict[str, Any] = Field(sa_type=JSON)
    stage: str = Field(max_length=40)
    calendar_id: int
    setup_matrix_id: int | None = None
    speed_percent: int = 100


class Material(CompanyRow, table=True):
    """What a plant has in stock, in whole units."""

    __table_args__ = company_keys(
        unique_in_company("plant_id", "code"),
        CheckConstraint("stock >= 0", name="stock_not_negative"),
        plant_id="plant",
    )

    plant_id: int
    code: str = Field(max_length=40)
    name: dict[str, Any] = Field(sa_type=JSON)
    unit: str = Field(max_length=20)
    stock: int = 0


class MaterialSupply(CompanyRow, table=True):
    """An arrival of a material."""

    __tablename__ = "material_supply"
    __table_args__ = company_keys(
        unique_in_company("material_id", "arrives_at"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
        material_id="material",
    )

    material_id: int
    arrives_at: datetime = Field(sa_type=UtcDateTime)
    quantity: int


class Downtime(CompanyRow, table=True):
    """Half-open interval [starts_at, ends_at) in which a line makes nothing."""

    __table_args__ = company_keys(CheckConstraint("starts_at < ends_at", name="starts_before_end"), line_id="line")

    line_id: int
    starts_at: datetime = Field(sa_type=UtcDateTime)
    ends_at: datetime = Field(sa_type=UtcDateTime)
    reason: str = Field(default="", max_length=200)


class Carrier(CompanyRow, table=True):
    """Who fetches a plant's parcels; `working_days` and `transit_days` are as in CarrierContent."""

    __table_args__ = company_keys(
        unique_in_company("plant_id", "code"),
        CheckConstraint("length(cutoff) = 5", name="cutoff_is_hh_mm"),
        plant_id="plant",
    )

    plant_id: int
    code: str = Field(max_length=40)
    name: dict[str, Any] = Field(sa_type=JSON)
    cutoff: str = Field(max_length=5)
    working_days: list[str] = Field(sa_type=JSON)
    transit_days: dict[str, int] = Field(sa_type=JSON)


class FactoryLoad(CompanyRow, table=True):
    """One loading of the factory's content, so that the same file again changes nothing. The newest is in force."""

    __tablename__ = "factory_load"
    __table_args__ = company_keys(
        unique_in_company("number"),
        CheckConstraint("number >= 1", name="factory_load_number_positive"),
        CheckConstraint("length(sha256) = 64", name="factory_load_sha256_length"),
    )

    number: int
    loaded_at: datetime = Field(sa_type=UtcDateTime)
    content: dict[str, Any] = Field(sa_type=JSON)
    sha256: str = Field(max_length=64)


# --- questions ------------------------------------------------------------------------------------------------------


def plant_key(plant: Plant) -> PlantId:
    """How the solver names a plant."""
    return PlantId(plant.code)


def line_key(plant: Plant, line: Line) -> LineId:
    """How the solver names a line: `wuxi/paint-1`."""
    return LineId(f"{plant.code}/{line.code}")


def material_key(plant: Plant, material: Material) -> MaterialId:
    """How the solver names a material: `wuxi/frame_s`."""
    return MaterialId(f"{plant.code}/{material.code}")


def windows(calendar: Calendar, downtimes: Iterable[Downtime], start: datetime, end: datetime) -> tuple[Window, ...]:
    """When a line with this calendar works within [start, end): UTC unix seconds, merged and sorted.

    A local time that the clock skips is read with the offset before the jump (02:30 becomes 03:30), one that comes
    twice means the first: shifts that touch keep touching, none is lost and none is counted twice. A holiday takes the
    shifts that start on it. Raises ValueError for a naive `start` or `end`.
    """
    first, last = _unix(start), _unix(end)
    opened = _opened(_weeks_of(calendar), first, last)
    closed = _merged(_clip(((_unix(d.starts_at), _unix(d.ends_at)) for d in downtimes), first, last))
    return tuple(_windows(_without([(w.start, w.end) for w in opened], closed))) if closed else opened


@dataclass(frozen=True, slots=True)
class SchedulingLines:
    """What a plant offers the solver over a horizon."""

    lines: tuple[SolverLine, ...]
    setups: tuple[SolverSetupMatrix, ...]
    materials: tuple[SolverMaterial, ...]


def scheduling_lines(session: Session, plant: Plant, start: datetime, end: datetime) -> SchedulingLines:
    """The plant's lines with their windows in [start, end), setup matrices, materials with all arrivals before `end`.

    A line that is closed for the whole horizon gets one second after it, so that what stands on it stays known.
    """
    calendars = {row.id: row for row in _rows(session, Calendar, plant.company_id)}
    matrices = {row.id: row for row in _rows(session, SetupMatrix, plant.company_id)}
    lines: list[SolverLine] = []
    used: set[int] = set()
    downtimes = _downtimes(session, plant, start, end)
    for line in lines_of(session, plant):
        open_at = windows(calendars[line.calendar_id], downtimes.get(line.id or 0, ()), start, end)
        if not open_at:
            closing = Second(_unix(end))
            open_at = (Window(closing, Second(closing + 1)),)
        setups = None
        if line.setup_matrix_id is not None:
            used.add(line.setup_matrix_id)
            setups = MatrixId(matrices[line.setup_matrix_id].code)
        lines.append(SolverLine(line_key(plant, line), plant_key(plant), open_at, setups))
    setups_used = tuple(setup_seconds(matrices[matrix]) for matrix in sorted(used))
    return SchedulingLines(tuple(lines), setups_used, _materials(session, plant, end))


def setup_seconds(matrix: SetupMatrix) -> SolverSetupMatrix:
    """The matrix by family instead of by class, in seconds; equal families and zeros are not listed."""
    seconds = {
        (FamilyId(before), FamilyId(after)): 60 * matrix.minutes[class_before][class_after]
        for before, class_before in matrix.families.items()
        for after, class_after in matrix.families.items()
        if before != after and matrix.minutes[class_before][class_after]
    }
    return SolverSetupMatrix(MatrixId(matrix.code), seconds)


def plant_facts(session: Session, plant: Plant) -> PlantFacts:
    """What exploding a work order asks of a plant: its lines by stage and its materials."""
    stages: dict[str, list[LineFact]] = {}
    for line in lines_of(session, plant):
        stages.setdefault(line.stage, []).append(LineFact(line_key(plant, line), line.speed_percent))
    materials = {m.code: material_key(plant, m) for m in materials_of(session, plant)}
    return PlantFacts(plant_key(plant), {stage: tuple(facts) for stage, facts in stages.items()}, materials)


def plants_of(session: Session, company_id: int) -> Sequence[Plant]:
    """All plants of a company, by code."""
    return session.exec(select(Plant).where(Plant.company_id == company_id).order_by(Plant.code)).all()


def lines_of(session: Session, plant: Plant) -> Sequence[Line]:
    """All lines of a plant, in the order of the file."""
    query = select(Line).where(Line.company_id == plant.company_id, Line.plant_id == plant.id)
    return sorted(session.exec(query).all(), key=lambda line: line.id or 0)


def materials_of(session: Session, plant: Plant) -> Sequence[Material]:
    """All materials of a plant, in the order of the file."""
    query = select(Material).where(Material.company_id == plant.company_id, Material.plant_id == plant.id)
    return sorted(session.exec(query).all(), key=lambda material: material.id or 0)


# --- how ------------------------------------------------------------------------------------------------------------

Row = TypeVar("Row", bound=CompanyRow)
Interval = tuple[int, int]


def _rows(session: Session, table: type[Row], company_id: int) -> Sequence[Row]:
    return session.exec(select(table).where(table.company_id == company_id)).all()


def _downtimes(session: Session, plant: Plant, start: datetime, end: datetime) -> dict[int, list[Downtime]]:
    query = (
        select(Downtime)
        .join(Line, and_(col(Line.id) == Downtime.line_id, col(Line.company_id) == Downtime.company_id))
        .where(Line.company_id == plant.company_id, Line.plant_id == plant.id)
        .where(Downtime.starts_at < end, Downtime.ends_at > start)
    )
    found: dict[int, list[Downtime]] = {}
    for downtime in session.exec(query).all():
        found.setdefault(downtime.line_id, []).append(downtime)
    return found


def _materials(session: Session, plant: Plant, end: datetime) -> tuple[SolverMaterial, ...]:
    arrivals: dict[int, list[tuple[Second, int]]] = {}
    query = (  # columns alone: there are thousands of arrivals
        select(MaterialSupply.material_id, MaterialSupply.arrives_at, MaterialSupply.quantity)
        .join(
            Material,
            and_(col(Material.id) == MaterialSupply.material_id, col(Material.company_id) == MaterialSupply.company_id),
        )
        .where(Material.company_id == plant.company_id, Material.plant_id == plant.id, MaterialSupply.arrives_at < end)
        .order_by(col(MaterialSupply.arrives_at))
    )
    for material_id, arrives_at, quantity in session.exec(query).all():
        arrivals.setdefault(material_id, []).append((Second(_unix(arrives_at)), quantity))
    return tuple(
        SolverMaterial(material_key(plant, material), material.stock, tuple(arrivals.get(material.id or 0, ())))
        for material in materials_of(session, plant)
    )


def _unix(instant: datetime) -> int:
    if instant.tzinfo is None:
        raise ValueError("An instant needs a time zone.")
    return int(instant.timestamp())


def local_instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The UTC instant of a local time; skipped times move forward by the jump, repeated ones mean the first."""
    return datetime.combine(day, at, tzinfo=zone).replace(fold=0).astimezone(UTC)


DaysOff = tuple[tuple[date, date], ...]  # first and last day


def days_off(holidays: Iterable[dict[str, Any]]) -> DaysOff:
    """The days of holidays as rows keep them (HolidayContent)."""
    return tuple((date.fromisoformat(one["first"]), date.fromisoformat(one["last"])) for one in holidays)


def is_off(day: date, off: DaysOff) -> bool:
    """Whether a day is one of them."""
    return any(first <= day <= last for first, last in off)


@dataclass(frozen=True, slots=True)
class _Weeks:
    """What a calendar says, comparable: most lines of a house have the same."""

    zone: str
    shifts: tuple[tuple[frozenset[str], time, time], ...]
    days_off: DaysOff


def _weeks_of(calendar: Calendar) -> _Weeks:
    return _Weeks(
        calendar.zone,
        tuple(
            (frozenset(s["days"]), time.fromisoformat(s["start"]), time.fromisoformat(s["end"]))
            for s in calendar.weekly
        ),
        days_off(calendar.holidays),
    )


@lru_cache(maxsize=64)
def _opened(weeks: _Weeks, first: int, last: int) -> tuple[Window, ...]:
    """The shifts within [first, last), merged and sorted."""
    return tuple(_windows(_merged(_clip(_shifts(weeks, first, last), first, last))))


def _windows(intervals: Iterable[Interval]) -> Iterable[Window]:
    return (Window(Second(a), Second(b)) for a, b in intervals)


def _shifts(weeks: _Weeks, first: int, last: int) -> Iterable[Interval]:
    """Every shift that could touch [first, last); the day before counts because of night shifts."""
    zone = ZoneInfo(weeks.zone)
    day = datetime.fromtimestamp(first, zone).date() - timedelta(days=1)
    final = datetime.fromtimestamp(last, zone).date()
    while day <= final:
        if not is_off(day, weeks.days_off):
            for days, opens, closes in weeks.shifts:
                if DAYS[day.weekday()] in days:
                    until = day if closes > opens else day + timedelta(days=1)
                    yield _unix(local_instant(day, opens, zone)), _unix(local_instant(until, closes, zone))
        day += timedelta(days=1)


def _clip(intervals: Iterable[Interval], first: int, last: int) -> list[Interval]:
    clipped = ((max(a, first), min(b, last)) for a, b in intervals)
    return [(a, b) for a, b in clipped if a < b]


def _merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Disjoint and sorted; what touches becomes one."""
    result: list[Interval] = []
    for a, b in sorted(intervals):
        if result and a <= result[-1][1]:
            result[-1] = (result[-1][0], max(b, result[-1][1]))
        else:
            result.append((a, b))
    return result


def _without(opened: list[Interval], closed: list[Interval]) -> Iterable[Interval]:
    """`opened` minus `closed`; both merged."""
    for a, b in opened:
        for x, y in closed:
            if y <= a or x >= b:
                continue
            if a < x:
                yield a, x
            a = max(a, y)
            if a >= b:
                break
        if a < b:
            yield a, b
