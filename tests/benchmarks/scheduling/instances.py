"""What the engines race on: every file of a folder that is in a known format, with the best value known."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import click

from solver.scheduling.problem import SchedulingProblem
from tests.benchmarks.models import shared_folder
from tests.benchmarks.scheduling.formats import COMPANY, NotReadable, read_shop
from tests.benchmarks.scheduling.plain import Shop, problem_of

MAKESPAN, TARDINESS = "makespan", "tardiness"
FLOW_SHOPS = ("HFSP", "PMP", "DPFSP", "SDST-PFSP", "TT-PFSP", "NPFSP", "PFSP", "NW-PFSP")
SUITE_OF = {"fjsp": "fjsp", "FJSP": "fjsp", "jsp": "fjsp", "JSP": "fjsp", "fjsp_sdst": "fjsp_sdst",
            "company": "fjsp_sdst", "jsp_tardiness": "tardiness", **dict.fromkeys(FLOW_SHOPS, "flowshop")}


@dataclass(frozen=True, slots=True)
class Instance:
    """`goal`: what is minimised, `makespan` or `tardiness` (weighted). `best`: the best value known, if any is."""

    name: str
    path: Path
    kind: str
    goal: str
    best: float | None
    shop: Shop

    @property
    def suite(self) -> str:
        """The suite that it belongs to."""
        return SUITE_OF[self.kind]

    def problem(self) -> SchedulingProblem:
        """The instance as the engine gets it."""
        return problem_of(self.shop)


def scheduling_folder() -> Path:
    """Where scheduling instances made by others lie."""
    return shared_folder().parent / "scheduling"


def bench_folder() -> Path:
    """Where the generators and judges made by others lie."""
    return shared_folder().parent.parent / "bench"


def read_instance(path: Path, name: str | None = None) -> Instance:
    """One instance. Raises NotReadable."""
    kind, shop = read_shop(path)
    goal = TARDINESS if kind in ("jsp_tardiness", "TT-PFSP") else MAKESPAN
    return Instance(name or path.stem, path, kind, goal, best_known(path, kind), shop)


def instances(folder: Path, suite: str, only: Sequence[str] = ()) -> Iterator[Instance]:
    """Every instance of a suite below the folder, by name; says which files it cannot read.

    An instance is called by its file's stem; where several share one, the folder's name goes before it.
    """
    paths = [path for path in sorted(folder.rglob("*")) if _may_be_one(path)]
    stems = Counter(path.stem for path in paths)
    for path in paths:
        name = path.stem if stems[path.stem] == 1 and not path.stem.isdigit() else f"{path.parent.name}_{path.stem}"
        if only and not any(fnmatch(name, pattern) for pattern in only):
            continue
        try:
            instance = read_instance(path, name)
        except NotReadable as reason:
            if suite == "fjsp":  # once for all suites
                click.echo(f"not read: {reason}", err=True)
            continue
        if instance.suite == suite:
            yield instance


def _may_be_one(path: Path) -> bool:
    if path.is_dir():
        return all((path / name).is_file() for name in COMPANY)
    other = {"bks", "car_sequencing", "frepple"} & {part.name for part in path.parents}
    return path.is_file() and path.suffix.lower() in (".fjs", ".txt", ".jsp", "") and not other


# --- the best value known --------------------------------------------------------------------------------------------


def best_known(path: Path, kind: str, folder: Path | None = None) -> float | None:
    """The best value in the lists that lie beside the instances, or None."""
    lists = folder or _beside(path, "bks") or scheduling_folder() / "bks"
    if kind in ("fjsp", "jsp", "FJSP", "JSP"):
        found = [value for key in _names(path) if (value := _flexible(lists).get(key)) is not None]
        return min(found, default=None)
    if kind in FLOW_SHOPS:
        number = re.sub(r"^\D*_+", "", path.stem)
        return _flow_shops(lists).get((kind, number))
    if kind == "jsp_tardiness":
        return _published(path)
    return None


def _beside(path: Path, name: str) -> Path | None:
    return next((parent / name for parent in path.parents if (parent / name).is_dir()), None)


def _names(path: Path) -> list[str]:
    """What the lists may call a file: `hurink_edata__la21`, `la21_edata`, `mk01`, `dpp01a` ..."""
    stem = path.stem.lower()
    group, _, short = stem.rpartition("__")
    group = group or path.parent.name.lower()
    names = [stem, f"{group}__{short}"]
    for data in ("edata", "rdata", "vdata"):
        if data in group:
            return [*names, f"{short}_{data}"]
    if group.startswith("dauzere"):
        return [*names, f"dpp{short}"]
    if group.startswith("fattahi"):
        digits = int(re.sub(r"\D", "", short) or 0)
        return [*names, f"fattahi{digits + (10 if short.startswith('m') else 0)}"]
    if group.startswith("kacem"):
        return [*names, f"kacem{re.sub(r'[^0-9]', '', short)}"]
    return [*names, short]


@cache
def _flexible(lists: Path) -> Mapping[str, float]:
    found: dict[str, float] = {}

    def learn(name: str, value: float | None) -> None:
        if value is not None:
            found[name] = min(value, found.get(name, value))

    if (lists / "fjsp_instances.json").is_file():
        for row in json.loads((lists / "fjsp_instances.json").read_text()):
            *folders, file = row["path"].lower().split("/")
            best = row["optimum"] if row["optimum"] is not None else row.get("bounds", {}).get("upper")
            learn(f"{'_'.join(folders)}__{Path(file).stem}", best)
    if (lists / "scheduleopt_fjsp_bks.json").is_file():
        for row in json.loads((lists / "scheduleopt_fjsp_bks.json").read_text()):
            learn(row["instance"].lower(), row["upper_bound"])
    return found


@cache
def _flow_shops(lists: Path) -> Mapping[tuple[str, str], float]:
    path = lists / "pyjobshop_bks.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8") as file:
        return {(row["problem"], Path(row["instance"]).stem): float(row["bks"]) for row in csv.DictReader(file)}


def _published(path: Path) -> float | None:
    """Row k of the results of an author (`gla07`: Lawrence, row 7; `gta01`: Taillard, row 1); -1 is no result."""
    named = re.fullmatch(r"g([a-z]+)(\d+)", path.stem.lower())
    if named is None:
        return None
    found = []
    for results in path.parent.glob("results_*.csv"):
        author = results.stem.split("_")[1].lower()
        lines = results.read_text(encoding="utf-8").splitlines()
        row = int(named[2]) - 1
        if author.startswith(named[1]) and 0 <= row < len(lines):
            value = re.split(r"[,;\s]+", lines[row].strip())[0]
            if value and float(value) >= 0:
                found.append(round(float(value), 3))
    return min(found, default=None)
