"""How instances made by others become a `SchedulingProblem`: lines that never close, one second a unit of time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from solver.scheduling.problem import (
    NEVER,
    FamilyId,
    Line,
    LineId,
    MatrixId,
    Mode,
    Operation,
    OperationId,
    PlantId,
    Precedence,
    RouteId,
    SchedulingProblem,
    Second,
    SetupMatrix,
    Transport,
    Window,
    WorkOrder,
    WorkOrderId,
)

ALWAYS = (Window(Second(0), Second(NEVER)),)
PLANT = PlantId("P0")


class SetupTable(Mapping[tuple[FamilyId, FamilyId], int]):
    """A square table of setups as the mapping that a `SetupMatrix` has: a million entries stay one array."""

    def __init__(self, families: Sequence[FamilyId], table: NDArray[np.int64]) -> None:
        if table.shape != (len(families), len(families)):
            raise ValueError(f"{len(families)} families, but a table of {table.shape}.")
        self.families = tuple(families)
        self.table = table
        self._place = {family: place for place, family in enumerate(self.families)}

    def __getitem__(self, pair: tuple[FamilyId, FamilyId]) -> int:
        return int(self.table[self._place[pair[0]], self._place[pair[1]]])

    def __iter__(self) -> Iterator[tuple[FamilyId, FamilyId]]:
        return ((before, after) for before in self.families for after in self.families)

    def __len__(self) -> int:
        return len(self.families) ** 2


@dataclass(frozen=True, slots=True)
class Step:
    """One operation: (line, duration) pairs. `after`: places in the job of what comes before it; None: the step before.

    `family`: row and column of the setup tables. `route`: number of the route that it belongs to.
    """

    modes: Sequence[tuple[int, int]]
    after: Sequence[int] | None = None
    family: int | None = None
    route: int | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as files state it; without a due date it is due at once, which matters for tardiness only."""

    steps: Sequence[Step]
    release: int = 0
    due: int = 0
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Shop:
    """A plain shop. `tables`: for each line its setup table, if there are setups; lines may share one.

    `sequences`: groups of lines that the jobs pass in one sequence. `no_wait`: a job never waits between two steps.
    `plants`, `transport` and `initial` (family that a line is set up for) belong to made shops.
    """

    lines: int
    jobs: Sequence[Job]
    tables: Sequence[NDArray[np.int64]] = ()
    table_of: Sequence[int] | None = None
    sequences: Sequence[Sequence[int]] = ()
    no_wait: bool = False
    plants: Sequence[int] = ()
    transport: Sequence[Sequence[int | None]] = ()
    initial: Sequence[int] = ()


def line_id(line: int) -> LineId:
    """The id of the line with this number."""
    return LineId(f"L{line}")


def family_id(family: int) -> FamilyId:
    """The id of the family with this row in a setup table."""
    return FamilyId(f"F{family}")


def operation_id(job: int, step: int) -> OperationId:
    """The id of a step of a job, both from 0."""
    return OperationId(f"J{job}.{step}")


def problem_of(shop: Shop) -> SchedulingProblem:
    """The shop as the engine gets it. Raises InvalidProblem."""
    table_of = shop.table_of or range(len(shop.tables))
    plants = [PlantId(f"P{plant}") for plant in shop.plants] or [PLANT] * shop.lines
    lines = tuple(
        Line(
            line_id(line),
            plants[line],
            ALWAYS,
            MatrixId(f"S{table_of[line]}") if shop.tables else None,
            family_id(shop.initial[line]) if shop.initial else None,
        )
        for line in range(shop.lines)
    )
    return SchedulingProblem(
        lines,
        tuple(_order(number, job, shop.no_wait) for number, job in enumerate(shop.jobs)),
        setups=setup_matrices(shop.tables),
        transports=transports(shop.transport),
        same_sequence=tuple(tuple(map(line_id, group)) for group in shop.sequences),
    )


def setup_matrices(tables: Sequence[NDArray[np.int64]]) -> tuple[SetupMatrix, ...]:
    """Setup tables as the engine gets them, `S0` first."""
    return tuple(
        SetupMatrix(MatrixId(f"S{place}"), SetupTable([family_id(f) for f in range(len(table))], table))
        for place, table in enumerate(tables)
    )


def transports(table: Sequence[Sequence[int | None]]) -> tuple[Transport, ...]:
    """The ways between plants: row the origin, column the destination; None where there is none."""
    return tuple(
        Transport(PlantId(f"P{p}"), PlantId(f"P{q}"), seconds)
        for p, row in enumerate(table) for q, seconds in enumerate(row) if p != q and seconds is not None
    )


def side_by_side(shops: Sequence[Shop]) -> Shop:
    """Shops that share nothing as one, orders by release; every shop has its plants, setups and initial families."""
    jobs: list[Job] = []
    tables: list[NDArray[np.int64]] = []
    table_of: list[int] = []
    plants: list[int] = []
    initial: list[int] = []
    transport: list[list[int | None]] = []
    count = sum(len(shop.transport) for shop in shops)
    for shop in shops:
        first, first_table, first_plant = len(plants), len(tables), len(transport)
        for job in shop.jobs:
            steps = [replace(step, modes=[(first + line, time) for line, time in step.modes]) for step in job.steps]
            jobs.append(replace(job, steps=steps))
        plants += [first_plant + plant for plant in shop.plants]
        table_of += [first_table + table for table in shop.table_of or range(len(shop.tables))]
        tables += shop.tables
        initial += shop.initial
        beyond = count - first_plant - len(shop.transport)
        transport += [[*[None] * first_plant, *row, *[None] * beyond] for row in shop.transport]
    jobs.sort(key=lambda job: job.release)
    return Shop(len(plants), jobs, tables, table_of, plants=plants, transport=transport, initial=initial)


def _order(number: int, job: Job, no_wait: bool) -> WorkOrder:
    operations = []
    for place, step in enumerate(job.steps):
        after = step.after if step.after is not None else ([place - 1] if place else [])
        operations.append(Operation(
            operation_id(number, place),
            tuple(Mode(line_id(line), duration) for line, duration in step.modes),
            tuple(Precedence(operation_id(number, k), 0, 0 if no_wait else None) for k in after),
            family=None if step.family is None else family_id(step.family),
            route=None if step.route is None else RouteId(f"R{step.route}"),
        ))
    return WorkOrder(
        WorkOrderId(f"J{number}"), tuple(operations), Second(job.release), Second(job.due), weight=job.weight
    )
