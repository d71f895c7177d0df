"""What a benchmark says: a table for people, JSON lines for programs."""

import json
import os
import platform
from collections.abc import Iterable
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
        table.add_row(row.suite, row.instance, row.engine, row.metric, f"{row.value:,.2f}", row.unit, row.note)
    Console(width=150).print(table)


def append(rows: Iterable[Row], out: Path) -> None:
    """Append one JSON line a figure, without the note."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("a") as file:
        for row in rows:
            data = asdict(row)
            data.pop("note")
            file.write(json.dumps(data) + "\n")
