"""The models that the configuration engines are measured on: every file of a folder, and some that are made here."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from catalog.feature_file import read_feature_file
from catalog.feature_problem import problem_of
from solver.configuration.problem import (
    Choose,
    ConfigurationProblem,
    GroupId,
    OptionGroup,
    OptionId,
    RuleId,
    TableRule,
)
from tests.benchmarks.house import ROOT
from tests.benchmarks.synthetic import TREES, catalogue, tree

SUFFIXES = (".uvl", ".xml", ".json")
CATALOGUE_SEEDS = (1, 2)
WARDROBE = "tests.benchmarks.wardrobe"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model comes from: a file, or what makes it (`catalogue`, `wardrobe`) and its seed."""

    name: str
    path: Path | None = None
    made: str = ""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Model:
    """A model as the engines get it. `features`: the decision that stands for each feature of a feature model."""

    source: Source
    problem: ConfigurationProblem
    features: Mapping[str, Choose] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


class NotReadable(ValueError):
    """The file states no model that can be read."""


def shared_folder() -> Path:
    """Where models made by others lie."""
    shared = os.environ.get("CONFIGURATOR_SHARED_DATA") or ROOT.parent / "shared" / "data"
    return Path(shared) / "configuration"


def sources(folder: Path, made: Path, only: Sequence[str] = ()) -> list[Source]:
    """Every model of the folder, then those made here (their files are written to `made`).

    `only`: patterns of names; none: all of them.
    """
    found: list[Source] = []
    if folder.is_dir():
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
        stems = [path.stem for path in files]
        found.extend(Source(p.stem if stems.count(p.stem) == 1 else p.name, p) for p in files)
    found.extend(Source(f"catalogue {seed}", made="catalogue", seed=seed) for seed in CATALOGUE_SEEDS)
    found.extend(Source(shape.name, made / f"{shape.name}.uvl", made="tree") for shape in TREES)
    if find_spec(WARDROBE) is not None:
        found.append(Source("wardrobe", made="wardrobe"))
    if only:
        found = [source for source in found if any(fnmatch(source.name, pattern) for pattern in only)]
    for shape in TREES:
        if any(source.name == shape.name for source in found):
            (made / f"{shape.name}.uvl").write_text(tree(shape))
    return found


def load(source: Source) -> Model:
    """Read or make the model. Raises NotReadable with the reason."""
    start = time.perf_counter()
    try:
        problem, features, notes = _load(source)
    except (OSError, ValueError, LookupError, RecursionError) as error:
        raise NotReadable(str(error).splitlines()[0] if str(error) else type(error).__name__) from error
    return Model(source, problem, features, notes, time.perf_counter() - start)


Loaded = tuple[ConfigurationProblem, Mapping[str, Choose], tuple[str, ...]]


def _load(source: Source) -> Loaded:
    if source.made == "catalogue":
        return catalogue(source.seed), {}, ()
    if source.made == "wardrobe":
        return import_module(WARDROBE).wardrobe(), {}, ()
    if source.path is None:
        raise ValueError(f"{source.name} has no file")
    if source.path.suffix.lower() == ".json":
        return read_tables(json.loads(source.path.read_text(encoding="utf-8"))), {}, ()
    model = read_feature_file(source.path, lenient=True)
    stated = problem_of(model)
    features = {name: stated.decision(name) for name in stated.model.features}
    notes = [f"left out, line {one}" for one in model.left_out]
    if stated.model is not model:
        notes.append("its instances are written out")
    if len({feature.file for feature in model.features.values()}) > 1:
        notes.append("it lies in several files")
    return stated.problem, features, tuple(notes)


def read_tables(data: Any) -> ConfigurationProblem:
    """Variables and tables of allowed rows: {"variables": [{name, values}], "tables": [{scope, tuples}]}.

    `scope` holds positions of variables, `tuples` positions of their values. Raises ValueError for anything else.
    """
    if not isinstance(data, dict) or not isinstance(data.get("variables"), list):
        raise ValueError("the file has no list of variables")
    groups = tuple(_group(place, entry) for place, entry in enumerate(data["variables"]))
    rules = tuple(_table(place, entry, groups) for place, entry in enumerate(data.get("tables", [])))
    return ConfigurationProblem(groups, rules=rules)


def _group(place: int, entry: Any) -> OptionGroup:
    try:
        return OptionGroup(GroupId(str(entry["name"])), tuple(OptionId(str(value)) for value in entry["values"]))
    except (TypeError, KeyError) as error:
        raise ValueError(f"variable {place} needs a name and values") from error


def _table(place: int, entry: Any, groups: Sequence[OptionGroup]) -> TableRule:
    try:
        scope = [groups[k] for k in entry["scope"]]
        rows = tuple(tuple(group.options[v] for group, v in zip(scope, row, strict=True)) for row in entry["tuples"])
    except (TypeError, KeyError, IndexError, ValueError) as error:
        raise ValueError(f"table {place} needs a scope, and rows as wide as it, of positions that there are") from error
    return TableRule(RuleId(str(entry.get("name", f"table {place}"))), tuple(group.id for group in scope), rows)
