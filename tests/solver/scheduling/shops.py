"""Shops to test with: a bicycle plant like the demo's, and small random ones for hypothesis."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from random import Random

from hypothesis import strategies as st

from solver.scheduling.problem import (
    FamilyId,
    Fixing,
    Line,
    LineId,
    Material,
    MaterialId,
    MaterialNeed,
    MatrixId,
    Mode,
    Operation,
    OperationId,
    Placement,
    PlantId,
    Precedence,
    Resource,
    ResourceId,
    ResourceNeed,
    RouteId,
    Running,
    SchedulingProblem,
    Second,
    SetupMatrix,
    Transport,
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
            Running.PAUSES if pause else Running.WHOLE,
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
                draw(st.sampled_from((Running.PAUSES, Running.WHOLE))),
                (MaterialNeed(MaterialId("x"), draw(st.integers(1, 3))),) if draw(st.booleans()) else (),
                release=Second(draw(st.sampled_from((0, 0, 0, 20, 60)))),
            )
        )
    release = draw(st.integers(0, 30))
    due = release + draw(st.integers(0, 60))
    promise = draw(st.one_of(st.none(), st.integers(due, due + 80)))
    return WorkOrder(
        WorkOrderId(name), tuple(steps), Second(release), Second(due),
        Second(promise) if promise is not None else None, draw(st.integers(1, 3)),
    )  # fmt: skip


# --- random shops with everything -----------------------------------------------------------------------------------

FEATURES = (
    "plants", "departures", "breaks", "running", "oven", "unlimited", "tools", "routes", "joins", "waits", "materials",
    "setups", "any_time", "fixed", "promises", "sequence", "arrivals",
)  # fmt: skip
BASE = 400  # pins stand this long after the last window has opened: there is room for everything before them


@st.composite
def full_shops(draw: st.DrawFn, *, orders: int = 4, **features: bool) -> SchedulingProblem:
    """A small shop with some of `FEATURES` (those named in `features` always, or never); mostly it can be made."""
    chosen = {name: features[name] if name in features else draw(st.booleans()) for name in FEATURES}
    return _Shop(draw(st.randoms(use_true_random=False)), draw(st.integers(1, orders)), chosen).problem()


def random_problem(seed: int, size: int, **features: bool) -> SchedulingProblem:
    """A shop of `size` orders with all `FEATURES` but those that are False; mostly it can be made."""
    unknown = set(features) - set(FEATURES)
    assert not unknown, unknown
    return _Shop(Random(seed), size, {name: features.get(name, True) for name in FEATURES}).problem()


class _Shop:
    """One random shop being built; `random` is hypothesis's, which shrinks, or a seeded one."""

    def __init__(self, random: Random, size: int, features: dict[str, bool]) -> None:
        self.random, self.size, self.has = random, size, features
        self.plain = random.randint(1, 3) if size <= 6 else 3 + size // 20
        self.span = 30 if size <= 6 else 30 + 30 * size // self.plain  # the orders are released in so many seconds
        self.plants = (PlantId("p"), PlantId("q")) if features["plants"] else (PlantId("p"),)
        self.matrix = SetupMatrix(
            MatrixId("m"),
            {(FamilyId(a), FamilyId(b)): random.randint(0, 9) for a in FAMILIES for b in FAMILIES},
        )
        self.batch = random.randint(2, 5)
        self.resources = (Resource(ResourceId("tool"), 1), Resource(ResourceId("crew"), 2)) if features["tools"] else ()

    def maybe(self, feature: str, chance: float = 0.5) -> bool:
        """Sometimes, and only with this feature."""
        return self.has[feature] and self.random.random() < chance

    def problem(self) -> SchedulingProblem:
        random = self.random
        lines = [self.line(f"l{i}", self.plants[i % len(self.plants)]) for i in range(self.plain)]
        group = tuple(line.id for line in lines[:3]) if self.maybe("sequence") and self.plain > 1 else ()
        if self.has["oven"]:
            oven = self.line("oven", self.plants[-1])
            lines.append(replace(oven, batch=self.batch))
        if self.has["unlimited"]:
            lines.append(replace(self.line("out", random.choice(self.plants)), setups=None, unlimited=True))
        orders = tuple(self.order(f"o{i}") for i in range(self.size))
        if self.has["arrivals"]:
            orders = tuple(_arriving(order, i, self.span) for i, order in enumerate(orders))
        needed = sum(n.quantity for order in orders for o in order.operations for n in o.materials)
        arrivals = [(random.randint(0, self.span + 30), random.randint(1, 4)) for _ in range(random.randint(0, 4))]
        stock = Material(
            MaterialId("x"),
            random.randint(0, 4 + self.size),
            (*((Second(at), quantity) for at, quantity in arrivals), (Second(self.span + 50), needed + 1)),
        )
        problem = SchedulingProblem(
            tuple(lines),
            orders,
            (self.matrix,),
            (stock,) if self.has["materials"] else (),
            now=Second(random.randint(0, 20)),
            resources=self.resources,
            transports=self.transports(lines),
            same_sequence=(group,) if group else (),
        )
        return replace(problem, fixed=self.fixed(problem)) if self.has["fixed"] else problem

    def line(self, name: str, plant: PlantId) -> Line:
        random, at, windows = self.random, self.random.randint(0, 8), []
        closed = (1, 2, 9) if self.has["breaks"] else (0, 9)
        for _ in range(random.randint(0, 5) if self.size <= 6 else self.span // 15):
            length = random.randint(3, 25)
            windows.append(Window(Second(at), Second(at + length)))
            at += length + random.randint(0, random.choice(closed))
        windows.append(Window(Second(at), Second(at + 1000 + 60 * self.size)))
        return Line(
            LineId(name),
            plant,
            tuple(windows),
            self.matrix.id if self.maybe("setups", 0.7) else None,
            self.family() if self.maybe("setups") else None,
            longest_break=random.randint(1, 3) if self.has["breaks"] else 0,
            setup_any_time=self.maybe("any_time"),
        )

    def family(self) -> FamilyId | None:
        return FamilyId(self.random.choice(FAMILIES)) if self.random.random() < 0.8 else None

    def transports(self, lines: list[Line]) -> tuple[Transport, ...]:
        """Both ways between the plants; with departures until long after the last pin."""
        found = []
        end = max(line.windows[-1].start for line in lines) + 900 + 60 * self.size
        for origin, destination in product(self.plants, self.plants):
            if origin != destination:
                every = self.random.randint(5, 20)
                leaves = tuple(Second(at) for at in range(self.random.randint(0, every), end, every))
                seconds = self.random.randint(0, 8)
                found.append(Transport(origin, destination, seconds, leaves if self.maybe("departures") else None))
        return tuple(found)

    def order(self, name: str) -> WorkOrder:
        random = self.random
        steps: list[Operation] = []
        if self.maybe("routes", 0.4):
            if random.random() < 0.5:
                self.step(name, steps, [])
            begin = list(steps)
            ends: list[Operation] = []
            for route in ("a", "b"):
                last = begin
                for _ in range(random.randint(1, 2)):
                    last = [self.step(name, steps, last, RouteId(route))]
                ends += last
            if random.random() < 0.6:
                self.step(name, steps, ends)
        else:
            for _ in range(random.randint(1, 4)):
                if self.has["joins"]:
                    self.step(name, steps, [step for step in steps if random.random() < 0.5])
                else:
                    self.step(name, steps, steps[-1:])
        release = random.randint(0, self.span)
        due = release + random.randint(0, 60)
        promise = Second(due + random.randint(0, 80)) if self.maybe("promises") else None
        return WorkOrder(
            WorkOrderId(name), tuple(steps), Second(release), Second(due), promise, random.randint(1, 3)
        )  # fmt: skip

    def step(
        self, order: str, steps: list[Operation], before: list[Operation], route: RouteId | None = None
    ) -> Operation:
        """Adds an operation after those of `before`."""
        random = self.random
        where = random.random()
        running, family, size = Running.PAUSES, self.family(), 1
        if self.has["oven"] and where < 0.3:
            modes = [Mode(LineId("oven"), random.randint(2, 14))]
            size = random.randint(1, self.batch)
            if random.random() < 0.3:
                modes.append(self.mode(random.randrange(self.plain)))
        elif self.has["unlimited"] and where < 0.45:
            modes = [Mode(LineId("out"), random.randint(2, 14))]
        else:
            modes = [self.mode(i) for i in random.sample(range(self.plain), random.randint(1, min(3, self.plain)))]
        if self.has["running"]:
            running = random.choice(tuple(Running))
        step = Operation(
            OperationId(f"{order}/{len(steps)}"),
            tuple(modes),
            tuple(self.after(earlier) for earlier in before),
            family,
            running,
            (MaterialNeed(MaterialId("x"), random.randint(1, 3)),) if self.maybe("materials", 0.4) else (),
            size,
            route,
        )
        steps.append(step)
        return step

    def mode(self, line: int) -> Mode:
        needs = tuple(
            ResourceNeed(resource.id, self.random.randint(1, resource.number))
            for resource in self.resources
            if self.random.random() < 0.3
        )
        return Mode(LineId(f"l{line}"), self.random.randint(1, 12), needs)

    def after(self, earlier: Operation) -> Precedence:
        if not self.maybe("waits"):
            return Precedence(earlier.id)
        wait, most = self.random.randint(0, 6), None
        if self.random.random() < 0.4:  # with other plants, long enough for the next departure
            most = wait + self.random.randint(0, 10) + (30 if self.has["plants"] else 0)
        return Precedence(earlier.id, wait, most)

    def fixed(self, problem: SchedulingProblem) -> dict[OperationId, tuple[Fixing, Placement]]:
        """Some first operations are started, some are pinned far behind, each at a time of its own."""
        lines = {line.id: line for line in problem.lines}
        base = max(line.windows[-1].start for line in problem.lines) + BASE
        busy: set[LineId] = set()
        fixed: dict[OperationId, tuple[Fixing, Placement]] = {}
        for order in problem.orders:
            chance = self.random.random()
            first = order.operations[0]
            if _in_a_hurry(order, first):
                continue  # the wait could be over before the next line opens
            mode = first.modes[0]
            if chance < 0.2 and mode.line not in busy:
                busy.add(mode.line)
                start = max(0, problem.now - self.random.randint(0, 12))
                end = problem.now + self.random.randint(0, 12)
                where = Placement(first.id, mode.line, Second(start), Second(end))
                fixed[first.id] = (Fixing.STARTED if end > problem.now else Fixing.FINISHED, where)
            elif chance < 0.35 and len(fixed) < 4 + self.size // 50:
                start = base + 40 * len(fixed)
                assert lines[mode.line].windows[-1].end > start + mode.duration
                where = Placement(first.id, mode.line, Second(start), Second(start + mode.duration))
                fixed[first.id] = (self.random.choice((Fixing.PINNED, Fixing.FROZEN)), where)
        return fixed


def _arriving(order: WorkOrder, number: int, span: int) -> WorkOrder:
    """Every fourth operation needs something that arrives while the orders are released, if it may wait for it.

    Those that take materials wait for these; `work_orders` has both at once.
    """
    return replace(order, operations=tuple(
        replace(operation, release=Second(order.release + 7 * (number + place) % (span // 2)))
        if (number + place) % 4 == 3 and not operation.materials
        and all(before.maximum_wait is None for before in operation.predecessors)
        else operation
        for place, operation in enumerate(order.operations)
    ))


def _in_a_hurry(order: WorkOrder, first: Operation) -> bool:
    """Whether something may wait only so long after `first`."""
    return any(
        before.operation == first.id and before.maximum_wait is not None
        for operation in order.operations
        for before in operation.predecessors
    )
