"""What a benchmark says: a table for people, JSON lines for programs."""

import json
import math
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `engine`: `ours`, or the name of what it is compared with."""

    suite: str
    instance: str
    engine: str
    metric: str
    value: float
    unit: str
    note: str = ""


def machine() -> str:
    """The machine in a few words."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), platform.machine())
    return f"{os.cpu_count()} x {model}, Python {platform.python_version()}"


def show(rows: Iterable[Row]) -> None:
    """Print the table."""
    table = Table(title=machine(), title_justify="left")
    for name in ("suite", "instance", "engine", "metric"):
        table.add_column(name)
    table.add_column("value", justify="right")
    table.add_column("unit")
    table.add_column("note")
    for row in rows:
        value = "-" if math.isnan(row.value) else f"{row.value:,.2f}"
        table.add_row(row.suite, row.instance, row.engine, row.metric, value, row.unit, row.note)
    Console(width=150).print(table)


def append(rows: Iterable[Row], out: Path) -> None:
    """Append one JSON line a figure. Where there is no figure its value is null, and the note says why."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("a") as file:
        for row in rows:
            data = asdict(row)
            note = data.pop("note")
            if math.isnan(row.value):
                data |= {"value": None, "note": note}
            file.write(json.dumps(data) + "\n")


def pivot(rows: Iterable[Row], columns: Sequence[str]) -> None:
    """Print a line for each instance and engine with these metrics, and the notes below."""
    by_line: dict[tuple[str, str], dict[str, float]] = {}
    notes: list[str] = []
    for row in rows:
        by_line.setdefault((row.instance, row.engine), {})[row.metric] = row.value
        if row.note:
            notes.append(f"{row.instance}, {row.engine}, {row.metric}: {row.note}")
    table = Table(title=machine(), title_justify="left")
    for name in ("instance", "engine"):
        table.add_column(name)
    for column in columns:
        table.add_column(column, justify="right")
    for (instance, engine), metrics in by_line.items():
        table.add_row(instance, engine, *(_number(metrics.get(column, math.nan)) for column in columns))
    Console(width=180).print(table)
    for note in notes:
        print(note)


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"
