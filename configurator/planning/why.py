"""Why an order is done when it is done, as a planner reads it, and what would help: searched for in the background."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlmodel import Session, col, select

from catalog.factory import Plant, line_key, lines_of, material_key, materials_of
from catalog.rows import Company
from configurator import audit, db
from configurator.errors import DomainError, NotFound
from configurator.jobs import Job, JobContext, JobState, enqueue, handler, job_of
from configurator.planning.board import Lateness, lateness_of, near_of
from configurator.planning.models import OPEN_ORDERS, ManufacturingOrder
from configurator.planning.optimise import Snapshot, broken_anew, snapshot, store_proposal
from configurator.planning.records import instant, placements_from, placements_to_json, second
from configurator.planning.reports import operations_of
from configurator.planning.transfers import TransferView, transfers_to
from solver.scheduling.check import violations
from solver.scheduling.problem import Fixing, WorkOrderId
from solver.scheduling.remedies import InTime, Kind, Progress, Rates, Remedy, remedies
from solver.scheduling.schedule import Schedule
from solver.scheduling.why import Chain, Link, Reason, chain

Words = Mapping[str, str]
KIND = "remedies"
SEARCH_SECONDS = 25.0
MOST_BLOCKERS = 4  # named in a row
LATEST = 50  # jobs that are looked at for the last one about an order
RATES = Rates()


class RemedyOutdated(DomainError):
    """The schedule has changed since the remedy was found, and it no longer fits."""

    code, status = "remedy_outdated", 409
    words = _l("The schedule has changed since this was found. Please search again.")


# --- why --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the picture: from `x` on, `width` wide, in thousandths of the whole way."""

    reason: Reason
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Blocker:
    """Another order that is in the way, or another operation of the same one that is waited for."""

    number: str
    order_id: int
    span: timedelta


@dataclass(frozen=True, slots=True)
class Share:
    """What the order's way spends on one reason at one operation. `after`: of that, what is later than wanted."""

    reason: Reason
    operation: Words
    line: Words
    span: timedelta
    after: timedelta
    starts_at: datetime
    ends_at: datetime
    blockers: tuple[Blocker, ...]
    more_blockers: int
    material: Words | None
    resource: str | None
    part: TransferView | None  # what it waits for from another plant
    frozen: bool  # a PIN that the frozen horizon made


@dataclass(frozen=True, slots=True)
class Why:
    """An order's whole way. `wanted_at`: what it misses (its dispatch or its due date), None if it is in time.

    `due_x`, `dispatch_x`: where these instants are in the picture, None outside of it.
    """

    order_id: int
    number: str
    zone: str
    starts_at: datetime
    ends_at: datetime
    due_at: datetime
    dispatch_at: datetime
    lateness: Lateness
    wanted_at: datetime | None
    late: timedelta
    segments: tuple[Segment, ...]
    shares: tuple[Share, ...]
    due_x: float | None
    dispatch_x: float | None
    is_partners: bool  # it is made in a partner's plant, where nothing is ours to move

    @property
    def largest(self) -> Share | None:
        """What takes most of the time beside the work itself."""
        waits = [share for share in self.shares if share.reason is not Reason.WORK]
        return max(waits, key=lambda share: share.span, default=None)


def why(session: Session, company_id: int, order_id: int, *, now: datetime | None = None) -> Why | None:
    """The way of an open order; None once it is made or cancelled. Raises NotFound."""
    row = _order(session, company_id, order_id)
    if row.state not in OPEN_ORDERS:
        return None
    base = snapshot(session, row.plant_id, now=now)
    whole = chain(base.problem, base.schedule, WorkOrderId(row.number))
    wanted_at = _wanted(row)
    start, span = whole.start, max(1, whole.completion - whole.start)

    def x(at: datetime) -> float | None:
        return 1000 * (second(at) - start) / span if start <= second(at) <= whole.completion else None

    return Why(
        order_id=order_id, number=row.number, zone=base.rows.plant.zone, starts_at=instant(whole.start),
        ends_at=instant(whole.completion), due_at=row.due_at, dispatch_at=row.dispatch_at,
        lateness=lateness_of(row.completes_at, row.dispatch_at, near_of(session, company_id)), wanted_at=wanted_at,
        late=instant(whole.completion) - wanted_at if wanted_at is not None else timedelta(),
        segments=tuple(_segments(whole, span)), shares=_shares(session, base, whole, wanted_at),
        due_x=x(row.due_at), dispatch_x=x(row.dispatch_at), is_partners=base.rows.plant.is_partners,
    )  # fmt: skip


def _order(session: Session, company_id: int, order_id: int) -> ManufacturingOrder:
    row = session.get(ManufacturingOrder, order_id)
    if row is None or row.company_id != company_id:
        raise NotFound(field="manufacturing_order")
    return row


def _wanted(row: ManufacturingOrder) -> datetime | None:
    """The instant that an order misses: the last one that keeps its promise, else its due date."""
    if row.completes_at > row.dispatch_at:
        return row.dispatch_at
    return row.due_at if row.completes_at > row.due_at else None


def _segments(whole: Chain, span: int) -> Iterable[Segment]:
    """Neighbours with the same reason are one piece."""
    start, links = whole.start, whole.links
    at = 0
    while at < len(links):
        end = at
        while end + 1 < len(links) and links[end + 1].reason is links[at].reason:
            end += 1
        left = 1000 * (links[at].start - start) / span
        yield Segment(links[at].reason, round(left, 2), round(1000 * (links[end].end - start) / span - left, 2))
        at = end + 1


def _shares(session: Session, base: Snapshot, whole: Chain, wanted_at: datetime | None) -> tuple[Share, ...]:
    """The links of one reason at one operation together, in the order in which they begin."""
    plant, rows = base.rows.plant, base.rows
    lines = {str(line_key(plant, line)): line.name for line in lines_of(session, plant)}
    materials = {str(material_key(plant, found)): found.name for found in materials_of(session, plant)}
    order_id = db.id_of(rows.orders[whole.order.id])
    part = transfers_to(session, plant.company_id, [order_id]).get(order_id)
    after = second(wanted_at) if wanted_at is not None else whole.completion
    groups: dict[tuple[Any, ...], list[Link]] = {}
    for link in whole.links:
        groups.setdefault((link.reason, link.operation, link.material, link.resource), []).append(link)
    found = []
    for (reason, operation, material, resource), links in groups.items():
        blockers = _blockers(base, links)
        fixing = base.problem.fixed.get(operation)
        found.append(Share(
            reason=reason, operation=rows.operations[operation].name, line=lines[str(links[0].line)],
            span=timedelta(seconds=sum(link.seconds for link in links)),
            after=timedelta(seconds=sum(max(0, link.end - max(link.start, after)) for link in links)),
            starts_at=instant(links[0].start), ends_at=instant(links[-1].end), blockers=blockers[:MOST_BLOCKERS],
            more_blockers=len(blockers[MOST_BLOCKERS:]), material=materials[str(material)] if material else None,
            resource=str(resource) if resource else None,
            part=part if reason is Reason.TRANSPORT and not blockers else None,
            frozen=fixing is not None and fixing[0] is Fixing.FROZEN,
        ))  # fmt: skip
    return tuple(found)


def _blockers(base: Snapshot, links: Sequence[Link]) -> tuple[Blocker, ...]:
    """Other orders that these links name, those that take most of the time first."""
    own = links[0].operation.partition("/")[0]
    seconds: dict[str, int] = {}
    for link in links:
        for number in {other.partition("/")[0] for other in link.others} & base.rows.orders.keys() - {own}:
            seconds[number] = seconds.get(number, 0) + link.seconds
    ranked = sorted(seconds.items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        Blocker(number, db.id_of(base.rows.orders[number]), timedelta(seconds=taken)) for number, taken in ranked
    )


# --- what would help: the job -----------------------------------------------------------------------------------------


def request_remedies(
    company_id: int, order_id: int, *, actor_id: int | None = None, seconds: float = SEARCH_SECONDS
) -> int:
    """Ask what would help an order; the id of the job, or of the one that is under way.

    Raises NotFound, also for what a partner makes.
    """
    with db.writing() as session:
        row = _order(session, company_id, order_id)
        plant = db.lock_row(session, Plant, row.plant_id)  # one search an order at a time
        if plant is None or plant.is_partners:
            raise NotFound(field="plant")
        latest = _latest(session, company_id, order_id)
        if latest is not None and not JobState(latest.state).is_over:
            return db.id_of(latest)
        job = enqueue(session, company_id, KIND, created_by=actor_id, order_id=order_id, seconds=seconds)
        audit.record(
            session, company_id, "order.remedies", "manufacturing_order", order_id, actor_id=actor_id, job=job.id
        )  # fmt: skip
        return db.id_of(job)


def _latest(session: Session, company_id: int, order_id: int) -> Job | None:
    """The last job about an order."""
    jobs = session.exec(
        select(Job).where(Job.company_id == company_id, Job.kind == KIND).order_by(col(Job.id).desc()).limit(LATEST)
    ).all()
    return next((job for job in jobs if job.arguments.get("order_id") == order_id), None)


@handler(KIND)
def find_remedies(context: JobContext) -> dict[str, Any]:
    """The job: search from the present schedule; what was found, as plain data."""
    with db.reading() as session:
        row = _order(session, context.company_id, int(context.arguments["order_id"]))
        wanted = _wanted(row)
        base = snapshot(session, row.plant_id)
    answer: dict[str, Any] = {"completes": second(row.completes_at), "remedies": []}
    if wanted is None or row.state not in OPEN_ORDERS:
        return answer

    def report(progress: Progress) -> None:
        trying = progress.trying.value if progress.trying is not None else None
        context.report(share=round(progress.share, 3), trying=trying, found=len(progress.found))

    try:
        found = remedies(
            base.problem, base.schedule, WorkOrderId(row.number), wanted=second(wanted), rates=RATES,
            seconds=float(context.arguments.get("seconds", SEARCH_SECONDS)), seed=context.job_id,
            stop=context.stop.is_set, report=report,
        )  # fmt: skip
    except InTime:  # time has gone on, and it is in time again
        return answer
    return answer | {"wanted": second(wanted), "remedies": [_to_json(remedy, base) for remedy in found]}


def _to_json(remedy: Remedy, base: Snapshot) -> dict[str, Any]:
    action = remedy.action
    places = [remedy.schedule.placements[key] for key in remedy.moved]
    return {
        "kind": action.kind.value,
        "overtime": [[line, window.start, window.end] for line, window in action.overtime],
        "deliveries": [[d.material, d.quantity, d.instead, d.arrival] for d in action.deliveries],
        "orders": list(action.orders),
        "operations": list(action.operations),
        "completion": remedy.completion, "enough": remedy.enough, "gained": remedy.gained,
        "broken": list(remedy.broken), "later": [list(pair) for pair in remedy.later],
        "tardiness": remedy.tardiness, "cost": remedy.cost, "moved": len(remedy.moved),
        "placements": placements_to_json(places) if action.kind is Kind.MOVE else {},
    }


# --- what would help: as it is read -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Other:
    """Another order that a remedy touches; `by`: so much later than by the present schedule."""

    number: str
    order_id: int | None
    by: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class RemedyView:
    """A remedy as a card. `proposable`: it only moves operations, so that it can become a proposal."""

    position: int
    kind: Kind
    overtime: tuple[tuple[Words, datetime, datetime], ...]
    deliveries: tuple[tuple[Words, int, str, datetime, datetime], ...]  # material, quantity, unit, instead of, by
    unpinned: tuple[tuple[Words, str], ...]  # operation, number of its order
    orders: tuple[Other, ...]
    completes_at: datetime
    gained: timedelta
    enough: bool
    broken: tuple[Other, ...]
    later: tuple[Other, ...]
    moved: int
    cost_minor: int
    proposable: bool


@dataclass(frozen=True, slots=True)
class RemedySearch:
    """A search for remedies that waits, runs or has ended. `outdated`: the order's forecast has changed since."""

    job_id: int
    order_id: int
    zone: str
    currency: str
    state: JobState
    share: float
    trying: Kind | None
    found: int
    stopping: bool
    outdated: bool
    remedies: tuple[RemedyView, ...]

    @property
    def is_over(self) -> bool:
        return self.state.is_over


def remedy_search(session: Session, company_id: int, job_id: int) -> RemedySearch:
    """A search by its job; raises NotFound."""
    return _search(session, job_of(session, company_id, job_id, KIND))


def latest_search(session: Session, company_id: int, order_id: int) -> RemedySearch | None:
    """The last search about an order."""
    job = _latest(session, company_id, order_id)
    return _search(session, job) if job is not None else None


def _search(session: Session, job: Job) -> RemedySearch:
    order = session.get_one(ManufacturingOrder, int(job.arguments["order_id"]))
    plant = session.get_one(Plant, order.plant_id)
    trying = job.progress.get("trying")
    return RemedySearch(
        job_id=db.id_of(job), order_id=db.id_of(order), zone=plant.zone,
        currency=session.get_one(Company, job.company_id).currency, state=JobState(job.state),
        share=float(job.progress.get("share", 0.0)), trying=Kind(trying) if trying else None,
        found=int(job.progress.get("found", 0)), stopping=job.cancel_requested,
        outdated=job.result.get("completes", second(order.completes_at)) != second(order.completes_at),
        remedies=_views(session, plant, job.result.get("remedies", [])),
    )  # fmt: skip


def _views(session: Session, plant: Plant, data: Sequence[Mapping[str, Any]]) -> tuple[RemedyView, ...]:
    lines = {str(line_key(plant, line)): line.name for line in lines_of(session, plant)}
    materials = {str(material_key(plant, found)): found for found in materials_of(session, plant)}
    numbers: set[str] = set()
    for row in data:
        numbers |= {*row["orders"], *row["broken"], *(number for number, _ in row["later"])}
        numbers |= {key.partition("/")[0] for key in row["operations"]}
    orders = {
        found.number: found
        for found in session.exec(
            select(ManufacturingOrder)
            .where(ManufacturingOrder.company_id == plant.company_id, ManufacturingOrder.plant_id == plant.id)
            .where(col(ManufacturingOrder.number).in_(sorted(numbers)))
        ).all()
    }

    def other(number: str, by: int = 0) -> Other:
        return Other(number, orders[number].id if number in orders else None, timedelta(seconds=by))

    return tuple(
        RemedyView(
            position=position, kind=Kind(row["kind"]),
            overtime=tuple((lines[line], instant(start), instant(end)) for line, start, end in row["overtime"]),
            deliveries=tuple(
                (materials[key].name, quantity, materials[key].unit, instant(instead), instant(by))
                for key, quantity, instead, by in row["deliveries"]
            ),
            unpinned=_operation_names(session, row["operations"], orders),
            orders=tuple(other(number) for number in row["orders"]),
            completes_at=instant(row["completion"]), gained=timedelta(seconds=row["gained"]), enough=row["enough"],
            broken=tuple(other(number) for number in row["broken"]),
            later=tuple(other(number, by) for number, by in sorted(row["later"], key=lambda pair: -pair[1])),
            moved=row["moved"], cost_minor=round(row["cost"] * 100), proposable=bool(row["placements"]),
        )
        for position, row in enumerate(data)
    )  # fmt: skip


def _operation_names(
    session: Session, operations: Sequence[str], orders: Mapping[str, ManufacturingOrder]
) -> tuple[tuple[Words, str], ...]:
    parts = (key.partition("/") for key in operations)
    named = [(orders[number], code) for number, _, code in parts if number in orders]
    if not named:
        return ()
    ids = sorted({db.id_of(order) for order, _ in named})
    rows = operations_of(session, named[0][0].company_id, ids)
    return tuple((rows[db.id_of(order)][code].name, order.number) for order, code in named)


def propose(company_id: int, job_id: int, position: int, *, actor_id: int | None = None) -> int:
    """Make a remedy that only moves operations the plant's open proposal; its id.

    Raises RemedyOutdated when the schedule has changed so that it no longer fits, and NotFound.
    """
    with db.reading() as session:
        job = job_of(session, company_id, job_id, KIND)
        found = job.result.get("remedies", [])
        if not 0 <= position < len(found) or not found[position]["placements"]:
            raise NotFound(field="remedy")
        order = _order(session, company_id, int(job.arguments["order_id"]))
        base = snapshot(session, order.plant_id)
    present = base.rows.placements
    places = {place.operation: place for place in placements_from(found[position]["placements"])}
    if any(key not in present or key in base.problem.fixed for key in places):
        raise RemedyOutdated
    placements = {**present, **places}
    if violations(base.problem, Schedule(placements)) or broken_anew(base.problem, present, placements):
        raise RemedyOutdated
    schedule = Schedule(placements)
    answer = store_proposal(company_id, base, schedule, job_id=job_id, actor_id=actor_id, chosen=True)
    if answer["proposal_id"] is None:
        raise RemedyOutdated
    proposal_id: int = answer["proposal_id"]
    return proposal_id
