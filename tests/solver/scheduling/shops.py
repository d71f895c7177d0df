"""Shops to test with: a bicycle plant like the demo's, and small random ones for hypothesis."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st

from solver.scheduling.problem import (
    FamilyId,
    Line,
    LineId,
    Material,
    MaterialId,
    MaterialNeed,
    MatrixId,
    Mode,
    Operation,
    OperationId,
    PlantId,
    Precedence,
    SchedulingProblem,
    Second,
    SetupMatrix,
    Window,
    WorkOrder,
    WorkOrderId,
)

DAY = 86_400
MONDAY = 1_780_272_000  # 2026-06-01 00:00 UTC
LIGHT = ("ivory", "sand", "mint", "sky", "sun", "coral")
DARK = ("copper", "forest", "navy", "graphite")
STAGES = {"paint": 2, "wheels": 2, "engraving": 1, "assembly": 3, "packing": 1}


def bicycle_orders(count: int, seed: int, *, plant: str = "wuxi", first: int = 0, days: float = 20) -> list[WorkOrder]:
    """Bicycles of random colours and accessories, released over `days`."""
    random = Random(seed)
    orders = []
    for number in range(first, first + count):
        name = f"{plant}-{number}"
        colour = random.choice(LIGHT + DARK)
        engraved = random.random() < 0.4
        release = MONDAY + int(random.random() * days * DAY)
        due = release + random.randint(2, 6) * DAY
        orders.append(_bicycle(name, plant, colour, random, release, due, engraved=engraved))
    return orders


def bicycle_problem(count: int, seed: int = 1, *, plant: str = "wuxi", horizon: int = 60) -> SchedulingProblem:
    """One plant with nine lines, two shifts six days a week, and `count` orders over three weeks."""
    lines, matrix, materials = bicycle_plant(plant, horizon)
    orders = tuple(bicycle_orders(count, seed, plant=plant))
    return SchedulingProblem(lines, orders, (matrix,), materials, now=Second(MONDAY))


def bicycle_plant(plant: str, horizon: int) -> tuple[tuple[Line, ...], SetupMatrix, tuple[Material, ...]]:
    """The lines, powder matrix and materials of a plant."""
    matrix = SetupMatrix(
        MatrixId("powder"),
        {
            (FamilyId(a), FamilyId(b)): 60 * (5 if (a in LIGHT) == (b in LIGHT) else 10 if a in LIGHT else 25)
            for a in LIGHT + DARK
            for b in LIGHT + DARK
            if a != b
        },
    )
    windows = tuple(
        Window(Second(MONDAY + day * DAY + a), Second(MONDAY + day * DAY + b))
        for day in range(horizon)
        if day % 7 != 6
        for a, b in ((23_400, 37_800), (39_600, 52_200), (52_200, 66_600), (68_400, 81_000))
    )
    lines = tuple(
        Line(LineId(f"{plant}/{stage}-{i}"), PlantId(plant), windows, matrix.id if stage == "paint" else None)
        for stage, lines in STAGES.items()
        for i in range(1, lines + 1)
    )
    stock = {"frame": 90, "rim": 180, "spoke": 6_000, "box": 90, **{f"powder_{c}": 3_000 for c in LIGHT + DARK}}
    weekly = {"frame": 120, "rim": 240, "spoke": 8_000, "box": 120, **{f"powder_{c}": 4_000 for c in LIGHT + DARK}}
    materials = tuple(
        Material(
            MaterialId(f"{plant}/{name}"),
            quantity,
            tuple((Second(MONDAY + (1 + 7 * week) * DAY), weekly[name]) for week in range(horizon // 7)),
        )
        for name, quantity in stock.items()
    )
    return lines, matrix, materials


def _bicycle(
    name: str, plant: str, colour: str, random: Random, release: int, due: int, *, engraved: bool
) -> WorkOrder:
    def operation(
        step: str, stage: str, minutes: float, after: tuple[tuple[str, int], ...] = (), *,
        family: str | None = None, pause: bool = False, takes: dict[str, int] | None = None,
    ) -> Operation:  # fmt: skip
        modes = []
        for i in range(1, STAGES[stage] + 1):
            slow = stage == "assembly" and i == 3
            modes.append(Mode(LineId(f"{plant}/{stage}-{i}"), int(minutes * 60 / (0.9 if slow else 1))))
        return Operation(
            OperationId(f"{name}/{step}"),
            tuple(modes),
            tuple(Precedence(OperationId(f"{name}/{b}"), wait) for b, wait in after),
            FamilyId(family) if family else None,
            pause,
            tuple(MaterialNeed(MaterialId(f"{plant}/{m}"), q) for m, q in (takes or {}).items()),
        )

    powder = {"frame": 1, f"powder_{colour}": random.randint(120, 220)}
    steps = [operation("coat", "paint", 15 + 9 * (colour == "copper"), family=colour, takes=powder)]
    if engraved:
        steps.append(operation("engrave", "engraving", 4 + random.randint(1, 20) / 2, (("coat", 1200),)))
    steps.append(operation("wheel_front", "wheels", 10, takes={"rim": 1, "spoke": 32}))
    steps.append(operation("wheel_rear", "wheels", 10, takes={"rim": 1, "spoke": random.choice((32, 36))}))
    before = (("engrave" if engraved else "coat", 0 if engraved else 1200), ("wheel_front", 0), ("wheel_rear", 0))
    steps.append(operation("assemble", "assembly", 40 + 5 * random.randint(0, 5), before, pause=True))
    steps.append(operation("pack", "packing", 10, (("assemble", 0),), takes={"box": 1}))
    return WorkOrder(WorkOrderId(name), tuple(steps), Second(release), Second(due), weight=random.choice((1, 1, 1, 3)))


# --- random small shops ---------------------------------------------------------------------------------------------

FAMILIES = ("a", "b", "c")
ARRIVALS = st.tuples(st.integers(0, 60), st.integers(1, 4))


@st.composite
def shops(draw: st.DrawFn, *, orders: int = 5, generous: bool = True) -> SchedulingProblem:
    """Two or three lines with odd windows, setups of any size, a scarce material, orders of one to four operations."""
    matrix = SetupMatrix(
        MatrixId("m"),
        {(FamilyId(a), FamilyId(b)): draw(st.integers(0, 9)) for a in FAMILIES for b in FAMILIES},
    )
    lines = []
    for i in range(draw(st.integers(1, 3))):
        at, windows = draw(st.integers(0, 8)), []
        for _ in range(draw(st.integers(1, 6))):
            length = draw(st.integers(3, 25))
            windows.append(Window(Second(at), Second(at + length)))
            at += length + draw(st.integers(0, 9))
        if generous:
            windows.append(Window(Second(at), Second(at + 900)))
        family = draw(st.sampled_from((None, *FAMILIES)))
        initial = FamilyId(family) if family else None
        setups = draw(st.sampled_from((None, matrix.id)))
        lines.append(Line(LineId(f"l{i}"), PlantId("p"), tuple(windows), setups, initial))
    arrivals = tuple((Second(at), quantity) for at, quantity in draw(st.lists(ARRIVALS, max_size=4)))
    material = Material(MaterialId("x"), draw(st.integers(0, 4)), (*arrivals, (Second(80), 50)))
    made = tuple(draw(work_orders(f"o{i}", len(lines))) for i in range(draw(st.integers(1, orders))))
    return SchedulingProblem(tuple(lines), made, (matrix,), (material,), now=Second(draw(st.integers(0, 20))))


@st.composite
def work_orders(draw: st.DrawFn, name: str, lines: int) -> WorkOrder:
    """One to four operations, each waiting for some of those before it."""
    steps: list[Operation] = []
    for i in range(draw(st.integers(1, 4))):
        on = draw(st.lists(st.integers(0, lines - 1), min_size=1, max_size=lines, unique=True))
        family = draw(st.sampled_from((None, *FAMILIES)))
        steps.append(
            Operation(
                OperationId(f"{name}/{i}"),
                tuple(Mode(LineId(f"l{line}"), draw(st.integers(1, 12))) for line in on),
                tuple(Precedence(s.id, draw(st.integers(0, 6))) for s in steps if draw(st.booleans())),
                FamilyId(family) if family else None,
                draw(st.booleans()),
                (MaterialNeed(MaterialId("x"), draw(st.integers(1, 3))),) if draw(st.booleans()) else (),
            )
        )
    release = draw(st.integers(0, 30))
    due = release + draw(st.integers(0, 60))
    promise = draw(st.one_of(st.none(), st.integers(due, due + 80)))
    return WorkOrder(
        WorkOrderId(name), tuple(steps), Second(release), Second(due),
        Second(promise) if promise is not None else None, draw(st.integers(1, 3)),
    )  # fmt: skip
