"""Suites `shop`, `planted`, `growth` and `shop_full`: our engine on shops made by the generators.

`shop`: weighted tardiness over that of the best of 25 dispatch rules. `planted`: the gap over an optimum that is known.
`growth`: seconds of a dispatch pass, which must grow no faster than n log n. `shop_full`: the same shops with all that
a factory has beside; the objective over that of our own dispatch, beside the same ratio of the plain shop.
"""

import math
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from typing import Any, NamedTuple

import click

from tests.benchmarks.apart import Apart, Ended, Overdue
from tests.benchmarks.report import Row, pivot
from tests.benchmarks.scheduling.race import GRACE, KERNELS_SECONDS, OURS
from tests.benchmarks.scheduling.shops import best_of_25, judged, made_shop

SHORT, LONG = 10.0, 60.0
GROWTH = (1_000, 3_000, 10_000, 30_000, 100_000)  # operations
PLANTS = 20
BEYOND = 1.5  # how often the growth's time may exceed n log n before it is said to be faster
COLUMNS = {
    "shop": ("objective", "ratio", "first_s", "seconds", "memory_mb"),
    "planted": ("objective", "gap_percent", "seconds", "memory_mb"),
    "growth": ("dispatch_s", "per_nlogn", "ratio_to_dispatch", "moves_per_s", "seconds", "memory_mb", "bytes_per_op"),
    "shop_full": ("objective", "ratio_to_dispatch", "plain_ratio", "factor", "seconds"),
}


class Size(NamedTuple):
    """A made shop: orders (planted: operations), seed, load."""

    kind: str
    size: int
    seed: int
    load: float = 0.0

    @property
    def name(self) -> str:
        """What its rows are called."""
        return f"planted_{self.size}_{self.seed}" if self.kind == "planted" else f"{self.size}_orders_{self.seed}"


SHOPS = (
    *(Size("shop", 1000, seed, 0.84) for seed in (1, 2, 3)),
    *(Size("shop", 10_000, seed, 0.72) for seed in (1, 2)),
)
PLANTED = tuple(Size("planted", size, seed) for size in (1_000, 10_000, 50_000) for seed in (1, 2, 3))
FULL = (Size("full", 1000, 1, 0.84), Size("full", 10_000, 1, 0.72))


def run(*, suite: str, full: bool, only: Sequence[str], seconds: float | None) -> Iterator[Row]:
    """The suite's rows; the short setting leaves out second seeds of what is large."""
    if suite == "growth":
        yield from _growth(only, seconds or SHORT)
        return
    sizes: tuple[Size, ...] = {"shop": SHOPS, "planted": PLANTED, "shop_full": FULL}[suite]
    if not full and not only:
        sizes = tuple(size for size in sizes if size.seed == 1 or size.size <= 1000)
    limit = seconds or (LONG if full or suite == "planted" else SHORT)
    limits = (SHORT, LONG) if suite == "shop" and full and seconds is None else (limit,)
    values: dict[str, list[float]] = {}
    for size in sizes:
        if only and not any(fnmatch(size.name, pattern) for pattern in only):
            continue
        for each in limits:
            name = f"{size.name}_{each:.0f}s"
            click.echo(name, err=True)
            for row in _rows(suite, name, size, each):
                yield row
                if row.metric in ("ratio", "gap_percent") and not math.isnan(row.value):
                    values.setdefault(f"mean_{size.size}_{each:.0f}s", []).append(row.value)
    for name, found in values.items():
        if suite == "shop":
            mean = math.exp(sum(math.log(max(value, 1e-9)) for value in found) / len(found))
            yield Row(suite, name, "ours", "ratio", mean, "", f"geometric mean of {len(found)} seeds")
        else:
            yield Row(suite, name, "ours", "gap_percent", sum(found) / len(found), "%", f"mean of {len(found)} seeds")


def show(rows: Sequence[Row]) -> None:
    """The table."""
    pivot(rows, COLUMNS[rows[0].suite] if rows else ())


def _asked(kind: str, size: Size, ask: str, seconds: float) -> dict[str, Any]:
    """Our engine's answer, or what went wrong (`error`)."""
    question = {"ask": ask, "made": kind, "size": size.size, "seed": size.seed, "load": size.load, "seconds": seconds}
    try:
        with Apart(OURS, sys.executable) as process:
            process.ask({"ask": "ready"}, KERNELS_SECONDS)
            said = process.ask(question | {"rows": kind != "full"}, seconds + 3 * GRACE)
    except (Ended, Overdue) as error:
        return {"error": str(error)}
    if "error" not in said and said["wrong"]:
        return {"error": "; ".join(said["wrong"])}
    return said


def _rows(suite: str, name: str, size: Size, seconds: float) -> Iterator[Row]:
    if suite == "shop_full":
        yield from _full(name, size, seconds)
        return
    said = _asked(size.kind, size, "schedule", seconds)
    if "error" in said:
        yield Row(suite, name, "ours", "objective", math.nan, "", said["error"])
        return
    shop = made_shop(size.kind, size.size, size.seed, size.load)
    verdict = judged(shop, said["rows"])
    if verdict.violations:
        yield Row(suite, name, "ours", "objective", math.nan, "", f"the generators' judge: {verdict.violations[0]}")
        return
    objective = getattr(verdict, shop["objective"])
    yield Row(suite, name, "ours", "objective", objective, "")
    if suite == "shop":
        baseline = best_of_25(shop)
        yield Row(suite, name, "best_of_25", "objective", baseline, "")
        yield Row(suite, name, "ours", "ratio", objective / max(1, baseline), "", "over the best of 25")
        first = _asked(size.kind, size, "dispatch", SHORT)
        yield Row(suite, name, "ours", "first_s", first.get("seconds", math.nan), "s", first.get("error", ""))
    else:
        gap = 100 * (objective / shop["optimum"] - 1)
        yield Row(suite, name, "ours", "gap_percent", gap, "%", f"over the optimum {shop['optimum']}")
    yield Row(suite, name, "ours", "seconds", said["seconds"], "s")
    yield Row(suite, name, "ours", "memory_mb", said["memory_mb"], "MB")


def _full(name: str, size: Size, seconds: float) -> Iterator[Row]:
    ratios = {}
    for kind in ("full", "shop"):
        first, best = _asked(kind, size, "dispatch", SHORT), _asked(kind, size, "schedule", seconds)
        wrong = first.get("error") or best.get("error")
        if wrong:
            yield Row("shop_full", name, "ours", "objective", math.nan, "", f"{kind}: {wrong}")
            return
        ratios[kind] = best["objective"] / max(1, first["objective"])
        if kind == "full":
            yield Row("shop_full", name, "ours", "objective", best["objective"], "")
            yield Row("shop_full", name, "ours", "seconds", best["seconds"], "s")
    yield Row("shop_full", name, "ours", "ratio_to_dispatch", ratios["full"], "")
    yield Row("shop_full", name, "ours", "plain_ratio", ratios["shop"], "")
    yield Row("shop_full", name, "ours", "factor", ratios["full"] / max(1e-9, ratios["shop"]), "", "at most 1.5")


def _growth(only: Sequence[str], seconds: float) -> Iterator[Row]:
    least = math.inf
    sizes = {f"{operations}_operations": ("shop", Size("shop", operations // 5, 1, 0.72)) for operations in GROWTH}
    sizes["20_plants"] = "plants", Size("plants", GROWTH[-1] // 5, PLANTS, 0.72)
    for name, (kind, size) in sizes.items():
        if only and not any(fnmatch(name, pattern) for pattern in only):
            continue
        said, best = _asked(kind, size, "dispatch", LONG), _asked(kind, size, "schedule", seconds)
        if wrong := said.get("error") or best.get("error"):
            yield Row("growth", name, "ours", "dispatch_s", math.nan, "s", wrong)
            continue
        operations = 5 * said["orders"]
        share = said["seconds"] / (operations * math.log2(operations)) * 1e9
        least = min(least, share)
        note = f"{share / least:.1f} times the best size" if share > BEYOND * least else ""
        yield Row("growth", name, "ours", "dispatch_s", said["seconds"], "s")
        yield Row("growth", name, "ours", "per_nlogn", share, "ns", note)
        ratio = best["objective"] / max(1, said["objective"])
        yield Row("growth", name, "ours", "ratio_to_dispatch", ratio, "", f"a search of {seconds:g} s")
        yield Row("growth", name, "ours", "moves_per_s", best["moves"] / best["seconds"], "")
        yield Row("growth", name, "ours", "seconds", best["seconds"], "s")
        yield Row("growth", name, "ours", "memory_mb", best["memory_mb"], "MB")
        yield Row("growth", name, "ours", "bytes_per_op", best["search_mb"] * 1e6 / operations, "B", "of the search")
