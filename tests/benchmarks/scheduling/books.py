"""Suites `promise`, `rolling` and `promise_full`: how fast a date is said, and how early it is.

`promise`: milliseconds in a book of 10,000 orders; then, in snapshots of a rolling book, how late the new order ends:
at once, after 2 s, over what our own 10 s find (`ratio`) and over the lower bound (`bound`), as (finish - now) over the
same. `rolling`: the same by seed, with what moves. `promise_full`: the large book with all that a factory has. The
snapshots, their judge and the bound are the generators' own; making one book takes two minutes, so they are kept.
"""

import json
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import click

from tests.benchmarks.apart import Apart, Ended, Overdue
from tests.benchmarks.domains import percentile
from tests.benchmarks.house import ROOT
from tests.benchmarks.report import Row, pivot
from tests.benchmarks.scheduling.instances import bench_folder
from tests.benchmarks.scheduling.race import GRACE, KERNELS_SECONDS
from tests.benchmarks.scheduling.shops import bench

PROMISING = "tests.benchmarks.scheduling.promising"
KEPT = ROOT / ".venv" / "books"
CELLS = ((0.72, 0), (0.72, 60), (0.80, 60))  # load, minutes of buffer
HARDEST = (0.80, 0)
SNAPSHOTS, FEW = 40, 4  # a seed has; the short setting asks
SEEDS = (1, 2, 3, 4, 5)
SECOND, YARDSTICK = 2.0, 10.0
LARGE = 10_000
TIMES = ("promise_p50_ms", "promise_p99_ms", "variants40_p99_ms", "commit_p99_ms", "first_ms")
RATIOS = ("ratio_p50", "ratio_p90", "ratio_2s_p50", "ratio_2s_p90", "bound_p50", "bound_p90", "bound_2s_p50",
          "bound_2s_p90")
COLUMNS = {
    "promise": (*TIMES, *RATIOS, "wrong"), "promise_full": (*TIMES, "wrong"),
    "rolling": (*RATIOS, "moved_p50", "moved_2s_p50", "answer_p50_ms", "wrong"),
}
Asked = list[dict[str, Any]]


def run(*, suite: str, full: bool, only: Sequence[str], seconds: float | None) -> Iterator[Row]:
    """The rows; `seconds` takes the place of the yardstick's 10."""
    if suite != "rolling" and _wanted(f"{LARGE}_orders", only):
        yield from _large(suite)
    if suite == "promise_full":
        return
    for load, buffer in (*CELLS, *([HARDEST] if full else [])):
        cell = f"rolling_{load:.2f}_{buffer}"
        if not _wanted(cell, only):
            continue
        every: Asked = []
        for seed in SEEDS if full else SEEDS[:1]:
            click.echo(f"{cell}, seed {seed}", err=True)
            found = _snapshots(load, buffer, seed, SNAPSHOTS if full else FEW, seconds or YARDSTICK)
            every += found
            if suite == "rolling":
                yield from _ratios(suite, f"{cell}_seed{seed}", found)
        if suite == "promise":
            yield from _ratios(suite, cell, every)


def show(rows: Sequence[Row]) -> None:
    """The table."""
    pivot(rows, COLUMNS[rows[0].suite] if rows else ())


def _wanted(name: str, only: Sequence[str]) -> bool:
    return not only or any(fnmatch(name, pattern) for pattern in only)


def _large(suite: str) -> Iterator[Row]:
    name = f"{LARGE}_orders"
    question = {"ask": "large", "made": "full" if suite == "promise_full" else "shop", "size": LARGE, "seed": 1,
                "load": 0.72}
    try:
        with Apart(PROMISING, sys.executable) as process:
            process.ask({"ask": "ready"}, KERNELS_SECONDS)
            said = process.ask(question, 10 * GRACE)
    except (Ended, Overdue) as error:
        said = {"error": str(error)}
    if "error" in said:
        yield Row(suite, name, "ours", "promise_p50_ms", math.nan, "ms", said["error"])
        return
    note = f"{said['refused']} of {len(said['promise'])} had no room" if said["refused"] else ""
    yield Row(suite, name, "ours", "promise_p50_ms", percentile(said["promise"], 50), "ms", note)
    yield Row(suite, name, "ours", "promise_p99_ms", percentile(said["promise"], 99), "ms")
    yield Row(suite, name, "ours", "variants40_p99_ms", percentile(said["variants"], 99), "ms")
    yield Row(suite, name, "ours", "commit_p99_ms", percentile(said["commit"], 99), "ms")
    yield Row(suite, name, "ours", "first_ms", said["promise"][0], "ms", f"book read in {said['built_s']:.1f} s")
    yield Row(suite, name, "ours", "wrong", len(said["wrong"]), "", "; ".join(said["wrong"]))


def book_file(load: float, buffer: int, seed: int, snapshots: int) -> Path:
    """The snapshots of a rolling book, one a line; made once for the same options."""
    path = KEPT / f"rolling-{load:.2f}-{buffer}-{seed}-{snapshots}.jsonl"
    if not path.exists():
        click.echo("making the book (two minutes, once) ...", err=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        options = ["--load", str(load), "--buffer", str(buffer), "--seed", str(seed), "--snapshots", str(snapshots)]
        made = subprocess.run(
            [sys.executable, str(bench_folder() / "rolling.py"), "book", *options], check=True, capture_output=True
        )
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(made.stdout)
        unfinished.rename(path)
    return path


def _snapshots(load: float, buffer: int, seed: int, count: int, yardstick: float) -> Asked:
    """Each snapshot's judged answers: at once, after 2 s, after the yardstick's time."""
    path = book_file(load, buffer, seed, SNAPSHOTS)
    lines = path.read_text(encoding="utf-8").splitlines()
    found = []
    with Apart(PROMISING, sys.executable) as process:
        process.ask({"ask": "ready"}, KERNELS_SECONDS)
        for place in range(0, len(lines), max(1, len(lines) // count)):
            limits = [SECOND, max(0.1, yardstick - SECOND)]
            try:
                question = {"ask": "snapshot", "file": str(path), "place": place, "seconds": limits}
                said = process.ask(question, sum(limits) + GRACE)
            except (Ended, Overdue) as error:
                found.append({"error": str(error)})
                break
            found.append(judged(json.loads(lines[place]), said))
    return found


def judged(snapshot: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """Flow times (finish - now) of the answers and of the bound; `error` with what is wrong."""
    if "error" in said:
        return said
    rolling, now = bench("rolling"), snapshot["now"]
    verdicts = [rolling.judge(snapshot, answer["rows"]) for answer in said["answers"]]
    wrong = [text for verdict in verdicts for text in verdict.violations]
    if wrong:
        return {"error": wrong[0]}
    return {
        "flow": [verdict.finish - now for verdict in verdicts], "bound": rolling.bound(snapshot) - now,
        "moved": [verdict.moved for verdict in verdicts], "ms": said["answers"][0]["seconds"] * 1000,
    }


def _ratios(suite: str, name: str, asked: Asked) -> Iterator[Row]:
    good = [one for one in asked if "error" not in one]
    for place, after in enumerate(("", "_2s")):
        over = {
            "ratio": [one["flow"][place] / max(1, min(one["flow"])) for one in good],
            "bound": [one["flow"][place] / max(1, one["bound"]) for one in good],
        }
        for kind, values in over.items():
            for percent in (50, 90):
                note = f"{len(good)} snapshots"
                yield Row(suite, name, "ours", f"{kind}{after}_p{percent}", percentile(values, percent), "", note)
        if suite == "rolling":
            moved = [one["moved"][place] for one in good]
            yield Row(suite, name, "ours", f"moved{after}_p50", percentile(moved, 50), "operations")
    if suite == "rolling":
        yield Row(suite, name, "ours", "answer_p50_ms", percentile([one["ms"] for one in good], 50), "ms")
    wrong = [one["error"] for one in asked if "error" in one]
    yield Row(suite, name, "ours", "wrong", len(wrong), "", "; ".join(wrong[:2]))
