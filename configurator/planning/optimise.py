"""A better schedule for a plant: searched in the background, proposed, compared by the planner, published or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from flask_babel import lazy_gettext as _l
from sqlalchemy import update
from sqlmodel import Session, col, select

from catalog.factory import Plant
from catalog.rows import utc_now
from configurator import audit, db
from configurator.errors import DomainError, NotFound
from configurator.jobs import Job, JobContext, JobState, enqueue, handler
from configurator.planning.books import Rows, next_version, read_rows
from configurator.planning.models import (
    EventKind,
    ManufacturingOperation,
    ManufacturingOrder,
    Proposal,
    ProposalState,
    ScheduleEvent,
    move,
)
from configurator.planning.records import (
    evaluation_to_json,
    instant,
    placements_from,
    placements_to_json,
    second,
)
from solver.scheduling.book import NoRoom, Occupied
from solver.scheduling.check import violations
from solver.scheduling.problem import Fixing, OperationId, Placement, SchedulingProblem, WorkOrder, WorkOrderId
from solver.scheduling.roll import HorizonTooShort, RollingBook
from solver.scheduling.schedule import Objective, Part, Schedule, evaluate
from solver.scheduling.search import Progress, search

log = structlog.get_logger()
KIND = "optimise"
SEARCH_SECONDS = 20.0
PUBLISH_TRIES = 3
MOVED_WEIGHT = 1200  # an operation that moves is worth two minutes of setups, or twelve seconds of tardiness


class ProposalOutdated(DomainError):
    """Since it was proposed the factory has gone on so far that it would break a rule or a promise."""

    code, status = "proposal_outdated", 409
    words = _l("The factory has moved on, and this proposal no longer fits. Please search again.")


def request_optimise(
    company_id: int, plant_id: int, *, actor_id: int | None = None, seconds: float = SEARCH_SECONDS
) -> int:
    """Ask for a search; the id of its job, or of the one that is under way for this plant.

    Raises NotFound; what a partner makes in its plant is not ours to move.
    """
    with db.writing() as session:
        plant = db.lock_row(session, Plant, plant_id)
        if plant is None or plant.company_id != company_id or plant.is_partners:
            raise NotFound(field="plant")
        running = running_job(session, company_id, plant_id)
        if running is not None:
            return running
        job = enqueue(session, company_id, KIND, created_by=actor_id, plant_id=plant_id, seconds=seconds)
        assert job.id is not None
        audit.record(session, company_id, "schedule.search", "plant", plant_id, actor_id=actor_id, job=job.id)
        return job.id


def running_job(session: Session, company_id: int, plant_id: int) -> int | None:
    """The search that waits or runs for this plant."""
    jobs = session.exec(
        select(Job)
        .where(Job.company_id == company_id, Job.kind == KIND)
        .where(col(Job.state).in_([JobState.QUEUED.value, JobState.RUNNING.value]))
        .order_by(col(Job.id))
    ).all()
    return next((job.id for job in jobs if job.arguments.get("plant_id") == plant_id), None)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A plant's schedule at a version, with all that may not move fixed."""

    plant_id: int
    version: int
    rows: Rows
    problem: SchedulingProblem

    @property
    def schedule(self) -> Schedule:
        return Schedule(self.rows.placements)


def snapshot(session: Session, plant_id: int, *, now: datetime | None = None) -> Snapshot:
    """The present schedule; what starts within the plant's frozen horizon is fixed besides facts and pins."""
    at = now or utc_now()
    rows = read_rows(session, plant_id, now=at)
    frozen_until = second(at) + 60 * rows.plant.frozen_minutes
    frozen = {
        key: (Fixing.FROZEN, placement)
        for key, placement in rows.placements.items()
        if placement.start < frozen_until and key not in rows.problem.fixed
    }
    problem = replace(rows.problem, fixed={**frozen, **rows.problem.fixed})
    return Snapshot(plant_id, rows.plant.schedule_version, rows, problem)


def objective_of(base: Snapshot) -> Objective:
    """What a better schedule of a plant is: promises first; then tardiness, setups and how little moves."""
    weights = {Part.TARDINESS: 100, Part.SETUP: 10, Part.MOVED: MOVED_WEIGHT, Part.MAKESPAN: 1}
    return Objective(weights, (Part.BROKEN, Part.OVER), base.schedule)


@handler(KIND)
def optimise(context: JobContext) -> dict[str, Any]:
    """The job: search from the present schedule, judge, store what is better as a proposal."""
    plant_id = int(context.arguments["plant_id"])
    with db.reading() as session:
        earlier = session.exec(
            select(Proposal.id).where(Proposal.company_id == context.company_id, Proposal.job_id == context.job_id)
        ).first()
        if earlier is not None:  # a worker died after it had stored it
            return {"proposal_id": earlier}
        base = snapshot(session, plant_id)

    def report(progress: Progress) -> None:
        context.report(
            share=round(progress.share, 3), moves=progress.moves, phase=progress.phase.value,
            **evaluation_to_json(progress.evaluation),
        )

    found = search(
        base.problem, objective_of(base), schedule=base.schedule,
        seconds=float(context.arguments.get("seconds", SEARCH_SECONDS)),
        seed=context.job_id, stop=context.stop.is_set, report=report,
    ).schedule
    if faults := violations(base.problem, found):
        raise RuntimeError("; ".join(f"{v.subject}: {v.what}" for v in faults[:3]))
    return store_proposal(context.company_id, base, found, job_id=context.job_id, actor_id=None)


def store_proposal(
    company_id: int,
    base: Snapshot,
    found: Schedule,
    *,
    job_id: int | None,
    actor_id: int | None,
    chosen: bool = False,
) -> dict[str, Any]:
    """Keep a judged schedule as the plant's one open proposal, if it is better than the present one or was `chosen`."""
    objective = objective_of(base)
    before, after = (evaluate(base.problem, schedule, base.schedule) for schedule in (base.schedule, found))
    moved = [p for key, p in found.placements.items() if p != base.rows.placements[key]]
    if not moved or (objective.value(after) >= objective.value(before) and not chosen):
        return {"proposal_id": None}
    now = utc_now()
    with db.writing() as session:
        db.lock_row(session, Plant, base.plant_id)  # nothing is published or proposed meanwhile
        for open_one in session.exec(
            select(Proposal).where(Proposal.company_id == company_id, Proposal.plant_id == base.plant_id)
            .where(Proposal.state == ProposalState.PROPOSED)
        ).all():
            move(open_one, ProposalState.DISCARDED, now)
        proposal = Proposal(
            company_id=company_id, plant_id=base.plant_id, job_id=job_id, base_version=base.version,
            placements=placements_to_json(moved), before=evaluation_to_json(before), after=evaluation_to_json(after),
            created_by=actor_id,
        )
        session.add(proposal)
        session.flush()
        return {"proposal_id": proposal.id}


# --- the planner decides ----------------------------------------------------------------------------------------------


def discard(company_id: int, proposal_id: int, *, actor_id: int | None = None) -> None:
    """The present schedule stays. Raises NotFound, or StateRefused once it was decided."""
    with db.writing() as session:
        proposal = _locked(session, company_id, proposal_id)
        move(proposal, ProposalState.DISCARDED, utc_now())
        proposal.decided_by = actor_id
        audit.record(session, company_id, "proposal.discarded", "proposal", proposal_id, actor_id=actor_id)


def publish(company_id: int, proposal_id: int, *, actor_id: int | None = None, now: datetime | None = None) -> int:
    """The proposal becomes the schedule; its new version.

    What has started or been ordered since keeps its place or is inserted anew; the whole is judged again. Raises
    ProposalOutdated if it breaks a rule or a promise that the present schedule keeps, or if the schedule moves on
    faster than this can follow; NotFound; StateRefused once it was decided.
    """
    for _ in range(PUBLISH_TRIES):
        at = now or utc_now()
        with db.reading() as session:
            proposal = _read(session, company_id, proposal_id)
            present = snapshot(session, proposal.plant_id, now=at)
            new = _ordered_since(session, proposal)
        placements = merged(present, proposal, new)
        with db.writing() as session:
            plant = db.lock_row(session, Plant, proposal.plant_id)
            assert plant is not None
            if plant.schedule_version != present.version:
                continue
            row = _locked(session, company_id, proposal_id)
            move(row, ProposalState.PUBLISHED, utc_now())
            row.decided_by, row.published_version = actor_id, plant.schedule_version + 1
            replace_schedule(session, plant, present, placements, {"proposal": proposal_id}, actor_id)
            audit.record(
                session, company_id, "proposal.published", "proposal", proposal_id, actor_id=actor_id
            )
            return plant.schedule_version
    log.warning("planning.publish_outrun", proposal=proposal_id)
    raise ProposalOutdated


def _read(session: Session, company_id: int, proposal_id: int) -> Proposal:
    proposal = session.get(Proposal, proposal_id)
    if proposal is None or proposal.company_id != company_id:
        raise NotFound(field="proposal")
    return proposal


def _locked(session: Session, company_id: int, proposal_id: int) -> Proposal:
    _read(session, company_id, proposal_id)
    proposal = db.lock_row(session, Proposal, proposal_id)
    assert proposal is not None
    return proposal


def _ordered_since(session: Session, proposal: Proposal) -> frozenset[str]:
    """Numbers of the orders that got their slots, or other ones, after the schedule that the proposal is about."""
    events = session.exec(
        select(ScheduleEvent)
        .where(ScheduleEvent.company_id == proposal.company_id, ScheduleEvent.plant_id == proposal.plant_id)
        .where(ScheduleEvent.version > proposal.base_version)
        .where(col(ScheduleEvent.kind).in_([EventKind.RESERVED.value, EventKind.CHANGED.value]))
    ).all()
    return frozenset(event.data["number"] for event in events)


def merged(present: Snapshot, proposal: Proposal, new: frozenset[str]) -> Mapping[OperationId, Placement]:
    """The proposal over the present schedule: only what may still move does. Raises ProposalOutdated."""
    problem = present.problem
    placements = dict(present.rows.placements)
    for placement in placements_from(proposal.placements):
        key = placement.operation
        if key.partition("/")[0] in new:
            continue  # it is made differently now
        if key in placements and key not in problem.fixed and placement.start >= problem.now:
            placements[key] = placement
    if violations(problem, Schedule(placements)):
        placements = _reinserted(problem, placements, new)
    if violations(problem, Schedule(placements)) or broken_anew(problem, present.rows.placements, placements):
        raise ProposalOutdated
    return placements


def _reinserted(
    problem: SchedulingProblem, placements: Mapping[OperationId, Placement], new: frozenset[str]
) -> dict[OperationId, Placement]:
    """New orders that are still all free are taken out and put back in; the others make room for the facts."""
    loose = [
        order for order in problem.orders
        if order.id in new and not any(operation.id in problem.fixed for operation in order.operations)
    ]
    gone = {operation.id for order in loose for operation in order.operations}
    book = RollingBook(problem, {key: placement for key, placement in placements.items() if key not in gone})
    try:
        book.repair()
        for order in sorted(loose, key=lambda order: (order.promise or order.due, order.id)):
            found = book.quote(order)
            if isinstance(found, NoRoom):
                raise ProposalOutdated
            book.commit(order, found)
    except (HorizonTooShort, Occupied) as error:
        raise ProposalOutdated from error
    return dict(book.placements)


def broken_anew(
    problem: SchedulingProblem,
    before: Mapping[OperationId, Placement],
    after: Mapping[OperationId, Placement],
) -> list[WorkOrderId]:
    """Orders whose promise the schedule before keeps and the one after does not."""
    def keeps(order: WorkOrder, placements: Mapping[OperationId, Placement]) -> bool:
        done = max(placements[operation.id].end for operation in order.operations)
        return order.promise is None or done <= order.promise

    return [order.id for order in problem.orders if keeps(order, before) and not keeps(order, after)]


def replace_schedule(
    session: Session,
    plant: Plant,
    present: Snapshot,
    placements: Mapping[OperationId, Placement],
    data: dict[str, Any],
    actor_id: int | None,
) -> None:
    """The new places, the orders' new completion, one event with its data, the next version; the plant is locked."""
    rows = present.rows
    moved = {key: p for key, p in placements.items() if p != rows.placements[key]}
    if moved:
        session.execute(update(ManufacturingOperation), [
            {
                "id": rows.operations[key].id, "line_id": rows.line_ids[placement.line],
                "starts_at": instant(placement.start), "ends_at": instant(placement.end),
            }
            for key, placement in moved.items()
        ])
        touched = {key.partition("/")[0] for key in moved}
        session.execute(update(ManufacturingOrder), [
            {
                "id": rows.orders[order.id].id,
                "completes_at": instant(max(placements[operation.id].end for operation in order.operations)),
            }
            for order in present.problem.orders if order.id in touched
        ])
    next_version(session, plant, EventKind.PUBLISHED, actor_id, **data)
