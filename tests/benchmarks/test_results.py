"""The tables of RESULTS.md say what each figure must be, by the kind of the model."""

import json

import pytest

from tests.benchmarks.domains import percentile
from tests.benchmarks.results import gathered, limits, table


def line(instance: str, engine: str, metric: str, value: float | None) -> str:
    row = {"suite": "domains", "instance": instance, "engine": engine, "metric": metric, "value": value, "unit": ""}
    return json.dumps(row)


@pytest.mark.parametrize(("instance", "engine", "share", "p50", "wanted"), [
    ("bank", "flamapy", 1.0, 40.0, (200.0, None, 100.0)),  # it compiles
    ("truck", "flamapy", 1.0, 60_000.0, (10_000.0, None, None)),  # it compiles, and is as large as they come
    ("automotive-like", "flamapy", 0.0, 300.0, (25.0, None, 5.0)),  # it does not compile
    ("bank", "cpsat_tuned", 1.0, 20.0, None),  # nothing is asked of it
    ("catalogue 2", "cpsat_tuned", 0.0, 60.0, (2.0, 3.0, None)),
    ("Renault 7", "cpsat_tuned", 1.0, 900.0, (500.0, None, None)),
])
def test_what_a_peer_must_be_beaten_by_depends_on_the_model(
    instance: str, engine: str, share: float, p50: float, wanted: tuple[float | None, ...] | None
) -> None:
    lines = [line(instance, "ours", "compiled_share", share), line(instance, engine, "p50_ms", p50)]
    assert limits(instance, engine, gathered(lines)["domains"]) == wanted


def test_a_ratio_that_is_too_small_is_said_to_be_missed() -> None:
    lines = [
        line("bank", "ours", "compiled_share", 1.0), line("bank", "flamapy", "p50_ms", 9.0),
        line("bank", "flamapy", "p50_ratio", 90.0), line("bank", "flamapy", "p99_ratio", 150.0),
    ]
    rows = table("domains", gathered(lines)["domains"])
    assert rows[-1].endswith("| p50 >= 200x (missed), p99 >= 100x |")


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(k) for k in range(1, 201)]
    assert [percentile(values, p) for p in (50, 90, 99)] == [100.0, 180.0, 198.0]
    assert percentile([7.0], 99) == 7.0
