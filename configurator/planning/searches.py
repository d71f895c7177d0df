"""Searches for a better schedule and what they propose, as a planner reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from catalog.factory import Line, Plant, line_key, lines_of
from configurator.errors import NotFound
from configurator.jobs import JobState, job_of
from configurator.planning.models import ManufacturingOperation, ManufacturingOrder, Proposal, ProposalState
from configurator.planning.optimise import KIND, running_job
from configurator.planning.records import instant, placements_from

Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Figures:
    """A schedule in figures: promises that it breaks, weighted seconds later than due, seconds of setup."""

    broken: int
    tardiness: int
    setup: int

    @staticmethod
    def of(data: Mapping[str, Any]) -> Figures:
        return Figures(int(data["broken"]), int(data["tardiness"]), int(data["setup"]))


@dataclass(frozen=True, slots=True)
class Search:
    """A search that waits, runs or has ended. `best`: the figures of the best schedule so far."""

    job_id: int
    plant_id: int
    plant: Words
    state: JobState
    share: float
    best: Figures | None
    stopping: bool
    proposal_id: int | None

    @property
    def is_over(self) -> bool:
        return self.state.is_over


@dataclass(frozen=True, slots=True)
class Move:
    """An operation's present place, and the one that a proposal has for it."""

    order_id: int
    number: str
    name: Words
    line: Words
    new_line: Words
    starts_at: datetime
    new_starts_at: datetime


@dataclass(frozen=True, slots=True)
class ProposalView:
    """A proposal as the planner compares it. `late`: numbers of orders whose promise it would break."""

    id: int
    plant_id: int
    plant: Words
    state: ProposalState
    before: Figures
    after: Figures
    late: tuple[str, ...]
    moves: tuple[Move, ...]
    created_at: datetime
    decided_at: datetime | None

    @property
    def first_moved_at(self) -> datetime | None:
        """Where on the board to look."""
        return min((min(move.starts_at, move.new_starts_at) for move in self.moves), default=None)


def search(session: Session, company_id: int, job_id: int) -> Search:
    """A search by its job; raises NotFound."""
    job = job_of(session, company_id, job_id, KIND)
    plant_id = int(job.arguments["plant_id"])
    plant = session.get_one(Plant, plant_id)
    best = Figures.of(job.progress) if "broken" in job.progress else None
    proposal_id = job.result.get("proposal_id")
    if proposal_id is not None:
        row = session.get_one(Proposal, proposal_id)
        proposal_id = proposal_id if row.state == ProposalState.PROPOSED else None
    return Search(
        job_id=job_id, plant_id=plant_id, plant=plant.name, state=JobState(job.state),
        share=float(job.progress.get("share", 0.0)), best=best, stopping=job.cancel_requested, proposal_id=proposal_id,
    )


def running(session: Session, company_id: int, plant_id: int) -> Search | None:
    """The search that is under way for a plant."""
    job_id = running_job(session, company_id, plant_id)
    return search(session, company_id, job_id) if job_id is not None else None


def proposal(session: Session, company_id: int, proposal_id: int) -> ProposalView:
    """A proposal with all that it moves; raises NotFound."""
    row = session.get(Proposal, proposal_id)
    if row is None or row.company_id != company_id:
        raise NotFound(field="proposal")
    plant = session.get_one(Plant, row.plant_id)
    return ProposalView(
        id=proposal_id, plant_id=row.plant_id, plant=plant.name, state=ProposalState(row.state),
        before=Figures.of(row.before), after=Figures.of(row.after), late=tuple(row.after["late"]),
        moves=_moves(session, plant, row), created_at=row.created_at, decided_at=row.decided_at,
    )


def _moves(session: Session, plant: Plant, row: Proposal) -> tuple[Move, ...]:
    lines: dict[str, Line] = {line_key(plant, line): line for line in lines_of(session, plant)}
    names = {line.id: line.name for line in lines.values()}
    places = {str(placement.operation): placement for placement in placements_from(row.placements)}
    numbers = sorted({key.partition("/")[0] for key in places})
    found: list[Move] = []
    for first in range(0, len(numbers), 500):
        query = (
            select(ManufacturingOperation, ManufacturingOrder.number)
            .join(ManufacturingOrder, col(ManufacturingOrder.id) == ManufacturingOperation.order_id)
            .where(ManufacturingOrder.company_id == plant.company_id, ManufacturingOrder.plant_id == plant.id)
            .where(col(ManufacturingOrder.number).in_(numbers[first : first + 500]))
        )
        for operation, number in session.exec(query).all():
            place = places.get(f"{number}/{operation.operation}")
            if place is not None:
                found.append(Move(
                    order_id=operation.order_id, number=number, name=operation.name, line=names[operation.line_id],
                    new_line=lines[place.line].name, starts_at=operation.starts_at, new_starts_at=instant(place.start),
                ))
    return tuple(sorted(found, key=lambda move: (move.new_starts_at, move.number)))
