"""What a chart of a simulation shows, in the coordinates of its picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from configurator.planning.simulations import Outcome

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 24, 24, 44
HOUR = 3600
STEPS = (1, 2, 4, 6, 12, 24, 48, 96, 168, 336)  # hours between two marks of the time that buyers are told
TOGETHER = 12  # points that are nearer are one
SHARES = (0.1, 0.25, 0.5, 1, 2, 5, 10, 25)  # percent between two marks of promises kept


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark of an axis: where, and hours or percent."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Point:
    """Policies that come to the same: their numbers from 1 on, at their time to the promise and share of kept ones."""

    label: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class TradeOff:
    """Promises kept (upwards) over the time that buyers are told (to the right)."""

    points: tuple[Point, ...]
    hours: tuple[Mark, ...]
    percents: tuple[Mark, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def trade_off(outcomes: Sequence[Outcome]) -> TradeOff:
    """The chart of these policies; without any an empty one."""
    hours = [one.lead[0].total_seconds() / HOUR for one in outcomes]
    kept = [100 * one.kept for one in outcomes]
    across = _axis(min(hours, default=0), max(hours, default=1), STEPS)
    up = _axis(min(kept, default=0), max(kept, default=100), SHARES)

    def x(value: float) -> float:
        return round(LEFT + (value - across[0]) / (across[-1] - across[0]) * (WIDTH - RIGHT - LEFT), 1)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - (value - up[0]) / (up[-1] - up[0]) * (HEIGHT - BOTTOM - TOP), 1)

    points: list[Point] = []
    for number, at in enumerate(zip(map(x, hours), map(y, kept), strict=True), start=1):
        same = next((i for i, p in enumerate(points) if max(abs(p.x - at[0]), abs(p.y - at[1])) < TOGETHER), None)
        if same is None:
            points.append(Point(str(number), *at))
        else:
            points[same] = replace(points[same], label=f"{points[same].label}·{number}")
    return TradeOff(
        tuple(points), tuple(Mark(x(value), value) for value in across), tuple(Mark(y(value), value) for value in up),
    )


def _axis(low: float, high: float, steps: Sequence[float]) -> list[float]:
    """At least two round values around a range, at most seven where the steps allow for it."""
    step = next((step for step in steps if (high - low) / step <= 5), steps[-1])
    first, last = int(low // step), int(-(-high // step))
    return [step * n for n in range(first, max(last, first + 1) + 1)]
