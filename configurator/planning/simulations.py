"""Policies of promising and planning side by side: the weeks to come, played from a plant's present book.

What arrives is what arrived in the last weeks, again. Every policy meets the same orders and the same mishaps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlmodel import Session, col, select

from catalog.factory import Plant, plants_of
from catalog.rows import utc_now
from configurator import audit, db
from configurator.errors import DomainError, InvalidInput, NotFound
from configurator.jobs import Job, JobContext, JobState, enqueue, handler, job_of
from configurator.planning.books import PlantBook, plant_book, read_rows
from configurator.planning.carriers import dispatch_at
from configurator.planning.margins import margins_of, set_margins
from configurator.planning.models import ManufacturingOrder, OrderState
from configurator.planning.records import instant, renamed, second, work_order_from
from solver.scheduling.problem import SchedulingProblem, Second
from solver.scheduling.simulate import Arrival, Mishaps, Played, Policy, play

Words = Mapping[str, str]
KIND = "simulate"
DAY = 86_400
MOST_POLICIES = 4
WEEKS = (1, 2, 4)  # how far ahead may be played
IMPROVE_EVERY = 4 * 3600  # seconds
AFTER = 45 * DAY  # what is ordered last still finds working time in so many seconds
SHOWN = 10  # of the plants' last simulations


class NoDemand(DomainError):
    """Nothing was ordered from the plant in the weeks that would be repeated."""

    code, status = "no_demand", 409
    words = _l("Nothing was ordered from this plant in the last weeks, so there is no demand to play.")


@dataclass(frozen=True, slots=True)
class Tried:
    """A policy to play. `buffer`: minutes; `moving`: others give way to a new order; `improve`: searches go on."""

    buffer: int
    moving: bool
    improve: bool


@dataclass(frozen=True, slots=True)
class Setting:
    """What is played: a plant, so many weeks, what goes wrong.

    `spread`: durations vary by up to so many percent; `breakdowns`: hundredths of a breakdown a line and week, each of
    four hours.
    """

    plant_id: int
    weeks: int
    spread: int
    breakdowns: int


def request_simulation(
    company_id: int, setting: Setting, policies: Sequence[Tried], *, actor_id: int | None = None
) -> int:
    """Ask for a simulation; the id of its job. Raises NotFound, InvalidInput, NoDemand."""
    if not 0 < len(policies) <= MOST_POLICIES or setting.weeks not in WEEKS:
        raise InvalidInput(field="policies")
    with db.writing() as session:
        plant = session.get(Plant, setting.plant_id)
        if plant is None or plant.company_id != company_id or plant.is_partners:
            raise NotFound(field="plant")
        if not _ordered(session, plant, utc_now(), setting.weeks):
            raise NoDemand(field="plant")
        job = enqueue(
            session, company_id, KIND, created_by=actor_id, policies=[asdict(one) for one in policies],
            **asdict(setting),
        )
        audit.record(session, company_id, "schedule.simulate", "plant", plant.id, actor_id=actor_id, job=job.id)
        return db.id_of(job)


def _ordered(session: Session, plant: Plant, now: datetime, weeks: int) -> Sequence[ManufacturingOrder]:
    """What was ordered from a plant in the last weeks, in that order."""
    return session.exec(
        select(ManufacturingOrder)
        .where(ManufacturingOrder.company_id == plant.company_id, ManufacturingOrder.plant_id == plant.id)
        .where(ManufacturingOrder.created_at >= now - timedelta(weeks=weeks), ManufacturingOrder.created_at < now)
        .where(ManufacturingOrder.state != OrderState.CANCELLED)
        .order_by(col(ManufacturingOrder.created_at), col(ManufacturingOrder.id))
    ).all()


# --- the job ----------------------------------------------------------------------------------------------------------


@handler(KIND)
def simulate(context: JobContext) -> dict[str, Any]:
    """The job: play one policy after the other; the figures of those that were played to the end."""
    asked = context.arguments
    setting = Setting(asked["plant_id"], asked["weeks"], asked["spread"], asked["breakdowns"])
    policies = [Tried(**one) for one in asked["policies"]]
    now = utc_now().replace(microsecond=0)
    with db.reading_one_view() as session:
        rows = read_rows(session, setting.plant_id, now=now)
        plant = plant_book(session, rows, now.date())
        arrivals = _arrivals(_ordered(session, rows.plant, now, setting.weeks), plant, now, setting.weeks)
    until = Second(second(now) + setting.weeks * 7 * DAY)
    factory = _until(rows.problem, max([until, *(place.end for place in rows.placements.values())]) + AFTER)
    mishaps = Mishaps(setting.spread / 100, setting.breakdowns / 100, seed=1)
    played: list[dict[str, Any]] = []
    for number, tried in enumerate(policies):
        if context.stop.is_set():
            break

        def report(share: float, number: int = number) -> None:
            context.report(share=round((number + share) / len(policies), 3), policy=number)

        found = play(
            factory, arrivals, _policy(tried, plant), until=until, mishaps=mishaps, standing=rows.placements,
            leaves=lambda ready: _leaves(plant, ready), stop=context.stop.is_set, report=report,
        )
        if not context.stop.is_set():
            played.append(_figures(found))
    return {"began": second(now), "arrivals": len(arrivals), "standing": len(rows.orders), "played": played}


def _until(problem: SchedulingProblem, end: int) -> SchedulingProblem:
    """The same with calendars that end then: what is played needs no later ones."""
    return replace(problem, lines=tuple(
        replace(line, windows=tuple(window for window in line.windows if window.start < end) or line.windows)
        for line in problem.lines
    ))  # fmt: skip


def _policy(tried: Tried, plant: PlantBook) -> Policy:
    return Policy(
        "", buffer=60 * tried.buffer, moving=tried.moving, improve_every=IMPROVE_EVERY if tried.improve else None,
        frozen=60 * plant.frozen_minutes,
    )


def _arrivals(ordered: Sequence[ManufacturingOrder], plant: PlantBook, now: datetime, weeks: int) -> list[Arrival]:
    """The same orders at the same hours of the weeks to come; what they take is there when they need it.

    What another plant makes for them comes so many weeks later too.
    """
    arrivals = []
    for number, row in enumerate(ordered):
        known = Second(second(row.created_at) + weeks * 7 * DAY)
        order = renamed(work_order_from(row.number, row.work_order), f"S-{number}")
        operations = tuple(
            replace(one, materials=(), release=Second(one.release + weeks * 7 * DAY if one.release else 0))
            for one in order.operations
        )
        release = plant.free_from(Second(max(known, second(now))))
        arrivals.append(Arrival(
            known, replace(order, operations=operations, release=release, due=release, promise=None), due_as_told=True
        ))
    return arrivals


def _leaves(plant: PlantBook, ready: Second) -> Second:
    """The first cut-off of the plant's carriers at or after an instant; the instant itself where there are none."""
    at = instant(ready)
    cutoffs = (dispatch_at(at, one.cutoff, one.working_days, plant.zone) for one in plant.carriers)
    return Second(second(min(cutoffs, default=at)))


def _figures(played: Played) -> dict[str, Any]:
    """What came of a policy, as plain data; seconds and shares."""
    return {
        "promised": sum(one.promise is not None and not one.standing for one in played.told),
        "refused": played.refused, "broken": played.broken, "kept": round(played.kept_share, 4),
        "lead": [round(played.lead(50)), round(played.lead(90))],
        "flow": [round(played.flow(50)), round(played.flow(90))],
        "load": round(played.load, 4), "setups": round(played.setup_share, 4),
        "days": [[day.start, day.open, day.work + day.setup, day.finished] for day in played.days],
    }


# --- as it is read ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a policy. `lead`: from order to promise, `flow`: from order to completion: median and 90 %."""

    tried: Tried
    promised: int
    refused: int
    broken: int
    kept: float
    lead: tuple[timedelta, timedelta]
    flow: tuple[timedelta, timedelta]
    load: float
    setups: float
    loads: tuple[float, ...]  # of each day on which the plant works


@dataclass(frozen=True, slots=True)
class Simulation:
    """A simulation that waits, runs or has ended. `outcomes`: of the policies played to the end, in their order."""

    job_id: int
    setting: Setting
    plant: Words
    policies: tuple[Tried, ...]
    state: JobState
    stopping: bool
    share: float
    playing: int  # which policy
    asked_at: datetime
    arrivals: int
    standing: int
    outcomes: tuple[Outcome, ...]

    @property
    def is_over(self) -> bool:
        return self.state.is_over


@dataclass(frozen=True, slots=True)
class Suggested:
    """What the form begins with: our own plants, the present buffer."""

    plants: tuple[tuple[int, Words], ...]
    buffer: int


def suggested(session: Session, company_id: int) -> Suggested:
    """What the form begins with."""
    own = [plant for plant in plants_of(session, company_id) if not plant.is_partners]
    plants = tuple((db.id_of(plant), plant.name) for plant in own)
    return Suggested(plants, margins_of(session, company_id).buffer)


def simulation(session: Session, company_id: int, job_id: int) -> Simulation:
    """A simulation by its job; raises NotFound."""
    return _read(session, job_of(session, company_id, job_id, KIND))


def latest(session: Session, company_id: int) -> tuple[Simulation, ...]:
    """The last simulations, the newest first."""
    jobs = session.exec(
        select(Job).where(Job.company_id == company_id, Job.kind == KIND).order_by(col(Job.id).desc()).limit(SHOWN)
    ).all()
    return tuple(_read(session, job) for job in jobs)


def _read(session: Session, job: Job) -> Simulation:
    asked, result = job.arguments, job.result
    setting = Setting(asked["plant_id"], asked["weeks"], asked["spread"], asked["breakdowns"])
    policies = tuple(Tried(**one) for one in asked["policies"])
    return Simulation(
        job_id=db.id_of(job), setting=setting, plant=session.get_one(Plant, setting.plant_id).name, policies=policies,
        state=JobState(job.state), stopping=job.cancel_requested, share=float(job.progress.get("share", 0.0)),
        playing=int(job.progress.get("policy", 0)), asked_at=job.created_at,
        arrivals=int(result.get("arrivals", 0)), standing=int(result.get("standing", 0)),
        outcomes=tuple(
            _outcome(tried, found) for tried, found in zip(policies, result.get("played", ()), strict=False)
        ),
    )


def _outcome(tried: Tried, found: Mapping[str, Any]) -> Outcome:
    lead, flow = ([timedelta(seconds=seconds) for seconds in found[name]] for name in ("lead", "flow"))
    return Outcome(
        tried=tried, promised=found["promised"], refused=found["refused"], broken=found["broken"], kept=found["kept"],
        lead=(lead[0], lead[1]), flow=(flow[0], flow[1]), load=found["load"], setups=found["setups"],
        loads=tuple(min(1.0, taken / opened) for _start, opened, taken, _done in found["days"] if opened),
    )


def adopt(company_id: int, job_id: int, position: int, *, actor_id: int | None = None) -> int:
    """Keep the buffer of a policy that was played from now on, in minutes. Raises NotFound."""
    with db.reading() as session:
        outcomes = simulation(session, company_id, job_id).outcomes
        if not 0 <= position < len(outcomes):
            raise NotFound(field="policy")
        margins = replace(margins_of(session, company_id), buffer=outcomes[position].tried.buffer)
    set_margins(company_id, margins, actor_id=actor_id)
    return margins.buffer
