"""`python -m tests.benchmarks.results FILE`: JSON lines of the engine's suites as the tables of RESULTS.md."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

COLUMNS = {
    "domains": (
        "p50_ms", "p90_ms", "p99_ms", "p50_ratio", "p90_ratio", "p99_ratio", "publish_s", "memory_mb",
        "compiled_share", "undecided", "disagreements",
    ),
    "explain": ("conflict_p50_ms", "conflict_p99_ms", "repair_p50_ms", "repair_p99_ms", "wrong"),
    "publish": (
        "publish_s", "memory_mb", "compiled_share", "file_mb", "load_s", "loaded_memory_mb", "first_click_ms",
    ),
    "price_span": (
        "bounds_ms", "bounds_max_ms", "exact_ms", "exact_max_ms", "exact_share", "nearest_ms", "nearest_max_ms",
        "wrong",
    ),
    **dict.fromkeys(
        ("fjsp", "fjsp_sdst", "tardiness", "flowshop"),
        ("objective", "gap_percent", "seconds", "bound", "objective_300s", "gap_percent_300s"),
    ),
    "shop": ("objective", "ratio", "first_s", "seconds", "memory_mb"),
    "planted": ("objective", "gap_percent", "seconds", "memory_mb"),
    "growth": ("dispatch_s", "per_nlogn", "ratio_to_dispatch", "moves_per_s", "seconds", "memory_mb", "bytes_per_op"),
    "shop_full": ("objective", "ratio_to_dispatch", "plain_ratio", "factor", "seconds"),
    **dict.fromkeys(
        ("promise", "promise_full"),
        (
            "promise_p50_ms", "promise_p99_ms", "variants40_p99_ms", "commit_p99_ms", "first_ms",
            "ratio_p50", "ratio_p90", "ratio_2s_p50", "ratio_2s_p90", "bound_p50", "bound_p90", "bound_2s_p50",
            "bound_2s_p90", "wrong",
        ),
    ),
    "rolling": (
        "ratio_p50", "ratio_p90", "ratio_2s_p50", "ratio_2s_p90", "bound_p50", "bound_p90", "bound_2s_p50",
        "bound_2s_p90", "moved_p50", "moved_2s_p50", "answer_p50_ms", "wrong",
    ),
}
LARGE = 10_000.0  # ms of a flamapy answer from which a model counts as one of 18,000 features
# What a peer's ratios (p50, p90, p99; None: no limit) must be at least. Patterns of names, the first that fits.
FALLBACK = (("ecos", (30.0, None, 8.0)), ("automotive", (25.0, None, 5.0)), ("financial", (10.0, None, 1.0)))
SUMS = {"cpsat_naive": (80.0, None, None), "cpsat_tuned": (2.0, 3.0, None)}

Figures = dict[tuple[str, str], dict[str, float | None]]
Limits = tuple[float | None, float | None, float | None]


def gathered(lines: Iterable[str]) -> dict[str, Figures]:
    """Figures by suite, then by instance and engine; a later line takes the place of an earlier one."""
    found: dict[str, Figures] = {}
    for line in lines:
        row = json.loads(line)
        figures = found.setdefault(row["suite"], {})
        figures.setdefault((row["instance"], row["engine"]), {})[row["metric"]] = row["value"]
    return found


def limits(instance: str, engine: str, figures: Figures) -> Limits | None:
    """What the ratios of a peer must be at least, by the kind of the model."""
    ours = figures.get((instance, "ours"), {})
    if instance.startswith("catalogue"):
        return SUMS.get(engine)
    if engine == "cpsat_tuned" and "renault" in instance.lower():
        return (500.0, None, None)
    if engine != "flamapy":
        return None
    if ((figures[instance, engine].get("p50_ms")) or 0.0) >= LARGE:
        return (10_000.0, None, None)
    if ours.get("compiled_share") == 1.0:
        return (200.0, None, 100.0)
    return next((least for name, least in FALLBACK if name in instance.lower()), None)


def table(suite: str, figures: Figures) -> list[str]:
    """The lines of a Markdown table."""
    columns = COLUMNS[suite]
    heads = ["instance", "engine", *columns, *(["to pass"] if suite == "domains" else [])]
    lines = ["| " + " | ".join(heads) + " |", "|---|---|" + "---:|" * len(columns)]
    if suite == "domains":
        lines[1] += "---|"
    for (instance, engine), metrics in figures.items():
        cells = [instance, engine, *(_number(metrics.get(column)) for column in columns)]
        if suite == "domains":
            cells.append(_verdict(limits(instance, engine, figures), metrics))
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _verdict(least: Limits | None, metrics: dict[str, float | None]) -> str:
    if least is None or metrics.get("p50_ms") is None:
        return ""
    parts = []
    for percent, limit in zip((50, 90, 99), least, strict=True):
        if limit is not None:
            ratio = metrics.get(f"p{percent}_ratio")
            missed = ratio is not None and ratio < limit
            parts.append(f"p{percent} >= {limit:,.0f}x{' (missed)' if missed else ''}")
    return ", ".join(parts)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
def main(files: Sequence[Path]) -> None:
    """Print the tables of the figures in FILES."""
    found = gathered(line for file in files for line in file.read_text().splitlines())
    for suite in COLUMNS:
        if suite in found:
            click.echo("\n".join([f"`make bench SUITE={suite}`", "", *table(suite, found[suite]), ""]))


if __name__ == "__main__":
    main()
